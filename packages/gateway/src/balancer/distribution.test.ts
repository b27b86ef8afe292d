import { type BalancerPolicy, type BalancingSpec, defaultResilience } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { UpstreamEndpoint, UpstreamService } from '../upstream.js'
import { hashText } from './hash.js'
import { HashRing } from './hash-ring.js'

function endpoints(weights: readonly number[], zones: readonly string[] = []): UpstreamEndpoint[] {
  return weights.map((weight, index) => {
    const one = new UpstreamEndpoint(`web-${index}`, { host: '127.0.0.1', port: 1 }, 'healthy', weight)
    one.zone = zones[index] ?? ''
    return one
  })
}

function service(
  balancer: BalancerPolicy,
  all: readonly UpstreamEndpoint[],
  balancing: Partial<BalancingSpec> = {},
): UpstreamService {
  const resilience = { ...defaultResilience, balancing: { ...defaultResilience.balancing, ...balancing } }
  const spec = { name: 'web', protocol: 'http', balancer, resilience } as const
  const made = new UpstreamService(spec)
  made.update(spec, all)
  return made
}

/** A small generator with a fixed seed (mulberry32): the same numbers in every run. */
function seeded(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const even = (count: number): Float64Array => new Float64Array(count).fill(100)

const owner = (ring: HashRing, key: number, of: readonly string[]): string => of[ring.endpointAt(ring.find(key))] ?? ''

const asked = (user: string | null) => ({
  clientAddress: '192.0.2.1',
  header: (name: string) => (name === 'x-user' ? user : null),
})

/** Pearson's statistic of counts against what the weights let expect. */
function chiSquare(counts: readonly number[], weights: readonly number[]): number {
  const all = counts.reduce((sum, count) => sum + count, 0)
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return counts.reduce((total, count, index) => {
    const expected = (all * (weights[index] ?? 0)) / sum
    return total + (count - expected) ** 2 / expected
  }, 0)
}

/** Critical values of chi-square at p = 0.001, by degrees of freedom. */
const critical: Record<number, number> = { 3: 16.27, 9: 27.88 }

function countPicks(users: UpstreamService, all: readonly UpstreamEndpoint[], times: number, random: () => number) {
  const counts = all.map(() => 0)
  for (let turn = 0; turn < times; turn++) {
    const index = all.indexOf(users.pick(null, 0, random) as UpstreamEndpoint)
    counts[index] = (counts[index] ?? 0) + 1
  }
  return counts
}

describe('by chance', () => {
  it.each([
    ['equal weights', Array.from({ length: 10 }, () => 100)],
    ['other weights', [100, 200, 300, 400]],
  ])('keeps to the weights: %s', (_, weights) => {
    const all = endpoints(weights)
    const counts = countPicks(service('random', all), all, 20_000, seeded(11))
    expect(chiSquare(counts, weights)).toBeLessThan(critical[weights.length - 1] ?? 0)
  })

  it('gives what a suspect leaves to all the others, not to its neighbour', () => {
    const all = endpoints([100, 100, 100, 100, 100])
    all[2]?.noteConnectFailure(0)
    const counts = countPicks(service('random', all), all, 20_000, seeded(5))
    expect(counts[2]).toBe(0)
    expect(
      chiSquare(
        counts.filter((_, index) => index !== 2),
        [1, 1, 1, 1],
      ),
    ).toBeLessThan(critical[3] ?? 0)
  })
})

describe('the ring', () => {
  const ids = Array.from({ length: 10 }, (_, index) => `web-${index}`)
  const keys = Array.from({ length: 10_000 }, (_, index) => hashText(`user-${index}`))

  it('spreads keys over endpoints that weigh the same: each within a third of its share', () => {
    const ring = new HashRing(ids, even(10))
    const counts = new Map<string, number>()
    for (const key of keys) counts.set(owner(ring, key, ids), (counts.get(owner(ring, key, ids)) ?? 0) + 1)
    expect(counts.size).toBe(10)
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(333)
  })

  it('gives three times the keys to three times the weight', () => {
    const ring = new HashRing(['a', 'b'], new Float64Array([300, 100]))
    const ofA = keys.filter((key) => owner(ring, key, ['a', 'b']) === 'a').length
    expect(ofA / keys.length).toBeGreaterThan(0.65)
    expect(ofA / keys.length).toBeLessThan(0.85)
  })

  it('moves only the keys of an endpoint that leaves, about one in n', () => {
    const before = new HashRing(ids, even(10))
    const left = ids.filter((id) => id !== 'web-4')
    const after = new HashRing(left, even(9))
    let moved = 0
    for (const key of keys) {
      const [was, is] = [owner(before, key, ids), owner(after, key, left)]
      if (was === is) continue
      expect(was).toBe('web-4')
      moved++
    }
    expect(moved).toBeGreaterThan(600)
    expect(moved).toBeLessThan(1_400)
  })

  it('moves keys only to an endpoint that joins', () => {
    const before = new HashRing(ids, even(10))
    const more = [...ids, 'web-10']
    const after = new HashRing(more, even(11))
    const movedTo = keys
      .map((key) => [owner(before, key, ids), owner(after, key, more)])
      .filter(([was, is]) => was !== is)
    expect(new Set(movedTo.map(([, is]) => is))).toEqual(new Set(['web-10']))
  })
})

describe('consistent hash', () => {
  it('sends a key to the same endpoint, in every worker', () => {
    const options = { hash: { by: 'header', name: 'x-user' } } as const
    const one = service('consistent_hash', endpoints([100, 100, 100, 100]), options)
    const other = service('consistent_hash', endpoints([100, 100, 100, 100]).toReversed(), options)
    const chosen = new Set<string>()
    for (let user = 0; user < 50; user++) {
      const request = asked(`user-${user}`)
      const id = one.pick(null, 0, seeded(user), one.affinityOf(request))?.id
      expect(one.pick(null, 0, seeded(99), one.affinityOf(request))?.id).toBe(id)
      expect(other.pick(null, 0, seeded(7), other.affinityOf(request))?.id).toBe(id)
      chosen.add(id ?? '')
    }
    expect(chosen.size).toBe(4)
  })

  it('goes by the cookie, or by the address of the client', () => {
    const byCookie = service('consistent_hash', endpoints([1, 1, 1]), { hash: { by: 'cookie', name: 'cart' } })
    const withCookie = { clientAddress: '', header: () => 'a=b; cart=17; c=d' }
    expect(byCookie.affinityOf(withCookie)?.key).toBe(hashText('17'))
    const byAddress = service('consistent_hash', endpoints([1, 1, 1]), { hash: { by: 'address' } })
    expect(byAddress.affinityOf(asked(null))?.key).toBe(hashText('192.0.2.1'))
  })

  it('spreads requests that have no key', () => {
    const all = endpoints([100, 100, 100])
    const users = service('consistent_hash', all, { hash: { by: 'header', name: 'x-user' } })
    const random = seeded(2)
    const ids = Array.from({ length: 60 }, () => users.pick(null, 0, random, users.affinityOf(asked(null)))?.id)
    expect(new Set(ids).size).toBe(3)
  })

  it('lets no endpoint have more than its bounded share, though all ask for one key', () => {
    const all = endpoints([100, 100, 100, 100])
    const users = service('consistent_hash', all, { hash: { by: 'header', name: 'x-user' }, loadBound: 1.25 })
    for (let turn = 0; turn < 400; turn++)
      users.pick(null, 0, seeded(1), users.affinityOf(asked('everybody')))?.acquire()
    for (const one of all) expect(one.inFlight).toBeLessThanOrEqual(126)
    expect(Math.max(...all.map((one) => one.inFlight))).toBeGreaterThanOrEqual(124)
  })
})

describe('a sticky service', () => {
  it('sends a client where its cookie says, and says so only when that changes', () => {
    const all = endpoints([100, 100, 100])
    const users = service('sticky', all)
    let cookie: string | null = null
    const asked = { clientAddress: '', header: () => cookie }
    const first = users.pick(null, 0, seeded(1), users.affinityOf(asked)) as UpstreamEndpoint
    const line = users.cookieLine(users.affinityOf(asked), first, false) ?? ''
    expect(line).toMatch(/^Set-Cookie: pando-endpoint=[\w-]{22}; Path=\/; HttpOnly; SameSite=Lax\r\n$/)
    expect(line).not.toContain(first.id)
    cookie = /pando-endpoint=[^;]*/.exec(line)?.[0] ?? ''
    for (let turn = 0; turn < 20; turn++) {
      const affinity = users.affinityOf(asked)
      expect(users.pick(null, 0, seeded(turn), affinity)).toBe(first)
      expect(users.cookieLine(affinity, first, false)).toBeNull()
    }
  })

  it('forgets an endpoint that has gone, drains, or is ejected', () => {
    const all = endpoints([100, 100])
    const [one, two] = all as [UpstreamEndpoint, UpstreamEndpoint]
    const users = service('sticky', all, { cookieMs: 60_000 })
    const line = users.cookieLine({ key: -1, endpoint: null }, one, true) ?? ''
    expect(line).toContain('; Max-Age=60; HttpOnly; SameSite=Lax; Secure\r\n')
    const asked = { clientAddress: '', header: () => /pando-endpoint=[^;]*/.exec(line)?.[0] ?? '' }
    expect(users.pick(null, 0, seeded(1), users.affinityOf(asked))).toBe(one)
    for (let error = 0; error < 5; error++) users.noteOutcome(one, 503, 10)
    expect(users.pick(null, 11, seeded(1), users.affinityOf(asked))).toBe(two)
    expect(users.pick(null, 30_010, seeded(1), users.affinityOf(asked))).toBe(one)
    one.state = 'draining'
    expect(users.pick(null, 30_011, seeded(1), users.affinityOf(asked))).toBe(two)
    const spec = { name: 'web', protocol: 'http', balancer: 'sticky' } as const
    users.update(spec, [two])
    expect(users.affinityOf(asked)?.endpoint).toBeNull()
  })
})

describe('slow start', () => {
  it('lets the share of a new endpoint grow in a straight line', () => {
    const [old, young] = endpoints([100, 100]) as [UpstreamEndpoint, UpstreamEndpoint]
    const users = service('random', [old], { slowStartMs: 10_000 })
    users.pick(null, 0)
    users.update(
      {
        name: 'web',
        protocol: 'http',
        balancer: 'round_robin',
        resilience: { ...defaultResilience, balancing: { ...defaultResilience.balancing, slowStartMs: 10_000 } },
      },
      [old, young],
    )
    const share = (now: number): number => {
      let count = 0
      for (let turn = 0; turn < 1_100; turn++) if (users.pick(null, now) === young) count++
      return count / 1_100
    }
    // 20 s after the old one; its own time begins with the first request that may go to it.
    expect(share(20_000)).toBeCloseTo(0.1 / 1.1, 2)
    expect(share(25_000)).toBeCloseTo(0.5 / 1.5, 2)
    expect(share(30_000)).toBeCloseTo(0.5, 2)
  })

  it('shares alike where all are new', () => {
    const all = endpoints([100, 100])
    const users = service('round_robin', all, { slowStartMs: 10_000 })
    expect([0, 1, 2, 3].map(() => users.pick(null, 5)?.id)).toEqual(['web-0', 'web-1', 'web-0', 'web-1'])
  })
})

describe('a preferred zone', () => {
  it('gets all, until too few of it are left', () => {
    const all = endpoints([100, 100, 100, 100], ['a', 'a', 'a', 'b'])
    const users = service('round_robin', all, { zone: 'a' })
    expect(new Set(Array.from({ length: 8 }, () => users.pick(null, 0)?.zone))).toEqual(new Set(['a']))
    for (const one of all.slice(0, 2)) for (let error = 0; error < 5; error++) users.noteOutcome(one, 503, 1)
    expect(new Set(Array.from({ length: 8 }, () => users.pick(null, 2)?.id))).toEqual(new Set(['web-2', 'web-3']))
  })

  it('leaves the zone where a request has tried all of it', () => {
    const all = endpoints([100, 100], ['a', 'b'])
    const users = service('round_robin', all, { zone: 'a' })
    expect(users.pick([all[0] as UpstreamEndpoint], 0)).toBe(all[1])
  })
})
