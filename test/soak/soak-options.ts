export interface SoakOptions {
  readonly driver: 'process' | 'container'
  readonly deploys: number
  readonly kills: number
  readonly planeKills: number
  readonly badDeploys: number
  /** Begins nothing new after so many minutes, and says what was done until then. */
  readonly minutes: number
  /** The same victims and kinds again; when they are hit is the machine's. */
  readonly seed: number
  /** Markdown of the result is written here. */
  readonly write: string | null
}

const short = { driver: 'process', deploys: 5, kills: 5, planeKills: 3, badDeploys: 3, minutes: 10 } as const

/** `text` is JSON of the options that differ from the short form, as `scripts/soak.mjs` hands it over. */
export function soakOptions(text: string | undefined): SoakOptions {
  const given = JSON.parse(text ?? '{}') as Partial<SoakOptions>
  return { ...short, seed: Math.floor(Math.random() * 2 ** 31), write: null, ...given }
}

/** What is done, in order: everything spread evenly over the rounds, so that each kind meets what the others leave. */
export function stepsOf(options: SoakOptions): SoakStep[] {
  const { deploys, kills, planeKills, badDeploys } = options
  const counts: readonly [SoakStep, number][] = [
    ['deploy', deploys],
    ['kill', kills],
    ['plane kill', planeKills],
    ['bad deploy', badDeploys],
  ]
  return counts
    .flatMap(([step, count], kind) =>
      Array.from({ length: count }, (_, index) => ({ step, at: (index + 0.2 * (kind + 1)) / count })),
    )
    .toSorted((a, b) => a.at - b.at)
    .map(({ step }) => step)
}

export type SoakStep = 'deploy' | 'kill' | 'plane kill' | 'bad deploy'
