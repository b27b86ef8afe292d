import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tickMs, TimerWheel, type WheelClock, WheelTimer } from './timer-wheel.js'

/** A clock that stands still until it is told to go on. */
class HandClock implements WheelClock {
  time = 12_345.6
  #callbacks: (() => void)[] = []

  now(): number {
    return this.time
  }

  every(_ms: number, callback: () => void): () => void {
    this.#callbacks.push(callback)
    return () => {
      this.#callbacks = []
    }
  }

  /** Time passes in steps of a tick, as an interval sees it. */
  pass(ms: number): void {
    const end = this.time + ms
    while (this.time < end) {
      this.time = Math.min(end, this.time + tickMs)
      for (const callback of this.#callbacks) callback()
    }
  }

  /** Time passes while the process sleeps: one late call. */
  jump(ms: number): void {
    this.time += ms
    for (const callback of this.#callbacks) callback()
  }
}

function setUp() {
  const clock = new HandClock()
  const wheel = new TimerWheel(clock)
  const fired: { name: string; at: number }[] = []
  const timer = (name: string) => new WheelTimer(name, (owner) => fired.push({ name: owner, at: clock.time }))
  return { clock, wheel, fired, timer, start: clock.time }
}

describe('TimerWheel', () => {
  it('expires each timer once, never early and at most two ticks late', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 200_000 }), { minLength: 1, maxLength: 20 }), (delays) => {
        const { clock, wheel, fired, timer, start } = setUp()
        delays.forEach((delay, index) => wheel.schedule(timer(String(index)), delay))
        clock.pass(200_000 + 3 * tickMs)
        expect(fired).toHaveLength(delays.length)
        for (const { name, at } of fired) {
          const late = at - start - (delays[Number(name)] ?? 0)
          expect(late).toBeGreaterThanOrEqual(0)
          expect(late).toBeLessThanOrEqual(2 * tickMs + 0.001)
        }
      }),
      { numRuns: 30 },
    )
  })

  it('agrees with a list of deadlines through any history of schedule, put off, bring forward and cancel', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('schedule' as const), timer: fc.nat(4), ms: fc.integer({ min: 0, max: 80_000 }) }),
      fc.record({ kind: fc.constant('cancel' as const), timer: fc.nat(4), ms: fc.constant(0) }),
      fc.record({ kind: fc.constant('pass' as const), timer: fc.constant(0), ms: fc.integer({ min: 1, max: 60_000 }) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const { clock, wheel, fired, timer } = setUp()
        const timers = Array.from({ length: 5 }, (_, index) => timer(String(index)))
        const due = new Map<string, number>()
        const wrong: string[] = []
        for (const { kind, timer: index, ms } of steps) {
          const one = timers[index]
          if (one === undefined) throw new Error('no such timer')
          if (kind === 'schedule') {
            wheel.schedule(one, ms)
            due.set(one.owner, clock.time + ms)
          } else if (kind === 'cancel') {
            wheel.cancel(one)
            due.delete(one.owner)
          } else {
            const before = fired.length
            clock.pass(ms)
            for (const { name, at } of fired.slice(before)) {
              if (at < (due.get(name) ?? Infinity)) wrong.push(`${name} at ${at}`)
              due.delete(name)
            }
            for (const [name, deadline] of due) {
              if (deadline <= clock.time - 2 * tickMs - 0.001) wrong.push(`${name} not by ${clock.time}`)
            }
          }
          for (const each of timers) expect(each.isScheduled).toBe(due.has(each.owner))
          expect(wrong).toEqual([])
        }
      }),
      { numRuns: 200 },
    )
  })

  it('lets callbacks schedule and cancel, also what is due with them', () => {
    const { clock, wheel, fired, timer } = setUp()
    const second = timer('second')
    const again = timer('again')
    const first = new WheelTimer('first', () => {
      wheel.cancel(second)
      wheel.schedule(again, 100)
    })
    wheel.schedule(first, 500)
    wheel.schedule(second, 500)
    clock.pass(2_000)
    expect(fired.map((entry) => entry.name)).toEqual(['again'])
  })

  it('catches up after a sleep longer than the wheel', () => {
    const { clock, wheel, fired, timer } = setUp()
    wheel.schedule(timer('short'), 300)
    wheel.schedule(timer('long'), 3_000_000)
    clock.jump(600_000)
    expect(fired.map((entry) => entry.name)).toEqual(['short'])
    clock.jump(2_500_000)
    expect(fired.map((entry) => entry.name)).toEqual(['short', 'long'])
  })

  it('stops', () => {
    const { clock, wheel, fired, timer } = setUp()
    wheel.schedule(timer('never'), 100)
    wheel.stop()
    clock.pass(1_000)
    expect(fired).toEqual([])
  })
})
