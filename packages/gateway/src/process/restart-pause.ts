/** A worker that served for so long was sound: its end is no crash loop. */
const soundMs = 10_000
const freeCrashes = 3
const firstPauseMs = 100
const longestPauseMs = 5_000

/** How long to wait before a worker that has ended is replaced: not at all, unless it keeps ending young. */
export class RestartPause {
  readonly #random: () => number
  #inARow = 0

  /** `random`: from 0 to below 1. */
  constructor(random: () => number) {
    this.#random = random
  }

  /** Ends in a row, each before it had served for a while; 0 after one that had. */
  get inARow(): number {
    return this.#inARow
  }

  /** Milliseconds, for a worker that served for so long; half to all of the pause, so that not all start at once. */
  after(servedMs: number): number {
    this.#inARow = servedMs >= soundMs ? 0 : this.#inARow + 1
    if (this.#inARow <= freeCrashes) return 0
    const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(this.#inARow - freeCrashes - 1, 10))
    return Math.round(pauseMs * (0.5 + this.#random() / 2))
  }
}
