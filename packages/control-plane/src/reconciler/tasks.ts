/**
 * Work under way beside the loop. One key has at most one task, so there are never more than the things they are about;
 * whatever becomes of a task, `onEnd` is called and nothing is left unhandled.
 */
export class Tasks {
  readonly #running = new Map<string, Promise<void>>()
  readonly #onError: (key: string, error: unknown) => void
  readonly #onEnd: () => void

  constructor(options: { onError: (key: string, error: unknown) => void; onEnd: () => void }) {
    this.#onError = options.onError
    this.#onEnd = options.onEnd
  }

  get size(): number {
    return this.#running.size
  }

  /** False when a task of that key is still under way; `work` is not called then. */
  run(key: string, work: () => Promise<void>): boolean {
    if (this.#running.has(key)) return false
    const task = Promise.resolve()
      .then(work)
      .catch((error: unknown) => this.#onError(key, error))
      .finally(() => {
        this.#running.delete(key)
        this.#onEnd()
      })
    this.#running.set(key, task)
    return true
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.#running.values())
  }
}
