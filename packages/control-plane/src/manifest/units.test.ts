import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatDuration, formatSize, isMistake, parseDuration, parseSize } from './units.js'

describe('parseDuration', () => {
  it.each([
    ['10s', 10_000],
    ['1m30s', 90_000],
    ['500ms', 500],
    ['1.5h', 5_400_000],
    ['2h', 7_200_000],
    ['0', 0],
    [0, 0],
    ['1s500ms', 1500],
    ['0.001s', 1],
  ])('reads %s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  it.each([
    ['10', 'needs a unit'],
    [10, 'needs a unit'],
    ['10 s', 'not a duration'],
    ['-1s', 'not a duration'],
    ['', 'not a duration'],
    ['10sec', 'not a duration'],
    ['1s1m', 'out of order'],
    ['1s1s', 'out of order'],
    ['1000h', 'longer than'],
    ['0.0001s', 'finer than'],
  ])('refuses %s', (text, why) => {
    const result = parseDuration(text)
    expect(isMistake(result) ? result.mistake : result).toContain(why)
  })

  it('reads back what formatDuration writes', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 2_147_483_647 }), (ms) => parseDuration(formatDuration(ms)) === ms))
  })
})

describe('parseSize', () => {
  it.each([
    ['64M', 67_108_864],
    ['64MB', 67_108_864],
    ['64Mi', 67_108_864],
    ['64MiB', 67_108_864],
    ['1g', 1_073_741_824],
    ['0.5k', 512],
    ['512', 512],
    [512, 512],
    ['512b', 512],
    ['0', 0],
  ])('reads %s', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes)
  })

  it.each(['', 'M', '64 M', '64X', '-1', '64MBB', '99999999999999T', 'ib'])('refuses %s', (text) => {
    expect(isMistake(parseSize(text))).toBe(true)
  })

  it('reads back what formatSize writes', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 45 }), (bytes) => parseSize(formatSize(bytes)) === bytes))
  })
})
