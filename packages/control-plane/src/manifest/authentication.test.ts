import type { AuthenticatorSpec, GatewaySpec } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { gatewayConfigOf } from '../desired/gateway-config.js'
import { renderConfig } from './render.js'
import { appOf, listed, readFrom } from './reading.suite.js'

const service = 'services:\n  a:\n    build: a\n    command: serve\n'
const gateway = (written: string, routes = '[/]'): string =>
  `${service}    routes: ${routes}\ngateway:\n  authenticators:\n    x: ${written}\n`
const readOne = (written: string): AuthenticatorSpec | undefined =>
  appOf(gateway(written)).gateway.authenticators?.['x']
const mistakes = (written: string): string[] => listed(gateway(written))

describe('authenticators', () => {
  it('jwt by discovery, with every default', () => {
    expect(readOne('{ jwt: { issuer: "https://issuer.test", audience: shop } }')).toEqual({
      kind: 'jwt',
      name: 'x',
      keys: {
        from: 'discovery',
        issuer: 'https://issuer.test',
        isInsecure: false,
        maxAgeMs: 300_000,
        cooldownMs: 10_000,
        maxStaleMs: 3_600_000,
      },
      issuer: 'https://issuer.test',
      audiences: ['shop'],
      algorithms: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
      skewMs: 30_000,
      maxTokenBytes: 8192,
      cookie: null,
      claimHeaders: [],
      forwardsCredential: true,
    })
  })

  it('jwt with every key', () => {
    const written =
      '{ jwt: { issuer: i, audience: [a, b], jwks: "http://127.0.0.1:9/keys", algorithms: [ES256], skew: 5s, max_token: 4K, cookie: t, ' +
      'headers: { X-User: sub }, forward: false, refresh: 1m, cooldown: 20s, max_stale: 2h, allow_http: true } }'
    expect(readOne(written)).toEqual({
      kind: 'jwt',
      name: 'x',
      keys: {
        from: 'url',
        url: 'http://127.0.0.1:9/keys',
        isInsecure: true,
        maxAgeMs: 60_000,
        cooldownMs: 20_000,
        maxStaleMs: 7_200_000,
      },
      issuer: 'i',
      audiences: ['a', 'b'],
      algorithms: ['ES256'],
      skewMs: 5_000,
      maxTokenBytes: 4096,
      cookie: 't',
      claimHeaders: [{ claim: 'sub', header: 'X-User' }],
      forwardsCredential: false,
    })
  })

  it('jwt with keys or a secret of a file, seen from the manifest', () => {
    expect(readOne('{ jwt: { keys: ./keys.json, audience: "*" } }')).toMatchObject({
      keys: { from: 'file', path: '/app/keys.json' },
      audiences: [],
    })
    expect(readOne('{ jwt: { secret: ../s, audience: a } }')).toMatchObject({
      keys: { from: 'secret', path: '/s' },
      algorithms: ['HS256', 'HS384', 'HS512'],
    })
  })

  it('api_keys, basic and external', () => {
    expect(readOne('{ api_keys: }')).toEqual({
      kind: 'api_keys',
      name: 'x',
      header: 'x-api-key',
      claimHeaders: [],
      forwardsCredential: false,
    })
    expect(readOne('{ api_keys: { bearer: true, forward: true } }')).toMatchObject({
      header: null,
      forwardsCredential: true,
    })
    expect(readOne('{ basic: { file: pw } }')).toMatchObject({ kind: 'basic', path: '/app/pw' })
    expect(readOne('{ external: { url: "http://127.0.0.1:9/check", to_service: [X-User], subject: X-User } }')).toEqual(
      {
        kind: 'external',
        name: 'x',
        url: 'http://127.0.0.1:9/check',
        isInsecure: false,
        timeoutMs: 1_000,
        requestHeaders: ['authorization', 'cookie'],
        upstreamHeaders: ['x-user'],
        clientHeaders: [],
        subjectHeader: 'x-user',
        failsOpen: false,
      },
    )
  })

  it.each([
    ['^{}', '', 'just one of'],
    ['^{ api_keys: {}, basic: { file: f } }', '', 'just one of'],
    ['{ ^jwd: {} }', '.jwd', 'did you mean "jwt"'],
    ['{ jwt: ^{ audience: a } }', '.jwt', 'where the keys are'],
    ['{ jwt: ^{ issuer: "https://i.test" } }', '.jwt', 'audience is missing'],
    ['{ jwt: { jwks: ^"https://i.test", audience: a } }', '.jwt.jwks', 'issuer is missing'],
    ['{ jwt: { keys: f, secret: ^s, audience: a } }', '.jwt.secret', 'either keys or secret'],
    ['{ jwt: { issuer: ^"http://i.test", audience: a } }', '.jwt.issuer', 'plain http'],
    ['{ jwt: { issuer: ^nowhere, audience: a } }', '.jwt.issuer', 'not an address'],
    ['{ jwt: { issuer: ^"https://u:p@i.test", audience: a } }', '.jwt.issuer', 'password'],
    ['{ jwt: { keys: f, audience: a, algorithms: [^none] } }', '.jwt.algorithms[0]', 'expected'],
    ['{ jwt: { keys: f, audience: a, algorithms: [^HS256] } }', '.jwt.algorithms[0]', 'public keys'],
    ['{ jwt: { secret: f, audience: a, algorithms: [^RS256] } }', '.jwt.algorithms[0]', 'a secret'],
    ['{ jwt: { keys: f, audience: a, skew: ^6m } }', '.jwt.skew', 'at most 5m'],
    ['{ jwt: { keys: f, audience: a, headers: { Host: ^sub } } }', '.jwt.headers.Host', 'rewrite'],
    ['{ jwt: { keys: f, audience: a, headers: { Cookie: ^sub } } }', '.jwt.headers.Cookie', 'credential'],
    ['{ api_keys: { header: ^"a b" } }', '.api_keys.header', 'not the name of a header'],
    ['{ external: { url: ^"ftp://a" } }', '.external.url', 'https'],
    ['{ external: { url: "https://a", to_client: [^Content-Length] } }', '.external.to_client[0]', 'connection'],
    ['{ login: { issuer: "https://a", client_id: c, cookie_secret: k, scopes: ^[email] } }', '.login.scopes', 'openid'],
    ['{ login: { issuer: "https://a", client_id: c, cookie_secret: k, path: ^/../x } }', '.login.path', 'plain path'],
    [
      '{ login: { issuer: "https://a", client_id: c, cookie_secret: k, session: ^9s } }',
      '.login.session',
      'at least 1m',
    ],
    [
      '{ login: { issuer: "https://a", client_id: c, cookie_secret: k, origin: ^"https://a/b" } }',
      '.login.origin',
      'origin',
    ],
    ['{ ^login: { issuer: "https://a", client_id: c } }', '.login.cookie_secret', 'missing'],
  ])('has a mistake at the mark: %s', (marked, path, message) => {
    const found = mistakes(marked.replace('^', ''))
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(`8:${'    x: '.length + marked.indexOf('^') + 1} gateway.authenticators.x${path}: `)
    expect(found[0]).toContain(message)
  })

  it('login, with a route of its own on the hosts that ask for it', () => {
    const login = '{ login: { issuer: "https://i.test", client_id: shop, cookie_secret: ./secret } }'
    expect(readOne(login)).toEqual({
      kind: 'login',
      name: 'x',
      issuer: 'https://i.test',
      isInsecure: false,
      clientId: 'shop',
      clientSecretPath: null,
      cookieSecretPath: '/app/secret',
      scopes: ['openid'],
      sessionMs: 28_800_000,
      path: '/_pando/login/x',
      origin: null,
      claimHeaders: [],
      forwardsCredential: false,
    })
    const routesOf = (routes: string): readonly object[] =>
      gatewayConfigOf(appOf(gateway(login, routes)), new Map(), {
        accessLog: '',
        localCertificate: { cert: '', key: '' },
      }).routes.slice(1)
    expect(routesOf('[{ host: a.test, path: /, auth: x }]')).toMatchObject([
      {
        name: 'login/x',
        hosts: ['a.test'],
        matches: [{ path: { type: 'prefix', value: '/_pando/login/x' } }],
        backends: [],
        auth: { anyOf: ['x'] },
      },
    ])
    expect(routesOf('[{ path: /, auth: x }]')).toMatchObject([{ hosts: [] }])
    expect(routesOf('[/]')).toEqual([])
  })

  it('cannot be called none', () => {
    const text = `${service}gateway:\n  authenticators:\n    none: { api_keys: }\n`
    expect(listed(text)[0]).toContain('cannot be called none')
  })
})

