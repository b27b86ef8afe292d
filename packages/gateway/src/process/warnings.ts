/** What is amiss with listeners, by name. */
type ListenerWarnings = Readonly<Record<string, readonly string[]>>

/** Those of several workers, each once. */
export function mergeWarnings(all: readonly ListenerWarnings[]): ListenerWarnings {
  const found: Record<string, string[]> = {}
  for (const [name, warnings] of all.flatMap((some) => Object.entries(some))) {
    found[name] = [...new Set([...(found[name] ?? []), ...warnings])]
  }
  return found
}

/** Writes into the log what begins to be amiss with listeners, and what no longer is: each once, not a line every time that somebody looks. */
export class Warnings {
  readonly #log: (message: string) => void
  #known: ReadonlySet<string> = new Set()

  constructor(log: (message: string) => void) {
    this.#log = log
  }

  /** What is amiss now, by listener. */
  note(warnings: ListenerWarnings): void {
    const now = new Set(
      Object.entries(warnings).flatMap(([name, texts]) => texts.map((text) => `listener ${name}: ${text}`)),
    )
    for (const warning of now) if (!this.#known.has(warning)) this.#log(warning)
    for (const warning of this.#known) if (!now.has(warning)) this.#log(`no longer so: ${warning}`)
    this.#known = now
  }
}
