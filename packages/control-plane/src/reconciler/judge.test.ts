import { describe, expect, it } from 'vitest'
import { judge, type Figures } from './judge.js'

const spec = { minRequests: 20, maxErrorIncrease: 1, maxP99Ratio: 3 }
const figures = (requests: number, errors: number, slow = 0): Figures => ({
  requests,
  errors,
  durations: [
    [0.01, requests - slow],
    [0.5, slow],
    [Infinity, 0],
  ],
})

describe('a judgement', () => {
  it('waits for requests enough, whatever the few say', () => {
    expect(judge({ fresh: figures(19, 19), old: figures(1000, 0) }, spec).verdict).toBe('unsure')
  })

  it('needs no more of them once the gateway sends an instance no more, unless that is so of the old one too', () => {
    const fresh = { ...figures(6, 5), ejections: 1 }
    expect(judge({ fresh, old: figures(1000, 0) }, spec)).toEqual({
      verdict: 'worse',
      text: 'the gateway left an instance alone, after 5 errors in 6 requests',
    })
    expect(judge({ fresh, old: { ...figures(1000, 0), ejections: 2 } }, spec).verdict).toBe('unsure')
  })

  it('finds the same to be fine', () => {
    expect(judge({ fresh: figures(100, 1), old: figures(1000, 10) }, spec).verdict).toBe('fine')
  })

  it('finds more errors worse, and says how many', () => {
    const { verdict, text } = judge({ fresh: figures(20, 10), old: figures(200, 0) }, spec)
    expect(verdict).toBe('worse')
    expect(text).toBe('50 % of 20 requests failed, 0 % of 200 of the old revision')
  })

  it('does not blame the new revision for what ails both', () => {
    expect(judge({ fresh: figures(100, 60), old: figures(100, 60) }, spec).verdict).toBe('fine')
  })

  it('finds a much slower one worse', () => {
    expect(judge({ fresh: figures(100, 0, 5), old: figures(1000, 0, 2) }, spec).verdict).toBe('worse')
    expect(judge({ fresh: figures(100, 0, 5), old: figures(1000, 0, 50) }, spec).verdict).toBe('fine')
  })

  it('does not take a few slow requests, as each instance has at first, for a slow revision', () => {
    expect(judge({ fresh: figures(30, 0, 4), old: figures(1000, 0) }, spec).verdict).toBe('fine')
    expect(judge({ fresh: figures(30, 0, 5), old: figures(1000, 0) }, spec).verdict).toBe('worse')
  })

  it('says nothing of durations without a comparison', () => {
    expect(judge({ fresh: figures(100, 0, 50), old: figures(3, 0) }, spec).verdict).toBe('fine')
  })
})