const withRoutes = (routes: string, more = ''): string => gateway('{ api_keys: }', routes) + more

const authOf = (routes: string, more = ''): unknown => {
  const app = appOf(withRoutes(routes, more))
  return gatewayConfigOf(app, new Map(), { accessLog: '', localCertificate: { cert: '', key: '' } }).routes[0]?.auth
}

describe('auth of a route', () => {
  it('is a name, a map, or none', () => {
    expect(authOf('[{ path: /, auth: x }]')).toEqual({ anyOf: ['x'], scopes: [], claims: [] })
    expect(authOf('[{ path: /, auth: { any_of: [x], scopes: [r], claims: { role: [a, b], t: c } } }]')).toEqual({
      anyOf: ['x'],
      scopes: ['r'],
      claims: [
        { claim: 'role', values: ['a', 'b'] },
        { claim: 't', values: ['c'] },
      ],
    })
    expect(authOf('[/]')).toBeUndefined()
    expect(authOf('[{ path: /, auth: none }]')).toBeNull()
  })

  it("falls back to the gateway's, unless it says none", () => {
    const fallback = '  default_auth: x\n'
    expect(authOf('[/]', fallback)).toEqual({ anyOf: ['x'], scopes: [], claims: [] })
    expect(authOf('[{ path: /, auth: { scopes: [w] } }]', fallback)).toEqual({
      anyOf: ['x'],
      scopes: ['w'],
      claims: [],
    })
    expect(authOf('[{ path: /, auth: none }]', fallback)).toBeNull()
  })

  it('names an authenticator that is there', () => {
    expect(listed(withRoutes('[{ path: /, auth: y }]'))).toEqual([
      '5:31 services.a.routes[0].auth: there is no authenticator "y" (did you mean "x"?)',
    ])
    expect(listed(withRoutes('[{ path: /, auth: operators }]'))[0]).toContain('(known here: none, x)')
    const [beside] = listed(withRoutes('[{ path: /, auth: { any_of: [x, none] } }]'))
    expect(beside).toContain('auth.any_of[1]: none is no authenticator')
    expect(listed(withRoutes('[{ path: /, auth: { any_of: [x, xx] } }]'))[0]).toContain('routes[0].auth.any_of[1]')
    expect(listed(withRoutes('[{ path: /, auth: { scopes: [r] } }]'))[0]).toContain('by which authenticator')
    expect(listed(withRoutes('[/]', '  default_auth: y\n'))[0]).toContain('gateway.default_auth')
  })

  it('has an authoriser last, as it decides about every request', () => {
    const more = '    e: { external: { url: "https://e.test" } }\n'
    expect(listed(withRoutes('[{ path: /, auth: { any_of: [e, x] } }]', more))).toEqual([
      '5:41 services.a.routes[0].auth.any_of: "e" decides about every request, so those behind it are never asked (write it last)',
    ])
    expect(authOf('[{ path: /, auth: { any_of: [x, e] } }]', more)).toMatchObject({ anyOf: ['x', 'e'] })
  })

  it('is checked against the gateway that the service joins', () => {
    const text = `${service}    routes: [{ path: /, auth: users }]\n`
    const users = {
      kind: 'api_keys',
      name: 'users',
      header: null,
      claimHeaders: [],
      forwardsCredential: false,
    } as const
    const present: GatewaySpec = { ...appOf(service).gateway, authenticators: { users } }
    const neighbours = { other: null }
    expect(readFrom(text, { neighbours, presentGateway: present }).kind).toBe('read')
    expect(readFrom(text, { neighbours, presentGateway: appOf(service).gateway }).kind).toBe('mistaken')
    // Where the gateway is not known, whoever knows it will say.
    expect(readFrom(text, { neighbours }).kind).toBe('read')
  })
})

