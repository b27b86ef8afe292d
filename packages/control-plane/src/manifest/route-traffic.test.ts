import { describe, expect, it } from 'vitest'
import { gatewayConfigOf } from '../desired/gateway-config.js'
import { renderConfig } from './render.js'
import { appOf, listed } from './reading.suite.js'

const manifest = (route: string, gateway = ''): string =>
  `services:\n  a:\n    build: a\n    command: serve\n    routes:\n      - path: /a\n        ${route}\n${gateway}`

const routeOf = (route: string, gateway = '') => appOf(manifest(route, gateway)).services['a']?.routes[0]
const gatewayOf = (gateway: string) => appOf(manifest('method: GET', `gateway:\n  ${gateway}\n`)).gateway

describe('rate_limit', () => {
  it.each([
    ['10/s', 10, 1_000],
    ['100/m', 100, 60_000],
    ['500/10s', 500, 10_000],
    ['1000/d', 1_000, 86_400_000],
    ['5/250ms', 5, 250],
  ])('%s', (written, requests, periodMs) => {
    expect(routeOf(`rate_limit: ${written}`)?.rateLimit).toEqual({
      limits: [{ name: 'default', requests, periodMs, burst: requests, key: { kind: 'address' }, isShared: true }],
      hasHeaders: true,
    })
  })

  it('takes several, each with all that there is', () => {
    const written =
      'rate_limit: [100/m, { requests: 5, per: 1m30s, burst: 50, by: "header:X-Key", name: key, headers: false, shared: false }, { requests: 1, by: "claim:org" }]'
    expect(routeOf(written)?.rateLimit).toEqual({
      limits: [
        { name: '1', requests: 100, periodMs: 60_000, burst: 100, key: { kind: 'address' }, isShared: true },
        {
          name: 'key',
          requests: 5,
          periodMs: 90_000,
          burst: 50,
          key: { kind: 'header', name: 'x-key' },
          isShared: false,
        },
        { name: '3', requests: 1, periodMs: 1_000, burst: 1, key: { kind: 'claim', name: 'org' }, isShared: true },
      ],
      hasHeaders: false,
    })
  })
})

describe('cors', () => {
  it('has short forms, and a default for each word', () => {
    const expected = {
      origins: ['https://shop.example'],
      methods: ['GET', 'HEAD', 'POST'],
      headers: ['content-type'],
      exposeHeaders: [],
      maxAgeSeconds: 600,
      hasCredentials: false,
    }
    expect(routeOf('cors: https://Shop.example')?.cors).toEqual(expected)
    expect(routeOf('cors: [https://shop.example]')?.cors).toEqual(expected)
    expect(
      routeOf('cors: { origins: "*", methods: "*", headers: "*", expose_headers: X-Total, max_age: 1h }')?.cors,
    ).toEqual({
      origins: ['*'],
      methods: ['*'],
      headers: ['*'],
      exposeHeaders: ['x-total'],
      maxAgeSeconds: 3_600,
      hasCredentials: false,
    })
  })
})

describe('cors of a route for some methods', () => {
  it.each([
    ['method: PUT, cors: https://shop.example', ['GET', 'HEAD', 'POST', 'PUT']],
    ['matches: [{ path: /, method: patch }, { path: /b }], cors: "*"', ['GET', 'HEAD', 'POST', 'PATCH']],
    ['method: PUT, cors: { origins: "*", methods: [DELETE] }', ['DELETE']],
  ])('lets pages use those, unless it names its own: %s', (written, methods) => {
    const app = appOf(`services:\n  a: { build: ./a, command: x, routes: [{ ${written} }] }\n`)
    expect(app.services.a?.routes[0]?.cors?.methods).toEqual(methods)
  })
})

