import { describe, expect, it } from 'vitest'
import { appOf, listed } from './reading.suite.js'
import { renderSchedule } from './schedule.js'

const withLines = (...lines: string[]): string =>
  ['services:', '  job:', '    build: ./job', '    command: run', ...lines.map((line) => `    ${line}`)].join('\n')

describe('a schedule in a manifest', () => {
  it('is read in its short form, and leaves nothing that stays', () => {
    const { replicas, revision, schedule } = appOf(withLines('schedule: "0 3 * * *"')).services['job']!
    expect({ replicas, protocol: revision.protocol }).toEqual({ replicas: 0, protocol: 'none' })
    expect(schedule).toEqual({
      cron: '0 3 * * *',
      timeZone: null,
      concurrency: 'forbid',
      startingDeadlineMs: 300_000,
      history: 10,
      isSuspended: false,
      retries: 0,
      timeoutMs: null,
    })
  })

  it('is read with all that may be written, and written again', () => {
    const text =
      '{ cron: "0 3 * * *", time_zone: Europe/Zurich, concurrency_policy: replace, starting_deadline: 1m, history: 3, suspend: true, retries: 2, timeout: 1h }'
    expect(renderSchedule(appOf(withLines(`schedule: ${text}`)).services['job']!.schedule!)).toEqual({
      cron: '0 3 * * *',
      time_zone: 'Europe/Zurich',
      concurrency_policy: 'replace',
      starting_deadline: '1m',
      history: 3,
      suspend: true,
      retries: 2,
      timeout: '1h',
    })
  })

  it('has its mistakes at their places', () => {
    expect(listed(withLines('schedule: "* * *"'))[0]).toMatch(/^5:15 services\.job\.schedule: "\* \* \*" is no time/)
    expect(listed(withLines('schedule:', '  cron: "0 3 * * *"', '  time_zone: Europe/Zurch'))[0]).toMatch(
      /^7:18 services\.job\.schedule\.time_zone: "Europe\/Zurch"/,
    )
    expect(listed(withLines('schedule: "0 3 * * *"', 'routes: [/job]')).join('\n')).toMatch(
      /^6:5 services\.job\.routes: a service with a schedule has no routes/,
    )
    expect(listed(withLines('schedule: "0 3 * * *"', 'replicas: 2'))[0]).toMatch(/^6:5 services\.job\.replicas/)
  })
})
