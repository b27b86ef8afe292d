import { describe, expect, it } from 'vitest'
import { parseDuration, parseSince, renderBytes, renderDuration } from './duration.js'

describe('renderDuration', () => {
  it.each([
    [-5, '0s'],
    [0, '0s'],
    [999, '0s'],
    [1_000, '1s'],
    [59_999, '59s'],
    [60_000, '1m'],
    [200_000, '3m 20s'],
    [3_600_000, '1h'],
    [3_601_000, '1h'],
    [7_500_000, '2h 5m'],
    [4 * 86_400_000 + 3_600_000, '4d 1h'],
  ])('%i ms is %s', (ms, text) => {
    expect(renderDuration(ms)).toBe(text)
  })
})

describe('parseDuration', () => {
  it.each([
    ['500ms', 500],
    ['90s', 90_000],
    ['10m', 600_000],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
    ['1.5h', 5_400_000],
  ])('%s is %i ms', (text, ms) => {
    expect(parseDuration(text, '--timeout')).toBe(ms)
  })

  it.each(['', '10', 'm', '10x', '-5m', '10m ', '1h 30m', '1e3s', 'soon'])('refuses "%s"', (text) => {
    expect(() => parseDuration(text, '--timeout')).toThrow(expect.objectContaining({ code: 'usage' }))
  })
})

describe('parseSince', () => {
  const now = Date.parse('2026-05-01T12:00:00Z')

  it('takes so long ago, or a date', () => {
    expect(parseSince('10m', now)).toBe(now - 600_000)
    expect(parseSince('2026-04-30T12:00:00Z', now)).toBe(now - 86_400_000)
    expect(parseSince('2026-04-30', now)).toBe(Date.parse('2026-04-30'))
  })

  it.each(['', 'yesterday', '10', '2026', '2026-13-01', '10mm'])('refuses "%s"', (text) => {
    expect(() => parseSince(text, now)).toThrow(expect.objectContaining({ code: 'usage' }))
  })
})

describe('renderBytes', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1024 * 1024 - 1, '1.0 MiB'],
    [50 * 1024 * 1024, '50 MiB'],
    [1.5 * 1024 ** 3, '1.5 GiB'],
  ])('%i is %s', (bytes, text) => {
    expect(renderBytes(bytes)).toBe(text)
  })
})
