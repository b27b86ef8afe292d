import type { JobRun, ScheduleSpec } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { decide, retryDelayMs } from './decide.js'

const minute = 60_000
const schedule: ScheduleSpec = {
  cron: '* * * * *',
  timeZone: null,
  concurrency: 'forbid',
  startingDeadlineMs: 5 * minute,
  history: 10,
  isSuspended: false,
  retries: 0,
  timeoutMs: null,
}
const run: JobRun = {
  id: 'a-run-1',
  service: 'a',
  revision: 'r',
  command: null,
  cause: 'schedule',
  dueAt: 0,
  startedAt: 0,
  endedAt: null,
  result: 'running',
  exitCode: null,
  tries: 1,
  reason: '',
}
const every =
  (ms: number) =>
  (after: number): number =>
    (Math.floor(after / ms) + 1) * ms

const decided = (more: Partial<Parameters<typeof decide>[0]>): ReturnType<typeof decide> =>
  decide({ schedule, since: 0, now: minute, active: [], next: every(minute), ...more })

describe('decide', () => {
  it('waits until the time has come, and then starts', () => {
    expect(decided({ now: minute - 1 })).toBeNull()
    expect(decided({})).toEqual({ at: minute, action: 'start', why: '' })
    expect(decided({ since: minute })).toBeNull()
  })

  it('catches up once with what was missed, when it is not too late', () => {
    expect(decided({ now: 100 * minute + 5 })).toMatchObject({ at: 100 * minute, action: 'start' })
    const hourly = every(60 * minute)
    expect(decided({ now: 64 * minute, next: hourly })).toMatchObject({ at: 60 * minute, action: 'start' })
    expect(decided({ now: 66 * minute, next: hourly })).toMatchObject({ at: 60 * minute, action: 'miss' })
  })

  it('finds the last time in few steps, however long nobody looked', () => {
    let steps = 0
    const next = (after: number): number => {
      steps++
      return every(1000)(after)
    }
    const year = 365 * 24 * 60 * minute
    expect(decided({ now: year + 1, next })).toMatchObject({ at: year, action: 'start' })
    expect(steps).toBeLessThan(200)
  })

  it.each([
    ['forbid', 'miss', 'a-run-1 still ran'],
    ['replace', 'replace', ''],
    ['allow', 'start', ''],
  ] as const)('with %s and a run under way: %s', (concurrency, action, why) => {
    expect(decided({ schedule: { ...schedule, concurrency }, active: [run] })).toEqual({ at: minute, action, why })
  })

  it('has a limit also when all are allowed', () => {
    const active = Array.from({ length: 10 }, () => run)
    expect(decided({ schedule: { ...schedule, concurrency: 'allow' }, active })).toMatchObject({ action: 'miss' })
  })

  it('lets times go by while it is suspended', () => {
    expect(decided({ schedule: { ...schedule, isSuspended: true } })).toMatchObject({ at: minute, action: 'pass' })
  })
})

it('waits longer each time before it tries again, with a limit', () => {
  expect([1, 2, 3, 20].map(retryDelayMs)).toEqual([1000, 2000, 4000, 300_000])
})
