import { defaultResilience } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { renderConfig } from './render.js'
import { appOf, listed } from './reading.suite.js'

const manifest = (...lines: readonly string[]): string =>
  `services:\n  a:\n    build: a\n    command: serve\n${lines.map((line) => `    ${line}\n`).join('')}`
const serviceOf = (...lines: readonly string[]) => appOf(manifest(...lines)).services['a']
const routeManifest = (...lines: readonly string[]): string =>
  manifest('routes:', '  - path: /a', ...lines.map((line) => `    ${line}`))
const routeOf = (...lines: readonly string[]) => appOf(routeManifest(...lines)).services['a']?.routes[0]

describe('a service that says nothing', () => {
  it('takes the defaults of the gateway', () => {
    expect(serviceOf()?.balancer).toBe('round_robin')
    expect(serviceOf()?.resilience).toBeUndefined()
    expect(serviceOf('balancer: least_request')?.resilience).toBeUndefined()
  })

  it('has the same defaults when it says a little', () => {
    expect(serviceOf('ejection: true')?.resilience).toEqual(defaultResilience)
    expect(serviceOf('balancer: {}')?.resilience).toEqual(defaultResilience)
  })
})

const balancingOf = (written: string) => {
  const service = serviceOf(`balancer: ${written}`)
  return { balancer: service?.balancer, ...service?.resilience?.balancing }
}

describe('balancer', () => {
  it.each([
    ['{ policy: consistent_hash }', { by: 'address' }],
    ['{ policy: consistent_hash, source_address: true }', { by: 'address' }],
    ['{ policy: consistent_hash, header: X-User, load_bound: 2 }', { by: 'header', name: 'x-user' }],
    ['{ policy: consistent_hash, cookie: Cart }', { by: 'cookie', name: 'Cart' }],
  ])('%s', (written, hash) => {
    expect(balancingOf(written)).toMatchObject({ balancer: 'consistent_hash', hash })
  })

  it('takes a cookie, a zone, a threshold and a slow start', () => {
    expect(
      balancingOf('{ policy: sticky, cookie: at, cookie_ttl: 1h, prefer_zone: eu-1, panic_threshold: 0 }'),
    ).toMatchObject({ balancer: 'sticky', cookie: 'at', cookieMs: 3_600_000, zone: 'eu-1', panicPercent: 0 })
    expect(serviceOf('slow_start: 30s')?.resilience?.balancing.slowStartMs).toBe(30_000)
  })
})

it('ejection and its parts, and none', () => {
  expect(serviceOf('ejection: false')?.resilience?.ejection).toBeNull()
  const written =
    'ejection: { consecutive_errors: 3, errors: all, time: 10s, multiplier: 1.5, max_time: 1m, max_ejected: 25% }'
  expect(serviceOf(written)?.resilience?.ejection).toEqual({
    consecutive: 3,
    errors: 'all',
    baseMs: 10_000,
    multiplier: 1.5,
    maxMs: 60_000,
    maxPercent: 25,
  })
})

it('circuit_breaker, retry_budget and max_queue_delay', () => {
  const resilience = serviceOf(
    'circuit_breaker: { max_connections: 10, max_pending: 0, max_requests: 20, max_retries: 3, failures: { rate: 80%, probes: 1 } }',
    'retry_budget: { percent: 10, min: 0 }',
    'max_queue_delay: 0',
  )?.resilience
  expect(resilience?.circuitBreaker).toEqual({
    maxConnections: 10,
    maxPending: 0,
    maxRequests: 20,
    maxRetries: 3,
    failures: { failurePercent: 80, minRequests: 20, windowMs: 10_000, openMs: 5000, probes: 1 },
  })
  expect(resilience?.retryBudget).toEqual({ percent: 10, minimum: 0 })
  expect(resilience?.queueMs).toBeNull()
})

it('shed_above of the gateway', () => {
  const app = appOf(`${manifest()}gateway:\n  shed_above: 300ms\n`)
  expect(app.gateway.shedAboveMs).toBe(300)
  expect(appOf(renderConfig(app)).gateway.shedAboveMs).toBe(300)
  expect(appOf(manifest()).gateway).not.toHaveProperty('shedAboveMs')
  expect(listed(`${manifest()}gateway:\n  shed_above: 1ms\n`).join('\n')).toContain('at least 10ms')
})

