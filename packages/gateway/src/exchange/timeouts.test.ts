import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tickMs } from '../timer-wheel.js'
import { Timeouts } from './timeouts.js'

const idleMs = 10_000

function begun(now = 1_000): Timeouts {
  const timeouts = new Timeouts()
  timeouts.begin(now)
  return timeouts
}

describe('timeouts of an exchange', () => {
  it('end one in which nothing goes on, and not one in which something does', () => {
    const timeouts = begun()
    expect(timeouts.overdue(1_000 + idleMs, idleMs)).toBeNull()
    expect(timeouts.overdue(1_000 + idleMs + tickMs, idleMs)).toBe('idle')
    timeouts.lastActivity = 5_000
    expect(timeouts.overdue(1_000 + idleMs + tickMs, idleMs)).toBeNull()
  })

  it('let a request be idle in the queue for as long as it may wait there', () => {
    const timeouts = begun()
    timeouts.queueDeadline = 60_000
    expect(timeouts.overdue(59_999, idleMs)).toBeNull()
    expect(timeouts.overdue(60_000, idleMs)).toBe('queue')
  })

  it('name the exchange before the attempt when both are over', () => {
    const timeouts = begun()
    timeouts.attemptDeadline = 2_000
    timeouts.deadline = 3_000
    expect(timeouts.overdue(2_500, idleMs)).toBe('attempt')
    expect(timeouts.overdue(3_000, idleMs)).toBe('exchange')
  })

  it('forget the request before', () => {
    const timeouts = begun()
    timeouts.deadline = 1
    timeouts.attemptDeadline = 1
    timeouts.queueDeadline = 1
    timeouts.begin(2_000)
    expect(timeouts.overdue(2_000, idleMs)).toBeNull()
    expect(timeouts.next(idleMs)).toBe(2_000 + idleMs + tickMs)
  })

  it('are over at the moment that is said to be the next, and not before', () => {
    const moment = fc.integer({ min: 0, max: 100_000 })
    fc.assert(
      fc.property(
        fc.tuple(moment, moment, moment, moment),
        ([lastActivity, deadline, attemptDeadline, queueDeadline]) => {
          const timeouts = new Timeouts()
          Object.assign(timeouts, { lastActivity, deadline, attemptDeadline, queueDeadline })
          const next = timeouts.next(idleMs)
          expect(timeouts.overdue(next - 1, idleMs)).toBeNull()
          expect(timeouts.overdue(next, idleMs)).not.toBeNull()
        },
      ),
    )
  })
})
