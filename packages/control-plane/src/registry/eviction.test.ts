import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decideEviction, initialEviction, maxPauseMs } from './eviction.js'
import type { EvictionState, LeaseView } from './eviction.js'
import { LivedTime } from './lived-time.js'

const ttlMs = 10_000

function lease(service: string, id: number, renewedAt: number): LeaseView {
  return { key: `${service}/${id}`, service, renewedAt, ttlMs }
}

/** `silent` leases last renewed at 0 and `lively` ones at `now`. */
function herd(service: string, silent: number, lively: number, now: number): LeaseView[] {
  return [
    ...Array.from({ length: silent }, (_, i) => lease(service, i, 0)),
    ...Array.from({ length: lively }, (_, i) => lease(service, 100 + i, now)),
  ]
}

describe('decideEviction', () => {
  test('one that is silent among many ends when its time is over, not before', () => {
    expect(decideEviction(herd('a', 1, 4, 9_999), initialEviction(), 9_999).evict).toEqual([])
    expect(decideEviction(herd('a', 1, 4, ttlMs), initialEviction(), ttlMs).evict).toEqual(['a/0'])
  })

  test('a small service may lose all of its two, as long as others are heard', () => {
    const leases = [...herd('a', 2, 0, ttlMs), ...herd('b', 0, 3, ttlMs)]
    expect(decideEviction(leases, initialEviction(), ttlMs).evict).toEqual(['a/0', 'a/1'])
  })

  test('half of a service may go, more than half pauses it; other services go on', () => {
    const half = [...herd('a', 4, 4, ttlMs), ...herd('b', 0, 9, ttlMs)]
    expect(decideEviction(half, initialEviction(), ttlMs).evict.length).toBe(4)
    const more = [...herd('a', 5, 4, ttlMs), ...herd('b', 1, 9, ttlMs)]
    const decision = decideEviction(more, initialEviction(), ttlMs)
    expect(decision.evict).toEqual(['b/0'])
    expect(decision.newlyPaused).toEqual([{ group: 'a', silent: 5, all: 9 }])
    expect(decideEviction(more, decision.state, ttlMs + 500).newlyPaused).toEqual([])
  })

  test('many small services that fall silent together are a herd as well', () => {
    const leases = ['a', 'b', 'c'].flatMap((service) => herd(service, 1, 0, ttlMs))
    const decision = decideEviction(leases, initialEviction(), ttlMs)
    expect(decision.evict).toEqual([])
    expect(decision.newlyPaused).toEqual([{ group: '*', silent: 3, all: 3 }])
  })

  test('when renewals return, those still due get their whole time again', () => {
    const paused = decideEviction(herd('a', 6, 0, ttlMs), initialEviction(), ttlMs)
    const back = [...herd('a', 2, 4, 15_000)]
    const decision = decideEviction(back, paused.state, 15_000)
    expect(decision.evict).toEqual([])
    expect(decision.forgive).toEqual(['a/0', 'a/1'])
    expect([...decision.resumed].sort()).toEqual(['*', 'a'])
  })

  test('after the longest pause they are really gone', () => {
    const leases = herd('a', 5, 0, 0)
    const paused = decideEviction(leases, initialEviction(), ttlMs)
    const before = decideEviction(leases, paused.state, ttlMs + maxPauseMs - 1)
    expect(before.evict).toEqual([])
    expect(decideEviction(leases, before.state, ttlMs + maxPauseMs).evict.length).toBe(5)
  })

  test('however the last heartbeats were spread, a herd that falls silent is never evicted by more than half', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: ttlMs - 1 }), { minLength: 4, maxLength: 40 }), (offsets) => {
        let state: EvictionState = initialEviction()
        const left = new Map(offsets.map((at, i) => [`a/${i}`, lease('a', i, at)]))
        for (let now = 0; now < maxPauseMs; now += 500) {
          const decision = decideEviction(left.values(), state, now)
          state = decision.state
          for (const key of decision.evict) left.delete(key)
          for (const key of decision.forgive) left.set(key, { ...left.get(key)!, renewedAt: now })
          expect(left.size * 2).toBeGreaterThanOrEqual(offsets.length)
        }
      }),
      // Two end, then the others are paused with them: that the first two are forgotten must not end the pause.
      { numRuns: 25, examples: [[[5500, 0, 0, 5000]]] },
    )
  })
})

describe('LivedTime', () => {
  test('counts credible steps and leaves out jumps either way', () => {
    const time = new LivedTime({ now: 100, maxStepMs: 1_000 })
    expect(time.advance(600)).toBe(true)
    expect(time.advance(90_000)).toBe(false)
    expect(time.advance(90_500)).toBe(true)
    expect(time.advance(10)).toBe(false)
    expect(time.advance(20)).toBe(true)
    expect(time.lived).toBe(1_010)
  })
})
