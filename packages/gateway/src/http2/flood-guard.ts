/**
 * What frames cost that ask for work and bring none. Ordinary use stays far below: what is spent comes back with time and with work that is
 * done. The first line of each names the attack.
 */
export const cost = {
  /** Rapid reset (CVE-2023-44487). A browser that leaves a page resets what is open, a hundred at most. */
  reset: 10,
  /** Errors that make us reset (CVE-2025-8671, "MadeYouReset"): the work is begun and thrown away just the same. */
  streamError: 10,
  /** Streams too many: a client may send some before it has read how many we allow. */
  refusal: 2,
  /** SETTINGS flood (CVE-2019-9515). */
  settings: 10,
  /** PING flood (CVE-2019-9512). Measuring clients send one a round trip. */
  ping: 2,
  /** PRIORITY and GREASE: read, and of no effect. */
  ignored: 1,
  /** Empty DATA that does not end anything (CVE-2019-9518). */
  emptyData: 5,
  /** WINDOW_UPDATE flood; a window that grows by little makes small frames (CVE-2019-9511). */
  windowUpdate: 1,
  smallWindowUpdate: 4,
} as const

const capacity = 2_000
const perSecond = 200
/** What a request that was answered gives back, and a frame of data that was sent: a client acknowledges it on stream and connection. */
const perRequest = 10
const perDataSent = 2

/** One connection's credit for such frames. Time is passed in, in milliseconds. */
export class FloodGuard {
  #left = capacity
  #since: number

  constructor(now: number) {
    this.#since = now
  }

  /** False when the credit is used up: the connection is to end (ENHANCE_YOUR_CALM). */
  spend(points: number, now: number): boolean {
    this.#left -= points
    if (this.#left >= 0) return true
    this.#give(((now - this.#since) * perSecond) / 1_000)
    this.#since = now
    return this.#left >= 0
  }

  onAnswered(): void {
    this.#give(perRequest)
  }

  onDataSent(): void {
    this.#give(perDataSent)
  }

  #give(points: number): void {
    this.#left = Math.min(capacity, this.#left + points)
  }
}
