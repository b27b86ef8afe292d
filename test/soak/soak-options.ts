import type { SoakDriver } from './soak-app.js'

export interface SoakOptions {
  readonly driver: SoakDriver
  /** How often each kind of step is taken, see `countsOf`. */
  readonly rounds: number
  /** Begins nothing new after so many minutes, and says what was done until then. */
  readonly minutes: number
  /** Requests a second, in all; WebSockets and streams together send as many messages. */
  readonly rate: number
  /** The same victims and kinds again; when they are hit is the machine's. */
  readonly seed: number
  /** Markdown of the result is written here. */
  readonly write: string | null
}

const short = { driver: 'process', rounds: 2, minutes: 15, rate: 120 } as const

/** `text` is JSON of the options that differ from the short form, as `scripts/soak.mjs` hands it over. */
export function soakOptions(text: string | undefined): SoakOptions {
  const given = JSON.parse(text ?? '{}') as Partial<SoakOptions>
  return { ...short, seed: Math.floor(Math.random() * 2 ** 31), write: null, ...given }
}

export const soakSteps = [
  'deploy',
  'kill',
  'kill in mid-rollout',
  'plane kill',
  'bad deploy',
  'rollback',
  'abort',
] as const
export type SoakStep = (typeof soakSteps)[number]

/** Of 100 rounds: 100 deploys, 100 kills, 20 kills of the control plane, 20 bad deploys. */
export function countsOf(rounds: number): Record<SoakStep, number> {
  const share = (part: number, least: number): number => Math.max(least, Math.ceil(rounds * part))
  return {
    deploy: rounds,
    kill: rounds,
    'kill in mid-rollout': share(0.15, 2),
    'plane kill': share(0.2, 3),
    'bad deploy': share(0.2, 3),
    rollback: share(0.1, 2),
    abort: share(0.1, 1),
  }
}

/** What is done, in order: everything spread evenly over the rounds, so that each kind meets what the others leave. */
export function stepsOf(rounds: number): SoakStep[] {
  const counts = countsOf(rounds)
  return soakSteps
    .flatMap((step, kind) =>
      Array.from({ length: counts[step] }, (_, index) => ({ step, at: (index + 0.12 * (kind + 1)) / counts[step] })),
    )
    .toSorted((a, b) => a.at - b.at)
    .map(({ step }) => step)
}