describe('the other options of a route', () => {
  it.each<[string, object]>([
    [
      'ip: { allow: [10.0.0.0/8, "::1"], deny: [10.1.0.0/16] }',
      { ip: { allow: ['10.0.0.0/8', '::1'], deny: ['10.1.0.0/16'] } },
    ],
    [
      'fault: { delay: { time: 2s, percent: 12.5 }, abort: { status: 503, percent: 1% } }',
      { fault: { delay: { ms: 2_000, percent: 12.5 }, abort: { status: 503, percent: 1 }, byHeader: false } },
    ],
    ['fault: { by_header: true }', { fault: { byHeader: true } }],
    ['mirror: a', { mirror: { service: 'a', percent: 100, maxBodyBytes: 65_536 } }],
    [
      'mirror: { service: a, percent: 5%, max_body: 1M }',
      { mirror: { service: 'a', percent: 5, maxBodyBytes: 1_048_576 } },
    ],
    [
      'limits: { max_body: 1K, max_response_body: 2K, max_response_head: 4K }',
      { sizes: { maxRequestBodyBytes: 1024, maxResponseBodyBytes: 2048, maxResponseHeadBytes: 4096 } },
    ],
    [
      'compress: { types: [Text/*, application/json], min_size: 2K, codings: [gzip] }',
      { compress: { codings: ['gzip'], types: ['text/*', 'application/json'], minBytes: 2048 } },
    ],
    ['cache: true', { cache: { maxBytes: 33_554_432, maxEntryBytes: 1_048_576 } }],
    ['cache: { size: 2M, max_entry: 10K }', { cache: { maxBytes: 2_097_152, maxEntryBytes: 10_240 } }],
    ['security_headers: false', { securityHeaders: null }],
    [
      'security_headers: true',
      {
        securityHeaders: {
          hsts: { maxAgeSeconds: 31_536_000, includeSubdomains: false },
          nosniff: true,
          frames: 'self',
          referrerPolicy: 'strict-origin-when-cross-origin',
          contentSecurityPolicy: null,
          permissionsPolicy: null,
          openerPolicy: null,
        },
      },
    ],
    [
      'security_headers: { hsts: { max_age_days: 30, include_subdomains: true }, nosniff: false, frames: none, referrer_policy: false, opener_policy: same-origin }',
      {
        securityHeaders: {
          hsts: { maxAgeSeconds: 2_592_000, includeSubdomains: true },
          nosniff: false,
          frames: 'none',
          referrerPolicy: null,
          contentSecurityPolicy: null,
          permissionsPolicy: null,
          openerPolicy: 'same-origin',
        },
      },
    ],
  ])('%s', (written, expected) => {
    expect(routeOf(written)).toMatchObject(expected)
  })

  it('of a route that names none are absent', () => {
    expect(Object.keys(routeOf('method: GET') ?? {}).sort()).toEqual(
      ['backends', 'filters', 'hosts', 'matches', 'name', 'timeouts'].sort(),
    )
  })
})

describe('the gateway', () => {
  it('trusts proxies, has security headers, and counts in a store', () => {
    expect(gatewayOf('trusted_proxies: [10.0.0.0/8]').trustedProxies).toEqual(['10.0.0.0/8'])
    expect(gatewayOf('security_headers: true').securityHeaders?.nosniff).toBe(true)
    expect(gatewayOf('rate_limit_store: { url: "redis://127.0.0.1:6379/1" }').rateLimitStore).toEqual({
      url: { kind: 'url', url: 'redis://127.0.0.1:6379/1' },
      timeoutMs: 50,
      onFailure: 'local',
    })
    expect(
      gatewayOf('rate_limit_store: { url_file: secrets/redis, timeout: 1s, on_failure: deny }').rateLimitStore,
    ).toEqual({
      url: { kind: 'file', file: '/app/secrets/redis' },
      timeoutMs: 1_000,
      onFailure: 'deny',
    })
  })

  it('has a limit of connections by client where one is written', () => {
    const limits = ['max_connections_per_client: 50', 'max_connections_per_client: 0', 'max_connections: 50']
    const read = limits.map((each) => gatewayOf(`limits: { ${each} }`).limits.maxConnectionsPerClient)
    expect(read).toEqual([50, undefined, undefined])
  })
})

it('is rendered so that it is read again as the same', () => {
  const text = manifest(
    [
      'rate_limit: [100/m, { requests: 5, burst: 7, by: identity, name: key, shared: false }]',
      'cors: { origins: [https://a.example], credentials: true, max_age: 0 }',
      'ip: { deny: [10.0.0.0/8] }',
      'fault: { delay: { time: 1s }, abort: { status: 500, percent: 0.5 }, by_header: true }',
      'compress: true',
      'cache: { size: 5M }',
      'mirror: { service: a, percent: 50 }',
      'limits: { max_body: 0, max_response_body: 5 }',
      'security_headers: { hsts: false, frames: false, content_security_policy: "default-src none" }',
    ].join('\n        '),
    'gateway:\n  trusted_proxies: ["::1"]\n  security_headers: true\n  rate_limit_store: { url: "redis://h" }\n  limits: { max_connections_per_client: 5 }\n  health_path: /a$$b\n',
  )
  const app = appOf(text)
  expect(appOf(renderConfig(app))).toEqual(app)
  const files = { accessLog: '', localCertificate: { cert: '', key: '' } }
  expect(gatewayConfigOf(app, new Map(), files)).toMatchObject({
    trustedProxies: ['::1'],
    healthPath: '/a$b',
    limits: { maxConnectionsPerClient: 5 },
  })
})

it('takes hsts as true or false, too', () => {
  const [yes, no] = ['true', '"false"'].map((written) => routeOf(`security_headers: { hsts: ${written} }`))
  expect(yes?.securityHeaders?.hsts).toEqual({ maxAgeSeconds: 31_536_000, includeSubdomains: false })
  expect(no?.securityHeaders?.hsts).toBeNull()
})

it('compresses nothing unless it is asked to', () => {
  expect(routeOf('compress: false')).not.toHaveProperty('compress')
  expect(routeOf('compress: true')?.compress).toMatchObject({ codings: ['br', 'gzip'], minBytes: 1024 })
})

