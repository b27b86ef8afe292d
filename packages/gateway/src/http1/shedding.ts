import { LoopDelay } from '../resilience/loop-delay.js'
import { tickMs, type TimerWheel, WheelTimer } from '../timer-wheel.js'

/** Two ticks go by from one look to the next when nothing keeps the worker busy. */
const periodMs = 2 * tickMs

/** Measures how late this worker is with its work, while it has a limit for that. */
export class Shedding {
  readonly #wheel: TimerWheel
  readonly #timer: WheelTimer<Shedding>
  readonly #delay = new LoopDelay()
  #limitMs: number | null = null
  #lookedAt = 0

  constructor(wheel: TimerWheel) {
    this.#wheel = wheel
    this.#timer = new WheelTimer<Shedding>(this, look)
  }

  /** Requests from outside are refused for the time being. */
  get isOn(): boolean {
    return this.#delay.isOverloaded
  }

  /** Null: nothing is measured, and nothing refused. */
  setLimit(limitMs: number | null): void {
    if (limitMs === this.#limitMs) return
    this.#limitMs = limitMs
    this.#lookedAt = this.#wheel.now
    if (limitMs === null) {
      this.#wheel.cancel(this.#timer)
      this.#delay.note(0, 0, this.#wheel.now)
    } else {
      this.#wheel.schedule(this.#timer, tickMs)
    }
  }

  look(): void {
    const { now } = this.#wheel
    const limitMs = this.#limitMs
    if (limitMs === null) return
    // A wheel that is late makes up for its ticks in one go: they all have the same time, and only the first of them was waited for.
    if (now > this.#lookedAt) this.#delay.note(now - this.#lookedAt - periodMs, limitMs, now)
    this.#lookedAt = now
    this.#wheel.schedule(this.#timer, tickMs)
  }
}

function look(shedding: Shedding): void {
  shedding.look()
}
