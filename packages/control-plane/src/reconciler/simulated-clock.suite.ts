import type { Clock } from '../clock.js'

interface Timer {
  readonly due: number
  readonly order: number
  readonly callback: () => void
}

/** What is done again at once, whatever became of it, would be done for ever. */
const mostRounds = 1000

/** Time for simulations: timers run on steady time, `now()` can be set as an operator or NTP would. */
export class SimulatedClock implements Clock {
  /** Ms since the beginning, never set. */
  steady = 0
  #offset: number
  #order = 0
  #timers: Timer[] = []

  constructor(epoch = 1_700_000_000_000) {
    this.#offset = epoch
  }

  now(): number {
    return this.steady + this.#offset
  }

  /** The time of day leaps; timers do not. */
  jump(ms: number): void {
    this.#offset += ms
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { due: this.steady + Math.max(0, Math.ceil(ms)), order: this.#order++, callback }
    let at = this.#timers.length
    while (at > 0 && this.#timers[at - 1].due > timer.due) at--
    this.#timers.splice(at, 0, timer)
    return () => {
      const index = this.#timers.indexOf(timer)
      if (index >= 0) this.#timers.splice(index, 1)
    }
  }

  /** Lets `ms` go by. All promises settle before time moves on; `onInstant` is called after every instant at which anything happened. */
  async pass(ms: number, onInstant: () => void = () => {}): Promise<void> {
    const end = this.steady + ms
    await settle()
    onInstant()
    let before = this.steady
    let rounds = 0
    while (this.#timers.length > 0 && this.#timers[0].due <= end) {
      this.steady = Math.max(this.steady, this.#timers[0].due)
      while (this.#timers.length > 0 && this.#timers[0].due <= this.steady) this.#timers.shift()!.callback()
      rounds = this.steady === before ? rounds + 1 : 0
      before = this.steady
      if (rounds > mostRounds) throw new Error(`something is done again and again at ${this.steady}`)
      await settle()
      onInstant()
    }
    this.steady = end
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
