/** A person does not press Ctrl-C twice so fast; npm passes one on within a few milliseconds. */
const echoMs = 300

export interface StopRequestsOptions {
  /** npm says here that it has started us. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Unix time, milliseconds. */
  readonly now: () => number
}

/**
 * Counts Ctrl-C, SIGTERM and SIGHUP: one asks to stop, more insist. The terminal sends Ctrl-C to npm and to us, and npm passes
 * its own on to us as well: under npm, two in quick succession are one.
 */
export class StopRequests {
  #count = 0
  #lastInterrupt = Number.NEGATIVE_INFINITY
  #onRequest: (() => void) | null = null
  readonly #hasEcho: boolean
  readonly #now: () => number
  readonly #signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  readonly #note = (signal: NodeJS.Signals): void => {
    if (signal === 'SIGINT' && this.#isEcho()) return
    if (signal === 'SIGHUP') return this.#loseReader()
    this.#count++
    this.#onRequest?.()
  }

  /** A terminal that was closed, or a pipe's reader that has left. Both are told in several ways at once: never more than a first request. */
  readonly #loseReader = (): void => {
    if (this.#count > 0) return
    this.#count = 1
    this.#onRequest?.()
  }

  constructor(options: StopRequestsOptions) {
    this.#hasEcho = options.env['npm_lifecycle_event'] !== undefined
    this.#now = options.now
    for (const signal of this.#signals) process.on(signal, this.#note)
    process.stdout.on('error', this.#loseReader)
  }

  get count(): number {
    return this.#count
  }

  onRequest(callback: () => void): void {
    this.#onRequest = callback
  }

  close(): void {
    for (const signal of this.#signals) process.off(signal, this.#note)
    process.stdout.off('error', this.#loseReader)
  }

  #isEcho(): boolean {
    const now = this.#now()
    const isEcho = this.#hasEcho && now - this.#lastInterrupt < echoMs
    if (!isEcho) this.#lastInterrupt = now
    return isEcho
  }
}
