import { describe, expect, it } from 'vitest'
import { cronMistake, nextTime } from './cron.js'

function times(cron: string, zone: string, after: string, count: number): string[] {
  const found: string[] = []
  for (let at = Date.parse(after); found.length < count;) {
    at = nextTime(cron, at, zone) ?? Number.NaN
    found.push(new Date(at).toISOString())
  }
  return found
}

describe('nextTime', () => {
  it('takes a time that is left out once, after the change', () => {
    expect(times('30 2 * * *', 'Europe/Zurich', '2026-03-28T12:00:00Z', 2)).toEqual([
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ])
  })

  it('takes a fixed time that comes twice once, the first time', () => {
    expect(times('30 2 * * *', 'Europe/Zurich', '2026-10-24T12:00:00Z', 2)).toEqual([
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ])
  })

  it('goes on through both hours with what repeats', () => {
    expect(times('*/30 * * * *', 'Europe/Zurich', '2026-10-25T00:00:00Z', 4)).toEqual([
      '2026-10-25T00:30:00.000Z',
      '2026-10-25T01:00:00.000Z',
      '2026-10-25T01:30:00.000Z',
      '2026-10-25T02:00:00.000Z',
    ])
  })

  it('reads seconds first when there are six fields', () => {
    expect(times('*/10 * * * * *', 'UTC', '2026-01-01T00:00:01Z', 1)).toEqual(['2026-01-01T00:00:10.000Z'])
  })
})

describe('cronMistake', () => {
  it.each([
    ['0 3 * * *', 'Europe/Zurich', null],
    ['@daily', null, null],
    ['61 * * * *', null, 'Invalid value for minute: 61'],
    ['* * *', null, 'it has 3 fields instead of five'],
    ['0 0 30 2 *', null, 'such a time never comes'],
    ['0 3 * * *', 'Europe/Zurch', 'there is no time zone of that name'],
  ])('of %j in %j', (cron, zone, expected) => {
    expect(cronMistake(cron, zone)).toBe(expected)
  })
})
