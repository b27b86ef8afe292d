import type { GatewayConfig, RateLimitSpec, RouteSpec } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { addedLines, type AskedRequest, requestOf, verdictOf } from '../policy/policy-request.suite.js'
import type { RoutePolicy, Verdict } from '../policy/route-policy.js'
import { Limit, publicKey } from './limit.js'
import { RateLimitPolicy, type SharedLimits, type SharedTaking } from './rate-limit-policy.js'
import { RateLimits } from './rate-limits.js'
import type { Taken } from './worker-shares.js'

const perMinute: RateLimitSpec = {
  name: 'default',
  requests: 2,
  periodMs: 60_000,
  burst: 2,
  key: { kind: 'address' },
  isShared: true,
}

const config = { app: 'shop' } as GatewayConfig

function world() {
  const clock = { now: 0 }
  const limits = new RateLimits({ now: () => clock.now, seed: () => 1, onTrouble: () => {}, onUncounted: () => {} })
  limits.configure(config)
  const policiesOf = (...specs: Partial<RateLimitSpec>[]): readonly RoutePolicy[] =>
    limits.of({
      name: 'api/0',
      rateLimit: { limits: specs.map((spec) => ({ ...perMinute, ...spec })), hasHeaders: true },
    } as unknown as RouteSpec)
  return { clock, limits, policiesOf }
}

const passes = (policy: RoutePolicy | undefined, asked: AskedRequest = {}): boolean =>
  verdictOf(policy, asked)?.answer === undefined

