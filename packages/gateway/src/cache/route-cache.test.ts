import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { requestOf } from '../policy/policy-request.suite.js'
import { RouteCache } from './route-cache.js'

const noCount = { inc: () => {} } as never
const noMetrics = { hits: noCount, misses: noCount, validated: noCount }

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('a request whose answer is long in coming', () => {
  it('is waited for once, and then the next one is the one to wait for', async () => {
    const cache = new RouteCache({ maxBytes: 1_000, maxEntryBytes: 1_000 }, noMetrics, () => 0)
    expect(cache.check(requestOf())).not.toBeInstanceOf(Promise)
    const second = requestOf()
    const asked = cache.check(second)
    expect(asked).toBeInstanceOf(Promise)
    await vi.advanceTimersByTimeAsync(5_000)
    await asked
    const third = cache.check(requestOf())
    expect(third).toBeInstanceOf(Promise)
    second.tap?.onClosed()
    expect(await third).toMatchObject({ response: {} })
  })
})

describe('who asks by a certificate', () => {
  it.each([
    { identity: { kind: 'certificate', subject: 'CN=a' } },
    { isMesh: true, headers: { 'x-forwarded-client-cert': 'Hash=a' } },
  ])('gets no answer that was kept for nobody in particular: %j', (asked) => {
    const cache = new RouteCache({ maxBytes: 1_000, maxEntryBytes: 1_000 }, noMetrics, () => 0)
    cache.store.put('http://shop.example/?', {
      status: 200,
      headers: [],
      body: Buffer.from('of nobody'),
      etag: null,
      lastModified: null,
      isForAll: false,
      varies: [],
      freshness: { lifetimeMs: 1_000, initialAgeMs: 0, directives: { noCache: false } as never },
      storedAt: 0,
      bytes: 9,
    })
    expect(cache.check(requestOf())).toHaveProperty('answer')
    const request = requestOf(asked)
    expect(cache.check(request)).not.toHaveProperty('answer')
    expect(request.tap).not.toBeNull()
  })
})
