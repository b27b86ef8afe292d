import type { Clock } from './clock.js'
import type { NewEvent } from './events/events.js'

export interface UnwritableStateOptions {
  readonly clock: Clock
  /** Null when it could not be written. */
  readonly emit: (event: NewEvent) => unknown
  /** Told once each time that it begins, and once when it is over. */
  readonly onFault: (what: string, error: unknown) => void
}

const tryEveryMs = 2000

/** That there is no room to write the state: told once when it begins, shown while it lasts, and told again when it is over. */
export class UnwritableState {
  readonly #options: UnwritableStateOptions
  #since: { readonly at: number; readonly message: string; lostEvents: number } | null = null
  #cancel = (): void => {}

  constructor(options: UnwritableStateOptions) {
    this.#options = options
  }

  /** One sentence, with what to do; null when all can be written. */
  get fault(): string | null {
    return this.#since?.message ?? null
  }

  /** A write was refused. */
  note(error: Error & { readonly hint?: string | undefined }): void {
    if (this.#since !== null) return
    const what = `${error.message}. What runs is watched and served on; what ends may not start again, changes are refused and rollouts wait`
    const message = error.hint === undefined ? what : `${what}; ${error.hint}`
    this.#since = { at: this.#options.clock.now(), message, lostEvents: 0 }
    this.#options.onFault('the state cannot be written', new Error(message))
    this.#tryLater()
  }

  /** An event could not be written. True when that needs no word of its own, as the cause was told. */
  lose(): boolean {
    if (this.#since === null) return false
    this.#since.lostEvents++
    return true
  }

  close(): void {
    this.#cancel()
    this.#cancel = () => {}
  }

  #tryLater(): void {
    this.#cancel()
    this.#cancel = this.#options.clock.after(tryEveryMs, () => this.#try())
  }

  /** The event that it is over is itself what shows it to be. */
  #try(): void {
    const since = this.#since
    if (since === null) return
    const seconds = Math.round((this.#options.clock.now() - since.at) / 1000)
    const lost = since.lostEvents === 0 ? '' : `; ${since.lostEvents} events of that time are missing`
    const message = `the state can be written again, after ${seconds} s without room${lost}`
    if (this.#options.emit({ kind: 'store.recovered', message }) === null) {
      this.#tryLater()
      return
    }
    // The log is mostly on that disk, too, and may have missed the beginning.
    this.#options.onFault(message, new Error(since.message))
    this.#since = null
  }
}
