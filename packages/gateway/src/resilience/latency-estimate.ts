/**
 * The 95th percentile of a stream of durations, in one number: every duration above it moves it up by 19 steps, every one below down by one,
 * so that it rests where 19 of 20 are below. A step is a share of the estimate, so that it follows a service that grows slower or faster.
 */
export class LatencyEstimate {
  /** Milliseconds; 0 before enough were seen. */
  get value(): number {
    return this.#count < enough ? 0 : this.#estimate
  }
  #estimate = 0
  #count = 0

  add(ms: number): void {
    if (this.#count < enough) this.#count++
    if (this.#estimate === 0) {
      this.#estimate = ms
      return
    }
    // Large steps at first, so that it gets near soon.
    const step = this.#estimate * (this.#count < enough ? 0.02 : 0.005)
    if (ms > this.#estimate) this.#estimate += 19 * step
    else if (ms < this.#estimate) this.#estimate -= step
  }
}

const enough = 50
