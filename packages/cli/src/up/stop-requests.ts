/** Counts Ctrl-C, SIGTERM and SIGHUP: one asks to stop, more insist. */
export class StopRequests {
  #count = 0
  #onRequest: (() => void) | null = null
  readonly #signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  readonly #note = (): void => {
    this.#count++
    this.#onRequest?.()
  }

  constructor() {
    for (const signal of this.#signals) process.on(signal, this.#note)
  }

  get count(): number {
    return this.#count
  }

  onRequest(callback: () => void): void {
    this.#onRequest = callback
  }

  close(): void {
    for (const signal of this.#signals) process.off(signal, this.#note)
  }
}
