/**
 * Asks whether a moment has come and remembers the earliest that has not. A plan asks only where the answer decides a step,
 * so that `wakeAt` is exactly when the plan would change by itself.
 */
export class Alarm {
  readonly now: number
  #wakeAt: number | null = null

  constructor(now: number) {
    this.now = now
  }

  /** Unix time, ms; null when nothing waits for time. */
  get wakeAt(): number | null {
    return this.#wakeAt
  }

  /** True from `at` on. */
  reached(at: number): boolean {
    if (at <= this.now) return true
    if (this.#wakeAt === null || at < this.#wakeAt) this.#wakeAt = at
    return false
  }

  /**
   * True when `durationMs` have gone by since `since`. A `since` that lies ahead was written before the clock was set back:
   * the time counts from now on, and can so be at most as long as it should be once whoever keeps `since` corrects it too.
   */
  passed(since: number, durationMs: number): boolean {
    return this.reached(Math.min(since, this.now) + durationMs)
  }
}