describe('mistakes', () => {
  it.each([
    ['rate_limit: 100', '7:21', 'services.a.routes[0].rate_limit', 'expected a rate'],
    ['rate_limit: 0/s', '7:21', 'services.a.routes[0].rate_limit', 'expected a rate'],
    ['rate_limit: { requests: 5, by: adress }', '7:40', 'services.a.routes[0].rate_limit.by', 'expected address'],
    ['rate_limit: { requests: 5, pr: 1s }', '7:36', 'services.a.routes[0].rate_limit.pr', 'per'],
    [
      'rate_limit: [{ requests: 1, name: a }, { requests: 2, name: a }]',
      '7:69',
      'services.a.routes[0].rate_limit[1].name',
      'there twice',
    ],
    ['rate_limit: 1/999d', '7:21', 'services.a.routes[0].rate_limit', '31 days'],
    [
      'cors: { origins: "*", credentials: true }',
      '7:44',
      'services.a.routes[0].cors.credentials',
      'any page act as your users',
    ],
    ['cors: shop.example', '7:15', 'services.a.routes[0].cors', 'is not an origin'],
    ['cors: [https://a.example/]', '7:16', 'services.a.routes[0].cors[0]', 'is not an origin'],
    ['cors: ["*", https://a.example]', '7:16', 'services.a.routes[0].cors[0]', 'stands alone'],
    ['cors: https://a.example:443', '7:15', 'services.a.routes[0].cors', 'leave the port'],
    ['cors: "null"', '7:15', 'services.a.routes[0].cors', 'sandboxed'],
    [
      'cors: { origins: https://a.b, headers: [x y] }',
      '7:49',
      'services.a.routes[0].cors.headers[0]',
      'is not a header name',
    ],
    ['ip: { allow: [10.0.0.0/33] }', '7:23', 'services.a.routes[0].ip.allow[0]', 'is not a network'],
    ['ip: {}', '7:13', 'services.a.routes[0].ip', 'lets everybody in'],
    ['fault: {}', '7:16', 'services.a.routes[0].fault', 'does nothing'],
    ['fault: { abort: { status: 200 } }', '7:35', 'services.a.routes[0].fault.abort.status', '400'],
    ['fault: { delay: { time: 1s, percent: 101 } }', '7:46', 'services.a.routes[0].fault.delay.percent', 'percentage'],
    ['compress: { types: [json] }', '7:29', 'services.a.routes[0].compress.types[0]', 'is not a media type'],
    ['compress: { types: [text/event-stream] }', '7:29', 'services.a.routes[0].compress.types[0]', 'at once'],
    ['compress: { codings: [zstd] }', '7:31', 'services.a.routes[0].compress.codings[0]', 'br'],
    ['cache: { size: 10K }', '7:24', 'services.a.routes[0].cache.size', 'larger than all'],
    ['cache: { max_entry: 0 }', '7:29', 'services.a.routes[0].cache.max_entry', 'at least 1'],
    ['fault: { delay: { time: 2m } }', '7:33', 'services.a.routes[0].fault.delay.time', 'longest delay'],
    ['mirror: b', '7:17', 'services.a.routes[0].mirror', 'there is no service "b"'],
    ['mirror: { service: a, percent: -1 }', '7:40', 'services.a.routes[0].mirror.percent', 'percentage'],
    ['limits: { max_response_body: 0 }', '7:38', 'services.a.routes[0].limits.max_response_body', 'at least 1'],
    [
      'security_headers: { frames: all }',
      '7:37',
      'services.a.routes[0].security_headers.frames',
      'none, self or false',
    ],
    [
      'security_headers: { hsts: yes }',
      '7:35',
      'services.a.routes[0].security_headers.hsts',
      'true, false, or a map with max_age_days, got "yes"',
    ],
    [
      'security_headers: { permissions_policy: "a\\r\\nb" }',
      '7:49',
      'services.a.routes[0].security_headers.permissions_policy',
      'one line',
    ],
  ])('%s', (written, place, path, message) => {
    const found = listed(manifest(written))
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(`${place} ${path}`)
    expect(found[0]).toContain(message)
  })

  it.each([
    ['trusted_proxies: [everybody]', 'gateway.trusted_proxies[0]', 'is not a network'],
    ['health_path: healthz', 'gateway.health_path', 'begins with a slash'],
    ['health_path: /', 'gateway.health_path', "every host's first page"],
    ['health_path: /a?b', 'gateway.health_path', 'has no ?'],
    ['rate_limit_store: {}', 'gateway.rate_limit_store', 'either "url" or "url_file"'],
    ['rate_limit_store: { url: "http://h" }', 'gateway.rate_limit_store.url', 'redis://'],
    ['rate_limit_store: { url: "redis://:geheim@h" }', 'gateway.rate_limit_store.url', 'url_file'],
  ])('%s', (written, path, message) => {
    const found = listed(manifest('method: GET', `gateway:\n  ${written}\n`))
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(path)
    expect(found[0]).toContain(message)
    expect(found[0]).not.toContain('geheim')
  })
})
