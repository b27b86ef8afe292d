import type { Clock } from '../clock.js'

/** A clock that goes when it is told to: timers fire in order of their time, each seeing its own time as now. */
export class ManualClock implements Clock {
  #now: number
  #timers: { at: number; order: number; callback: () => void }[] = []
  #order = 0

  constructor(now = 1_000_000) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#now + ms, order: this.#order++, callback }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** Lives through `ms`. */
  go(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at || a.order - b.order)[0]
      if (next === undefined) break
      this.#timers = this.#timers.filter((timer) => timer !== next)
      this.#now = Math.max(this.#now, next.at)
      next.callback()
    }
    this.#now = end
  }

  /** Jumps, or the process stalls: no timer fires until it goes on, then each once, late. */
  jump(ms: number): void {
    this.#now += ms
    if (ms < 0) for (const timer of this.#timers) timer.at += ms
  }

  get pending(): number {
    return this.#timers.length
  }
}
