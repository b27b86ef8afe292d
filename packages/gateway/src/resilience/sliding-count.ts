const slots = 10

/** How often something happened in the last while, to a tenth of it. Times are milliseconds on the caller's clock, never going back. */
export class SlidingCount {
  sum = 0
  readonly #slotMs: number
  readonly #counts = new Float64Array(slots)
  #slot = 0
  #slotEnd: number

  constructor(windowMs: number, now: number) {
    this.#slotMs = windowMs / slots
    this.#slotEnd = now + this.#slotMs
  }

  add(now: number): void {
    if (now >= this.#slotEnd) this.forget(now)
    this.#counts[this.#slot]++
    this.sum++
  }

  /** Leaves out what is older than the window, so that `sum` is right at `now`. */
  forget(now: number): void {
    if (now < this.#slotEnd) return
    const passed = Math.floor((now - this.#slotEnd) / this.#slotMs) + 1
    for (let step = 0; step < Math.min(passed, slots); step++) {
      this.#slot = (this.#slot + 1) % slots
      this.sum -= this.#counts[this.#slot]
      this.#counts[this.#slot] = 0
    }
    this.#slotEnd += passed * this.#slotMs
  }

  clear(): void {
    this.#counts.fill(0)
    this.sum = 0
  }
}
