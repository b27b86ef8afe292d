import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { longestMs, quietMs, Schedule } from './schedule.js'

describe('a schedule', () => {
  it('waits until changes have become quiet, and then names them as one job', () => {
    const schedule = new Schedule()
    schedule.change('users', 'rebuild', 'a.js', 0)
    schedule.change('users', 'rebuild', 'b.js', 100)
    expect(schedule.nextAt()).toBe(100 + quietMs)
    expect(schedule.take(100 + quietMs - 1)).toEqual([])
    expect(schedule.take(100 + quietMs)).toEqual([
      { key: 'users', action: 'rebuild', paths: ['a.js', 'b.js'], count: 2 },
    ])
    expect(schedule.nextAt()).toBeNull()
  })

  it('does not wait for ever for what never becomes quiet', () => {
    const schedule = new Schedule()
    for (let at = 0; at <= longestMs; at += quietMs - 1) schedule.change('users', 'rebuild', 'a.js', at)
    expect(schedule.take(longestMs)).toHaveLength(1)
  })

  it('makes of all changes during a job exactly one more', () => {
    const schedule = new Schedule()
    schedule.change('users', 'rebuild', 'a.js', 0)
    schedule.take(quietMs)
    for (let at = 1_000; at < 1_020; at++) schedule.change('users', 'rebuild', 'a.js', at)
    expect(schedule.take(60_000)).toEqual([])
    expect(schedule.nextAt()).toBeNull()
    schedule.done('users')
    expect(schedule.take(60_000)).toHaveLength(1)
    schedule.done('users')
    expect(schedule.take(120_000)).toEqual([])
  })

  it('lets one service wait for no other', () => {
    const schedule = new Schedule()
    schedule.change('users', 'rebuild', 'a.js', 0)
    schedule.take(quietMs)
    schedule.change('orders', 'restart', 'b.js', quietMs)
    expect(schedule.take(2 * quietMs).map(({ key }) => key)).toEqual(['orders'])
  })

  it('restarts where a sync waits too, whichever came first', () => {
    for (const actions of [['sync', 'sync+restart'] as const, ['restart', 'sync'] as const]) {
      const schedule = new Schedule()
      for (const action of actions) schedule.change('users', action, 'a.js', 0)
      expect(schedule.take(quietMs)[0]?.action).toMatch(/restart$/)
    }
  })

  it('rebuilds where both a rebuild and a restart are asked for', () => {
    const schedule = new Schedule()
    schedule.change('users', 'rebuild', 'a.js', 0)
    schedule.change('users', 'restart', 'b.conf', 1)
    expect(schedule.take(1_000)[0]?.action).toBe('rebuild')
  })
})

const history = fc.array(
  fc.record({ after: fc.nat(400), what: fc.constantFrom('change', 'take', 'done'), key: fc.constantFrom('a', 'b') }),
  { maxLength: 200 },
)

it('loses no change, and never has two jobs of one key under way', () => {
  fc.assert(
    fc.property(history, (steps) => {
      const schedule = new Schedule()
      const unseen = new Map<string, number>()
      const running = new Set<string>()
      let now = 0
      const take = (): void => {
        for (const { key, count } of schedule.take(now)) {
          expect(running.has(key)).toBe(false)
          expect(count).toBe(unseen.get(key))
          running.add(key)
          unseen.delete(key)
        }
      }
      for (const { after, what, key } of steps) {
        now += after
        if (what === 'change') {
          schedule.change(key, 'rebuild', 'x', now)
          unseen.set(key, (unseen.get(key) ?? 0) + 1)
        } else if (what === 'take') take()
        else {
          schedule.done(key)
          running.delete(key)
        }
      }
      for (const key of running) schedule.done(key)
      running.clear()
      now += longestMs
      take()
      expect(unseen.size).toBe(0)
    }),
  )
})
