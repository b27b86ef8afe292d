import { defaultAutoscale, type AutoscaleSpec } from '@pando/model'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decide, type Load, type Situation } from './decide.js'

const spec = (changes: Partial<AutoscaleSpec> = {}): AutoscaleSpec => ({
  ...defaultAutoscale,
  max: 10,
  concurrency: 10,
  rps: null,
  cpuPercent: null,
  memoryPercent: null,
  ...changes,
})

const unknown: Load = { inFlight: null, rps: null, cpu: null, memory: null }

const situation = (changes: Partial<Omit<Situation, 'load'>> & { readonly load?: Partial<Load> } = {}): Situation => ({
  spec: spec(),
  present: 1,
  past: { asked: [], moves: [], idleSince: null },
  held: 0,
  isRolling: false,
  now: 1_000_000,
  ...changes,
  load: { ...unknown, ...changes.load },
})

const askedAt = (at: number) => ({ asked: [{ at, replicas: 6 }], moves: [], idleSince: null })
const idleSince = (at: number) => ({ asked: [], moves: [], idleSince: at })

const replicasOf = (changes: Parameters<typeof situation>[0]): number => decide(situation(changes)).replicas

describe('decide', () => {
  it('gives every instance its share of what is in flight', () => {
    const { replicas, why } = decide(situation({ present: 2, load: { inFlight: 35 } }))
    expect({ replicas, why }).toEqual({ replicas: 4, why: '35 in flight, 10 an instance' })
  })

  it('does not move for less than a tenth', () => {
    expect(replicasOf({ present: 10, load: { inFlight: 91 } })).toBe(10)
    expect(replicasOf({ present: 10, load: { inFlight: 89 } })).toBe(9)
    expect(replicasOf({ present: 5, load: { inFlight: 54 } })).toBe(5)
    expect(replicasOf({ present: 5, load: { inFlight: 56 } })).toBe(6)
  })

  it('takes the target that asks for most', () => {
    const both = spec({ rps: 5 })
    expect(replicasOf({ spec: both, present: 3, load: { inFlight: 10, rps: 28 } })).toBe(6)
  })

  it('does not shrink while one of the targets is not known, and may grow', () => {
    const both = spec({ rps: 5 })
    expect(replicasOf({ spec: both, present: 3, load: { inFlight: 1 } })).toBe(3)
    expect(replicasOf({ spec: both, present: 3, load: { inFlight: 60 } })).toBe(6)
  })

  it('changes nothing when nothing is known', () => {
    expect(decide(situation({ present: 7 }))).toEqual({ replicas: 7, why: '', asked: null })
  })

  it('counts an instance that says nothing yet as idle on the way up and as busy on the way down', () => {
    const byCpu = spec({ concurrency: null, cpuPercent: 50 })
    expect(replicasOf({ spec: byCpu, present: 4, load: { cpu: { percent: 180, instances: 2 } } })).toBe(4)
    expect(replicasOf({ spec: byCpu, present: 4, load: { cpu: { percent: 260, instances: 2 } } })).toBe(6)
    expect(replicasOf({ spec: byCpu, present: 4, load: { cpu: { percent: 20, instances: 2 } } })).toBe(3)
  })

  it('grows to the double in a period, counted from its beginning', () => {
    expect(replicasOf({ present: 2, load: { inFlight: 100 } })).toBe(4)
    const past = { asked: [], moves: [{ at: 990_000, by: 2 }], idleSince: null }
    expect(replicasOf({ present: 4, past, load: { inFlight: 100 } })).toBe(4)
    expect(replicasOf({ present: 4, past, load: { inFlight: 100 }, now: 1_005_000 })).toBe(8)
  })

  it('shrinks only to what was asked for throughout the window', () => {
    expect(replicasOf({ present: 8, past: askedAt(941_000), load: { inFlight: 20 } })).toBe(6)
    expect(replicasOf({ present: 8, past: askedAt(939_000), load: { inFlight: 20 } })).toBe(2)
  })

  it('goes to sleep when it has been idle for long enough, and not while it rolls', () => {
    const sleepy = { spec: spec({ min: 0 }), load: { inFlight: 0 } }
    expect(replicasOf({ ...sleepy, past: idleSince(700_000) })).toBe(0)
    expect(replicasOf({ ...sleepy, past: idleSince(700_001) })).toBe(1)
    expect(replicasOf({ ...sleepy, past: idleSince(0), isRolling: true })).toBe(1)
    expect(replicasOf({ ...sleepy, past: idleSince(0), isRolling: true, isHeld: true })).toBe(1)
    expect(replicasOf({ ...sleepy, past: idleSince(0), held: 1 })).toBe(1)
    expect(replicasOf({ load: { inFlight: 0 }, past: idleSince(0) })).toBe(1)
  })

  it('wakes to one instance for a request that is held, and for nothing else', () => {
    const asleep = { spec: spec({ min: 0 }), present: 0 }
    expect(replicasOf({ ...asleep, held: 50 })).toBe(1)
    expect(replicasOf({ ...asleep, load: { inFlight: 500 } })).toBe(0)
  })

  it('takes no instance away while one revision replaces another, and may add some', () => {
    expect(replicasOf({ present: 4, isRolling: true, load: { inFlight: 1 } })).toBe(4)
    expect(replicasOf({ present: 4, isRolling: true, load: { inFlight: 60 } })).toBe(6)
    expect(replicasOf({ present: 4, isRolling: true, isHeld: true, load: { inFlight: 1 } })).toBe(1)
  })

  it('brings a count from outside the bounds back inside at once', () => {
    expect(replicasOf({ present: 12 })).toBe(10)
    expect(replicasOf({ spec: spec({ min: 3 }) })).toBe(3)
    expect(replicasOf({ spec: spec({ min: 3 }), present: 0 })).toBe(3)
  })
})

