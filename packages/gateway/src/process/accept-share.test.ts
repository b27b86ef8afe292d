import { describe, expect, it } from 'vitest'
import { AcceptShare } from './accept-share.js'

/** What a worker keeps of so many connections that all reach it first. */
function kept(share: AcceptShare, arriving: number, open = 0): number {
  let own = open
  for (let index = 0; index < arriving; index++) if (!share.givesAway(own)) own++
  return own
}

describe('AcceptShare', () => {
  it('keeps everything when there is nobody else', () => {
    expect(kept(new AcceptShare(), 1_000)).toBe(1_000)
  })

  it('keeps its share of a burst that reaches it alone', () => {
    const share = new AcceptShare()
    share.workers = 2
    expect(kept(share, 64)).toBe(34)
    share.workers = 4
    expect(kept(share, 100)).toBe(28)
  })

  it('gives nothing away while it has hardly more than the others', () => {
    const share = new AcceptShare()
    share.workers = 2
    share.mean = 100
    expect(kept(share, 16, 100)).toBe(116)
    expect(kept(share, 100, 200)).toBe(250)
  })
})
