import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'

/** How long orphaned workers serve on without a word of a successor, by a table that gets old. */
const serveOnMs = 30_000
const lookEveryMs = 10

/**
 * How the workers of a primary that was killed hand their ports to the next primary. They hold copies of the listening sockets and serve
 * on; a successor that is ready but finds a port taken announces itself by its name in a file of the state directory. When they see a name
 * there that is not their own primary's, they close their sockets and drain, and the successor, which has kept trying, binds.
 */
export class Takeover {
  readonly #path: string
  readonly #name: string

  /** `name` is one that no other primary of this state directory has had. */
  constructor(path: string, name: string) {
    this.#path = path
    this.#name = name
  }

  /** What an earlier primary announced is no word to our workers. */
  clear(): void {
    rmSync(this.#path, { force: true })
  }

  /** Where it cannot be written (the disk is full), the ports come free only when the orphans give up waiting. */
  announce(): void {
    try {
      writeFileSync(`${this.#path}.new`, this.#name, { mode: 0o600 })
      renameSync(`${this.#path}.new`, this.#path)
    } catch {
      rmSync(`${this.#path}.new`, { force: true })
    }
  }

  /** Resolves when another primary has announced itself, or when it is time to give up waiting for one. */
  async succeeded(): Promise<void> {
    const until = performance.now() + serveOnMs
    while (!this.#isSucceeded() && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs))
    }
  }

  #isSucceeded(): boolean {
    try {
      return readFileSync(this.#path, 'utf8') !== this.#name
    } catch {
      return false
    }
  }
}
