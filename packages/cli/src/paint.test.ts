import { describe, expect, it } from 'vitest'
import { noPaint, paintFor } from './paint.js'

const isOn = (wish: Partial<Parameters<typeof paintFor>[0]>): boolean =>
  paintFor({ isTerminal: false, isRefused: false, env: {}, ...wish }).isOn

describe('paintFor', () => {
  it('colours terminals and nothing else', () => {
    expect(isOn({ isTerminal: true })).toBe(true)
    expect(isOn({ isTerminal: false })).toBe(false)
  })

  it('obeys NO_COLOR before everything, unless it is empty', () => {
    expect(isOn({ isTerminal: true, env: { NO_COLOR: '1', FORCE_COLOR: '1' } })).toBe(false)
    expect(isOn({ isTerminal: true, env: { NO_COLOR: '' } })).toBe(true)
  })

  it('obeys --no-color and FORCE_COLOR', () => {
    expect(isOn({ isTerminal: true, isRefused: true, env: { FORCE_COLOR: '1' } })).toBe(false)
    expect(isOn({ env: { FORCE_COLOR: '1' } })).toBe(true)
    expect(isOn({ isTerminal: true, env: { FORCE_COLOR: '0' } })).toBe(false)
    expect(isOn({ isTerminal: true, env: { TERM: 'dumb' } })).toBe(false)
  })

  it('changes no text when it is off', () => {
    expect(
      Object.values(noPaint)
        .filter((value) => typeof value === 'function')
        .map((paint) => paint('x')),
    ).toEqual(Array.from({ length: 7 }, () => 'x'))
  })
})