describe('decide, whatever the situation', () => {
  const now = 1_000_000
  const count = fc.integer({ min: 0, max: 40 })
  const pace = fc.record({
    stabilizationMs: fc.integer({ min: 0, max: 120_000 }),
    step: fc.oneof(fc.record({ percent: fc.integer({ min: 0, max: 100 }) }), fc.record({ count })),
    periodMs: fc.integer({ min: 1000, max: 60_000 }),
  })
  const usage = fc.option(
    fc.record({ percent: fc.integer({ min: 0, max: 5000 }), instances: fc.integer({ min: 0, max: 12 }) }),
  )
  const anyLoad = fc.record({
    inFlight: fc.option(fc.integer({ min: 0, max: 1000 })),
    rps: fc.option(fc.integer({ min: 0, max: 1000 })),
    cpu: usage,
    memory: usage,
  })
  const target = fc.option(fc.integer({ min: 1, max: 200 }))
  const anySituation: fc.Arbitrary<Situation> = fc.record({
    spec: fc
      .record({
        min: fc.integer({ min: 0, max: 5 }),
        more: fc.integer({ min: 0, max: 20 }),
        concurrency: target,
        rps: target,
        cpuPercent: target,
        memoryPercent: target,
        up: pace,
        down: pace,
        idleMs: fc.integer({ min: 1000, max: 300_000 }),
        holdMs: fc.constant(60_000),
      })
      .map(({ more, ...rest }) => ({ ...rest, max: Math.max(1, rest.min + more) })),
    present: count,
    load: anyLoad,
    past: fc.record({
      asked: fc.array(fc.record({ at: fc.integer({ min: now - 150_000, max: now }), replicas: count }), {
        maxLength: 5,
      }),
      moves: fc.array(
        fc.record({ at: fc.integer({ min: now - 70_000, max: now }), by: fc.integer({ min: -5, max: 5 }) }),
        { maxLength: 5 },
      ),
      idleSince: fc.option(fc.integer({ min: now - 400_000, max: now })),
    }),
    held: fc.integer({ min: 0, max: 3 }),
    isRolling: fc.boolean(),
    now: fc.constant(now),
  })

  it('never leaves the bounds', () => {
    fc.assert(
      fc.property(anySituation, (any) => {
        const { replicas } = decide(any)
        expect(replicas).toBeGreaterThanOrEqual(any.spec.min)
        expect(replicas).toBeLessThanOrEqual(any.spec.max)
      }),
      { numRuns: 2000 },
    )
  })

  it('gives a reason exactly when the count changes', () => {
    fc.assert(
      fc.property(anySituation, (any) => {
        const { replicas, why } = decide(any)
        expect(why !== '').toBe(replicas !== any.present)
      }),
      { numRuns: 2000 },
    )
  })

  it('never asks for fewer instances when there is more to do', () => {
    const more = fc.record({ inFlight: fc.nat(500), rps: fc.nat(500), cpu: fc.nat(500), memory: fc.nat(500) })
    fc.assert(
      fc.property(anySituation, more, (less, added) => {
        const { inFlight, rps, cpu, memory } = less.load
        const grown = (before: typeof cpu, by: number) =>
          before === null ? null : { ...before, percent: before.percent + by }
        const load: Load = {
          inFlight: inFlight === null ? null : inFlight + added.inFlight,
          rps: rps === null ? null : rps + added.rps,
          cpu: grown(cpu, added.cpu),
          memory: grown(memory, added.memory),
        }
        expect(decide({ ...less, load }).replicas).toBeGreaterThanOrEqual(decide(less).replicas)
      }),
      { numRuns: 2000 },
    )
  })

  it('does not go up and down again within the window, however the load changes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 120 }), { minLength: 20, maxLength: 200 }), (loads) => {
        const asked: { at: number; replicas: number }[] = [{ at: 0, replicas: 1 }]
        const moves: { at: number; by: number }[] = []
        let present = 1
        let grownAt = -Infinity
        const keptMs: number[] = []
        for (const [second, inFlight] of loads.entries()) {
          const at = second * 1000
          const past = { asked, moves, idleSince: null }
          const decision = decide(situation({ present, past, load: { inFlight }, now: at }))
          if (decision.asked !== null) asked.push({ at, replicas: decision.asked })
          const by = decision.replicas - present
          if (by !== 0) moves.push({ at, by })
          if (by > 0) grownAt = at
          // A count that was needed is kept for a window after the need.
          if (by < 0) keptMs.push(at - grownAt)
          present = decision.replicas
        }
        expect(keptMs.filter((ms) => ms < 60_000)).toEqual([])
      }),
    )
  })
})
