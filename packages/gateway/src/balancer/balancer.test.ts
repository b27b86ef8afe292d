import type { BalancerPolicy, EndpointState } from '@pando/model'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UpstreamEndpoint, UpstreamService } from '../upstream.js'

function endpoint(id: string, weight = 100, state: EndpointState = 'healthy'): UpstreamEndpoint {
  return new UpstreamEndpoint(id, { host: '127.0.0.1', port: 1 }, state, weight)
}

function service(balancer: BalancerPolicy, endpoints: readonly UpstreamEndpoint[]): UpstreamService {
  const spec = { name: 'users', protocol: 'http', balancer } as const
  const made = new UpstreamService(spec)
  made.update(spec, endpoints)
  return made
}

/** A small generator with a fixed seed: the same numbers in every run. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

function count(picks: readonly (UpstreamEndpoint | null)[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const pick of picks) counts[pick?.id ?? 'none'] = (counts[pick?.id ?? 'none'] ?? 0) + 1
  return counts
}

describe('round robin', () => {
  it('takes equal endpoints in turn', () => {
    const users = service('round_robin', [endpoint('a'), endpoint('b'), endpoint('c')])
    const picks = Array.from({ length: 6 }, () => users.pick(null, 0)?.id)
    expect(picks).toEqual(['a', 'b', 'c', 'a', 'b', 'c'])
  })

  it('mixes unequal ones smoothly', () => {
    const users = service('round_robin', [endpoint('a', 3), endpoint('b', 1)])
    const picks = Array.from({ length: 8 }, () => users.pick(null, 0)?.id).join('')
    expect(picks).toBe('aabaaaba')
  })

  it('gives each its exact share in every round', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 6 }), (weights) => {
        const users = service(
          'round_robin',
          weights.map((weight, index) => endpoint(`e${index}`, weight)),
        )
        const round = weights.reduce((sum, weight) => sum + weight, 0)
        const counts = count(Array.from({ length: round }, () => users.pick(null, 0)))
        const hasEqualWeights = new Set(weights).size === 1
        weights.forEach((weight, index) => {
          expect(counts[`e${index}`]).toBe(hasEqualWeights ? round / weights.length : weight)
        })
      }),
    )
  })

  it('goes on in turn when the table changes', () => {
    const [a, b, c] = [endpoint('a'), endpoint('b'), endpoint('c')]
    const users = service('round_robin', [a, b, c])
    users.pick(null, 0)
    users.update({ name: 'users', protocol: 'http', balancer: 'round_robin' }, [a, b, c])
    expect(users.pick(null, 0)).toBe(b)
  })
})

describe('least request of two', () => {
  it('takes the less busy of its two choices, for its weight', () => {
    const [a, b] = [endpoint('a'), endpoint('b')]
    const users = service('least_request', [a, b])
    a.inFlight = 5
    b.inFlight = 4
    const random = seeded(1)
    expect(count(Array.from({ length: 50 }, () => users.pick(null, 0, random)))).toEqual({ b: 50 })
  })

  it('measures load by weight', () => {
    const [a, b] = [endpoint('a', 300), endpoint('b', 100)]
    const users = service('least_request', [a, b])
    a.inFlight = 5
    b.inFlight = 2
    const random = seeded(1)
    expect(count(Array.from({ length: 50 }, () => users.pick(null, 0, random)))).toEqual({ a: 50 })
  })

  it('keeps the busiest far below the mean of a blind choice', () => {
    const endpoints = Array.from({ length: 20 }, (_, index) => endpoint(`e${index}`))
    const users = service('least_request', endpoints)
    const random = seeded(7)
    for (let sent = 0; sent < 2_000; sent++) users.pick(null, 0, random)?.acquire()
    const loads = endpoints.map((one) => one.inFlight)
    expect(Math.max(...loads)).toBeLessThanOrEqual(105)
    expect(Math.min(...loads)).toBeGreaterThanOrEqual(90)
  })

  it('spreads over idle endpoints by their weight', () => {
    const users = service('least_request', [endpoint('a', 300), endpoint('b', 100), endpoint('c', 100)])
    const random = seeded(3)
    const counts = count(Array.from({ length: 5_000 }, () => users.pick(null, 0, random)))
    expect(counts['a']).toBeGreaterThan(2_500)
    expect(counts['b']).toBeGreaterThan(500)
    expect(counts['c']).toBeGreaterThan(500)
  })
})

describe.each(['round_robin', 'random', 'least_request', 'consistent_hash', 'sticky'] as const)(
  'every policy (%s)',
  (policy) => {
    it('gives nothing where nothing is eligible', () => {
      const users = service(policy, [
        endpoint('starting', 100, 'starting'),
        endpoint('unhealthy', 100, 'unhealthy'),
        endpoint('draining', 100, 'draining'),
        endpoint('weightless', 0),
      ])
      expect(users.pick(null, 0)).toBeNull()
      expect(users.hasEligible).toBe(false)
    })

    it('finds an endpoint exactly when one that is healthy was not tried, and no suspect while there is another', () => {
      const state = fc.constantFrom<EndpointState>('starting', 'healthy', 'unhealthy', 'draining')
      const made = fc.record({
        state,
        weight: fc.constantFrom(0, 50, 100),
        isTried: fc.boolean(),
        failedAt: fc.constantFrom(0, 100, 900),
      })
      fc.assert(
        fc.property(fc.array(made, { maxLength: 8 }), fc.integer({ min: 1 }), (specs, seed) => {
          const now = 1_000
          const endpoints = specs.map((spec, index) => {
            const one = endpoint(`e${index}`, spec.weight, spec.state)
            if (spec.failedAt > 0) one.noteConnectFailure(spec.failedAt)
            return one
          })
          const tried = endpoints.filter((_, index) => specs[index]?.isTried)
          const users = service(policy, endpoints)
          const open = endpoints.filter((one) => one.isEligible && !tried.includes(one))
          const sound = open.filter((one) => one.suspectUntil <= now)
          const longestAgo = Math.min(...open.map((one) => one.lastFailureAt))
          const suspects = open.filter((one) => one.lastFailureAt === longestAgo)
          const best = sound.length > 0 ? sound : suspects
          const random = seeded(seed)
          for (let round = 0; round < 10; round++) {
            expect(best.length > 0 ? best : [null]).toContain(users.pick(tried, now, random))
          }
        }),
        { numRuns: 500 },
      )
    })
  },
)

describe('a suspect', () => {
  it('is left alone for a second, doubled up to thirty, until it answers', () => {
    const one = endpoint('a')
    const pauses = Array.from({ length: 7 }, () => {
      one.noteConnectFailure(1_000)
      return one.suspectUntil - 1_000
    })
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
    one.noteSuccess()
    expect(one.suspectUntil).toBe(0)
    one.noteConnectFailure(5_000)
    expect(one.suspectUntil).toBe(6_000)
  })

  it('says when the last exchange of a leaving endpoint is over', () => {
    const one = endpoint('a')
    one.acquire()
    one.acquire()
    expect(one.release()).toBe(false)
    one.state = 'draining'
    expect(one.release()).toBe(true)
  })
})
