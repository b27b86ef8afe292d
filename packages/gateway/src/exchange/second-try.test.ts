import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { SecondTry } from './second-try.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

it('a request has one second try, also when that takes the place of the first before it is connected', () => {
  const endpoint = { suspectUntil: 0, acquire: () => {} }
  const upstream = { endpoint, isConnected: false }
  let opened = 0
  const connections = { obtain: () => (opened++, upstream) }
  const traffic = { wheel: { now: 0 }, connectionsOf: () => connections, release: () => {} } as never
  const exchange = { upstream, sent: { bytes: Buffer.alloc(0), takesTrailers: false } } as never
  const tries = { retries: 0, affinity: null, takeHedge: () => true } as never
  const service = { pick: () => endpoint } as never
  const second = new SecondTry(exchange, tries, traffic)
  for (let request = 1; request <= 2; request++) {
    second.begin({ afterMs: 10 } as never)
    second.later(service, false)
    vi.advanceTimersByTime(20)
    expect(opened).toBe(request)
    expect(second.give()).toBe(upstream)
    // The exchange sends what it took over once that is connected.
    second.later(service, false)
    vi.advanceTimersByTime(20)
    expect(opened).toBe(request)
  }
})
