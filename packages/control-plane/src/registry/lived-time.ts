/**
 * Time that this process was awake to see, in milliseconds from 0. The wall clock may jump, the machine may sleep and the event loop may
 * stall, and in all three heartbeats were perhaps sent that nobody could read: such time does not count. Steps longer than
 * `maxStepMs` and backward ones are taken for that.
 */
export class LivedTime {
  readonly #maxStepMs: number
  #last: number
  #lived = 0

  constructor(options: { readonly now: number; readonly maxStepMs: number }) {
    this.#last = options.now
    this.#maxStepMs = options.maxStepMs
  }

  get lived(): number {
    return this.#lived
  }

  /** Goes on to wall time `now`. True when the step was credible and counted; false when it was a jump or a stall. */
  advance(now: number): boolean {
    const step = now - this.#last
    this.#last = now
    if (step < 0 || step > this.#maxStepMs) return false
    this.#lived += step
    return true
  }
}
