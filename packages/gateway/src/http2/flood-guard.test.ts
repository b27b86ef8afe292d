import { describe, expect, it } from 'vitest'
import { cost, FloodGuard } from './flood-guard.js'

/** How many of them go before the guard has enough, all at once. */
function most(points: number, limit = 10_000): number {
  const guard = new FloodGuard(0)
  for (let count = 0; count < limit; count++) if (!guard.spend(points, 0)) return count
  return limit
}

describe('FloodGuard', () => {
  it.each([
    ['resets', cost.reset, 200],
    ['pings', cost.ping, 1000],
    ['settings', cost.settings, 200],
    ['refused streams', cost.refusal, 1000],
  ])('lets a burst of %s pass and no more', (_name, points, count) => {
    expect(most(points)).toBe(count)
  })

  it('gives back with time, but never more than there was', () => {
    const guard = new FloodGuard(0)
    for (let count = 0; count < 200; count++) expect(guard.spend(10, 0)).toBe(true)
    expect(guard.spend(10, 100)).toBe(true)
    expect(guard.spend(20, 100)).toBe(false)
    const rested = new FloodGuard(0)
    let count = 0
    while (rested.spend(10, 3_600_000)) count++
    expect(count).toBe(401)
  })

  it('lets steady use go on for ever', () => {
    const guard = new FloodGuard(0)
    let isCalm = true
    for (let second = 1; second <= 600; second++) {
      for (let ping = 0; ping < 90; ping++) isCalm &&= guard.spend(cost.ping, second * 1000)
    }
    expect(isCalm).toBe(true)
  })

  it('counts a reset against each request as more than the request gives back', () => {
    const guard = new FloodGuard(0)
    let isCalm = true
    for (let count = 0; count < 900; count++) {
      guard.onAnswered()
      isCalm &&= guard.spend(cost.reset, 0) && guard.spend(cost.ping, 0)
    }
    expect(isCalm).toBe(true)
    let resets = 0
    while (guard.spend(cost.reset, 0)) resets++
    expect(resets).toBeLessThan(200)
  })
})