it('is shown by pando config so that it is read again as the same', () => {
  const text = `${service}    routes:
      - { path: /a, auth: { any_of: [x, y], scopes: [r], claims: { role: admin } } }
      - { path: /b, auth: none }
      - /c
gateway:
  default_auth: { any_of: [x], scopes: [r] }
  authenticators:
    x: { jwt: { issuer: "https://i.test", audience: [a], headers: { X-User: sub } } }
    y: { api_keys: { bearer: true } }
    z: { basic: { file: pw } }
    k: { jwt: { keys: k, audience: "*", cookie: c, forward: false } }
    s: { jwt: { secret: k, audience: a } }
    u: { jwt: { issuer: i, audience: a, jwks: "https://i.test/k", max_token: 4K } }
    l: { login: { issuer: "https://i.test", client_id: c, client_secret: s, cookie_secret: k, scopes: [openid, email], session: 1h, path: /l, origin: "https://a.test", headers: { X-U: sub } } }
    m: { login: { issuer: "https://i.test", client_id: c, cookie_secret: k } }
    e: { external: { url: "https://e.test/$$x", send: [A], to_service: [B], to_client: [C], subject: B, fail_open: true } }
`
  const app = appOf(text)
  expect(appOf(renderConfig(app))).toEqual(app)
})