describe('a rate limit', () => {
  it('answers 429 and says when to come again', () => {
    const { clock, policiesOf } = world()
    const [policy] = policiesOf({})
    expect([passes(policy), passes(policy)]).toEqual([true, true])
    clock.now = 10_000
    const verdict = verdictOf(policy)
    expect(verdict?.answer).toMatchObject({ reason: 'rate_limited', retryAfterSeconds: 20 })
    expect(addedLines(verdict)).toEqual(['RateLimit-Policy: "default";q=2;w=60', 'RateLimit: "default";r=0;t=50'])
    clock.now = 30_000
    expect(addedLines(verdictOf(policy))[1]).toBe('RateLimit: "default";r=0;t=60')
  })

  it.each<[string, Partial<RateLimitSpec>, AskedRequest, AskedRequest, boolean]>([
    ['addresses', {}, { clientAddress: '1.1.1.1' }, { clientAddress: '1.1.1.2' }, false],
    ['one /64', {}, { clientAddress: '2001:db8::1' }, { clientAddress: '2001:db8::2' }, true],
    ['all', { key: { kind: 'all' } }, { clientAddress: '1.1.1.1' }, { clientAddress: '1.1.1.2' }, true],
    [
      'headers',
      { key: { kind: 'header', name: 'x-key' } },
      { headers: { 'x-key': 'a' } },
      { headers: { 'x-key': 'b' } },
      false,
    ],
    [
      'one header at two addresses',
      { key: { kind: 'header', name: 'x-key' } },
      { headers: { 'x-key': 'a' }, clientAddress: '1.1.1.1' },
      { headers: { 'x-key': 'a' }, clientAddress: '1.1.1.2' },
      true,
    ],
    [
      'a header left out: by address',
      { key: { kind: 'header', name: 'x-key' } },
      { headers: { 'x-key': '' }, clientAddress: '1.1.1.1' },
      { clientAddress: '1.1.1.1' },
      true,
    ],
    [
      'identities',
      { key: { kind: 'identity' } },
      { identity: { kind: 'jwt', subject: 'a' } },
      { identity: { kind: 'api_key', subject: 'a' } },
      false,
    ],
    [
      'a claim',
      { key: { kind: 'claim', name: 'org' } },
      { identity: { kind: 'jwt', subject: 'a', claims: { org: 'x' } } },
      { identity: { kind: 'jwt', subject: 'b', claims: { org: 'x' } } },
      true,
    ],
    [
      'a claim that is no plain value: by address',
      { key: { kind: 'claim', name: 'org' } },
      { identity: { kind: 'jwt', subject: 'a', claims: { org: ['x'] } }, clientAddress: '1.1.1.1' },
      { identity: { kind: 'jwt', subject: 'b', claims: { org: ['x'] } }, clientAddress: '1.1.1.2' },
      false,
    ],
  ])('counts %s', (_, spec, first, second, isOne) => {
    const { policiesOf } = world()
    const [policy] = policiesOf({ ...spec, burst: 1 })
    expect(passes(policy, first)).toBe(true)
    expect(passes(policy, second)).toBe(!isOne)
  })

  it('of several takes from all or from none', () => {
    const { clock, policiesOf } = world()
    const [policy] = policiesOf(
      { name: 'second', requests: 1, periodMs: 1_000, burst: 1 },
      { name: 'minute', requests: 3, burst: 3 },
    )
    expect(addedLines(verdictOf(policy))).toEqual([
      'RateLimit-Policy: "second";q=1;w=1, "minute";q=3;w=60',
      'RateLimit: "second";r=0;t=1, "minute";r=2;t=20',
    ])
    expect(verdictOf(policy)?.answer).toMatchObject({ detail: expect.stringContaining('"second"') })
    for (clock.now of [1_000, 2_000]) expect(passes(policy)).toBe(true)
    clock.now = 3_000
    expect(verdictOf(policy)?.answer).toMatchObject({ detail: expect.stringContaining('"minute"') })
  })

  it('that needs no identity is asked before authentication, one that does after it', () => {
    const { policiesOf } = world()
    const policies = policiesOf({}, { name: 'key', key: { kind: 'identity' } }, { name: 'all', key: { kind: 'all' } })
    expect(policies.map(({ phase }) => phase)).toEqual(['authenticate', 'limit'])
  })

  it('has keys of a bounded length, and none that tells a store a credential', () => {
    const limit = new Limit('r', { ...perMinute, key: { kind: 'header', name: 'authorization' } }, 1)
    const keyOf = (authorization: string) => limit.keyOf(requestOf({ headers: { authorization } }))
    expect(keyOf('x'.repeat(10_000)).length).toBeLessThan(70)
    expect(keyOf('x'.repeat(10_000))).not.toBe(keyOf('x'.repeat(10_001)))
    expect(publicKey(keyOf('Bearer secret'))).toMatch(/^#[\w-]{32}$/)
    expect(publicKey(limit.keyOf(requestOf()))).toBe('a:203.0.113.7')
  })

  it('is owed across tables as long as it is the same limit', () => {
    const { limits, policiesOf } = world()
    expect(passes(policiesOf({ burst: 1 })[0])).toBe(true)
    limits.configure(config)
    expect(passes(policiesOf({ burst: 1 })[0])).toBe(false)
    limits.configure(config)
    expect(passes(policiesOf({ burst: 1, requests: 5 })[0])).toBe(true)
    limits.configure(config)
    limits.configure(config)
    expect(passes(policiesOf({ burst: 1 })[0])).toBe(true)
  })
})

describe('workers', () => {
  it('count what the others granted', async () => {
    const here = world()
    const there = world()
    const [mine] = here.policiesOf({})
    const [theirs] = there.policiesOf({})
    const told = new Promise<Taken>((resolve) => (here.limits.shares.onTaken = resolve))
    expect([passes(mine), passes(mine)]).toEqual([true, true])
    there.limits.shares.hear(await told)
    expect([passes(theirs), passes(theirs, { clientAddress: '9.9.9.9' })]).toEqual([false, true])
    here.limits.close()
  })

  it('together repay what they granted too much', () => {
    const here = world()
    const [mine] = here.policiesOf({})
    expect([passes(mine), passes(mine)]).toEqual([true, true])
    const id = new Limit('api/0', perMinute, 1).id
    here.limits.shares.hear([[id, [['a:203.0.113.7', 2]]]])
    here.clock.now = 60_000
    expect(passes(mine)).toBe(false)
    here.clock.now = 90_000
    expect(passes(mine)).toBe(true)
  })

  it('take no notice of a limit that they do not know', () => {
    const { limits, policiesOf } = world()
    limits.shares.hear([['gone', [['a:203.0.113.7', 100]]]])
    expect(passes(policiesOf({})[0])).toBe(true)
  })
})

function shared(answers: (SharedTaking | null)[], onFailure: SharedLimits['onFailure'] = 'local') {
  const asked: (readonly string[])[] = []
  const limit = new Limit('r', perMinute, 1)
  const own = new Limit('r', { ...perMinute, name: 'own', requests: 5, burst: 5, isShared: false }, 1)
  const policy = new RateLimitPolicy({
    limits: [limit, own],
    phase: 'authenticate',
    hasHeaders: true,
    isAddition: false,
    shared: {
      onFailure,
      take: (_, keys) => {
        asked.push(keys)
        return Promise.resolve(answers.shift() ?? null)
      },
    },
    now: () => 0,
    onTaken: () => {},
  })
  return { policy, asked, cost: limit.rate.cost }
}

describe('a shared limit', () => {
  it('follows the store: what others took is missing here', async () => {
    const { cost } = shared([])
    const { policy, asked } = shared([{ isGranted: true, debts: [2 * cost] }])
    const verdict = (await policy.check(requestOf())) as Verdict
    expect(addedLines(verdict)[1]).toBe('RateLimit: "default";r=0;t=60, "own";r=4;t=12')
    // The store would refuse it: it is not asked.
    expect(verdictOf(policy)?.answer).toMatchObject({ reason: 'rate_limited' })
    expect(asked).toEqual([['a:203.0.113.7']])
  })

  it('refuses what the store refuses, and takes from no other limit then', async () => {
    const { cost } = shared([])
    const { policy } = shared([{ isGranted: false, debts: [2 * cost] }])
    const verdict = (await policy.check(requestOf())) as Verdict
    expect(verdict?.answer).toMatchObject({ reason: 'rate_limited', retryAfterSeconds: 30 })
    expect(addedLines(verdict)[1]).toContain('"own";r=5')
  })

  it.each([
    ['local', [undefined, undefined, 'rate_limited']],
    ['allow', [undefined, undefined, undefined]],
    ['deny', ['rate_limit_unavailable', 'rate_limit_unavailable', 'rate_limit_unavailable']],
  ] as const)('without an answer goes by on_failure: %s', async (onFailure, expected) => {
    const { policy } = shared([], onFailure)
    const reasons: unknown[] = []
    for (let request = 0; request < 3; request++) {
      const verdict = await policy.check(requestOf())
      const answer = verdict?.answer
      reasons.push(answer?.kind === 'problem' ? answer.reason : undefined)
    }
    expect(reasons).toEqual(expected)
  })
})