describe('retry and hedge of a route', () => {
  it('have defaults for all but the delay', () => {
    expect(routeOf()).not.toHaveProperty('retry')
    expect(routeOf('retry: {}')?.retry).toEqual({
      attempts: 2,
      on: ['reset', 'timeout', 502, 503, 504, 'unavailable'],
      backoffMs: 25,
      idempotencyKey: false,
      idempotent: false,
    })
    expect(routeOf('hedge: { delay: p95 }')?.hedge).toEqual({ delayMs: null })
  })

  it('take what is written', () => {
    const route = routeOf(
      'retry: { attempts: 1, on: [connect_failure, 503, 429], per_try_timeout: 2s, backoff: 100ms, idempotency_key: true }',
      'hedge: { delay: 50ms }',
    )
    expect(route?.retry).toEqual({
      attempts: 1,
      on: [503, 429],
      backoffMs: 100,
      idempotencyKey: true,
      idempotent: false,
    })
    expect(route?.timeouts.backendRequestMs).toBe(2000)
    expect(route?.hedge).toEqual({ delayMs: 50 })
  })

  it('take statuses of gRPC, and that doing it twice does no harm', () => {
    expect(routeOf('retry: { on: [unavailable, internal], idempotent: true }')?.retry).toMatchObject({
      on: ['unavailable', 'internal'],
      idempotent: true,
    })
  })

  it('take statuses in quotes as well', () => {
    expect(routeOf('retry: { on: ["503", reset] }')?.retry?.on).toEqual([503, 'reset'])
  })
})

it.each([
  ['balancer: roundrobin', 'round_robin'],
  ['balancer: { policy: round_robin, header: X-User }', 'header is for consistent_hash'],
  ['balancer: { policy: least_request, cookie: a }', 'a cookie is for consistent_hash and sticky'],
  ['balancer: { policy: consistent_hash, header: A, cookie: b }', 'consistent_hash goes by one thing'],
  ['balancer: { policy: consistent_hash, cookie_ttl: 1h }', 'cookie_ttl is for sticky'],
  ['balancer: { policy: consistent_hash, load_bound: 0.5 }', 'load_bound below 1'],
  ['balancer: { policy: sticky, cookie: "a b" }', '"a b" is not the name of a cookie'],
  ['balancer: { panic_threshold: 101% }', 'expected a percentage from 0% to 100%'],
  ['ejection: { errors: some }', 'gateway'],
  ['ejection: { max_ejected: half }', 'expected a percentage from 0% to 100%'],
  ['ejection: { multiplier: 0.5 }', 'a multiplier below 1'],
  ['ejection: often', 'expected false, or a map'],
  ['circuit_breaker: { max_requests: 0 }', 'from 1 to'],
  ['circuit_breaker: { failures: { rate: 0 } }', 'expected a percentage from 1% to 100%'],
  ['retry_budget: { percent: -1 }', 'expected a percentage from 0% to 100%'],
  ['slow_start: soon', 'duration'],
])('%s is told with its line', (line, message) => {
  const text = listed(manifest(line)).join('\n')
  expect(text).toMatch(/^5:\d+ services\.a\./m)
  expect(text).toContain(message)
})

it('connections without heads have no headers to go by', () => {
  const text = listed(manifest('protocol: tcp', 'balancer: sticky')).join('\n')
  expect(text).toContain('connections of protocol tcp have no headers')
  expect(serviceOf('protocol: tcp', 'balancer: consistent_hash')?.balancer).toBe('consistent_hash')
})

it.each([
  [['retry: { on: [500] }'], 'expected one of connect_failure'],
  [['retry: { on: ["500"] }'], 'expected one of connect_failure'],
  [['retry: { on: [not_found] }'], 'resource_exhausted'],
  [['retry: { idempotent: maybe }'], 'true or false'],
  [['retry: { attempts: 11 }'], 'from 0 to 10'],
  [['hedge: {}'], 'p95'],
  [['hedge: { delay: quick }'], '"quick"'],
  [['retry: { per_try_timeout: 1s }', 'timeouts: { backend_request: 1s }'], 'are the same'],
  [['retry: {}', 'redirect: { path: /b }'], 'a route with a redirect sends nothing'],
])('%s is told', (lines, message) => {
  expect(listed(routeManifest(...lines)).join('\n')).toContain(message)
})

it('is written as it is read', () => {
  const text = manifest(
    'balancer: { policy: consistent_hash, cookie: cart, prefer_zone: eu-1 }',
    'slow_start: 10s',
    'ejection: { time: 1m }',
    'circuit_breaker: { max_requests: 5, failures: {} }',
    'routes:',
    '  - path: /a',
    '    retry: { on: [reset, 503, unavailable], idempotent: true, per_try_timeout: 1s }',
    '    hedge: { delay: p95 }',
  )
  const app = appOf(text)
  const again = appOf(renderConfig(app)).services['a']
  expect(again?.balancer).toBe('consistent_hash')
  expect(again?.resilience).toEqual(app.services['a']?.resilience)
  expect(again?.routes).toEqual(app.services['a']?.routes)
  const sticky = appOf(manifest('balancer: { policy: sticky, cookie: at, cookie_ttl: 1h }', 'ejection: false'))
  expect(appOf(renderConfig(sticky)).services['a']?.resilience).toEqual(sticky.services['a']?.resilience)
})
