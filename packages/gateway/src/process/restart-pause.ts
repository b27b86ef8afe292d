/** A worker that lived so long was sound: its end is no crash loop. */
const soundMs = 10_000
const freeCrashes = 3
const firstPauseMs = 100
const longestPauseMs = 5_000

/** How long to wait before a worker that has ended is replaced: not at all, unless they keep dying young. */
export class RestartPause {
  #crashes = 0

  /** Milliseconds, for a worker that lived so long. */
  after(livedMs: number): number {
    this.#crashes = livedMs >= soundMs ? 0 : this.#crashes + 1
    if (this.#crashes <= freeCrashes) return 0
    return Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(this.#crashes - freeCrashes - 1, 10))
  }
}
