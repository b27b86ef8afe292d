import { createHash, randomBytes, scryptSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HttpDataPlane } from '@pando/gateway'
import type { ApiKeySpec, AuthenticatorSpec, JwtAuthenticatorSpec, RouteAuth, RouteSpec } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { CertificateFolder } from '../support/certificates.js'
import { Issuer } from '../support/issuer.js'
import {
  answering,
  cleanUp,
  Client,
  endpoint,
  eventually,
  exchange,
  freePort,
  httpServer,
  rawServer,
  route,
  serve,
  table,
} from './plane.js'

/** Until the end of the test. */
async function startIssuer(): Promise<Issuer> {
  const issuer = await Issuer.start()
  cleanUp(() => issuer.close())
  return issuer
}

function jwt(issuer: Issuer, more: Partial<JwtAuthenticatorSpec> = {}): JwtAuthenticatorSpec {
  return {
    kind: 'jwt',
    name: 'users',
    keys: {
      from: 'url',
      url: `${issuer.url}/keys`,
      isInsecure: false,
      maxAgeMs: 300_000,
      cooldownMs: 0,
      maxStaleMs: 3_600_000,
    },
    issuer: issuer.url,
    audiences: ['shop'],
    algorithms: ['ES256'],
    skewMs: 0,
    maxTokenBytes: 8192,
    cookie: null,
    claimHeaders: [
      { claim: 'sub', header: 'X-User' },
      { claim: 'roles', header: 'X-User-Roles' },
    ],
    forwardsCredential: true,
    ...more,
  }
}

const needs = (anyOf: string[], more: Partial<RouteAuth> = {}): RouteAuth => ({
  anyOf,
  scopes: [],
  claims: [],
  ...more,
})

interface Gateway {
  readonly plane: HttpDataPlane
  readonly port: number
  readonly upstreamPort: number
  /** What the service was sent. */
  readonly heads: string[]
  readonly troubles: string[]
}

async function start(
  authenticators: readonly AuthenticatorSpec[],
  routes: readonly RouteSpec[],
  apiKeys: readonly ApiKeySpec[] = [],
): Promise<Gateway> {
  const heads: string[] = []
  const upstream = await rawServer(
    answering((head) => {
      heads.push(head)
      return 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
    }),
  )
  const troubles: string[] = []
  const { port, plane } = await serve(
    {
      endpoints: [endpoint('web', upstream.port)],
      routes,
      config: { authenticators: Object.fromEntries(authenticators.map((spec) => [spec.name, spec])), apiKeys },
    },
    new HttpDataPlane({ onTrouble: (message) => troubles.push(message) }),
  )
  return { plane, port, upstreamPort: upstream.port, heads, troubles }
}

const get = (port: number, path: string, ...lines: string[]): Promise<string> =>
  exchange(port, ['GET ' + path + ' HTTP/1.1', 'Host: shop.test', 'Connection: close', ...lines, '', ''].join('\r\n'))

const bearer = (token: string): string => `Authorization: Bearer ${token}`

describe('a token', () => {
  it('lets in, tells the service who it is, and keeps what others claim outside', async () => {
    const issuer = await startIssuer()
    const { port, heads } = await start([jwt(issuer)], [route('web/0', 'web', '/', { auth: needs(['users']) })])
    const token = await issuer.token('one', { roles: ['buyer', 'seller'] })
    const answer = await get(
      port,
      '/',
      bearer(token),
      'X-User: admin',
      'x_user: admin',
      'X-USER-ROLES: root',
      'X-User_Roles: root',
    )
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
    expect(heads[0]).toContain('\r\nX-User: alice\r\nX-User-Roles: buyer,seller\r\n')
    expect(heads[0]).toContain(`\r\n${bearer(token)}\r\n`)
    expect(heads[0]).not.toMatch(/admin|root/)
  })

  it('that is not there, is wrong or is not enough gets an answer that says so', async () => {
    const issuer = await startIssuer()
    const routes = [
      route('web/0', 'web', '/', { auth: needs(['users']) }),
      route('web/1', 'web', '/write', { auth: needs(['users'], { scopes: ['write'] }) }),
      route('web/2', 'web', '/admin', { auth: needs(['users'], { claims: [{ claim: 'roles', values: ['admin'] }] }) }),
    ]
    const { port, heads } = await start([jwt(issuer)], routes)
    expect(await get(port, '/')).toMatch(
      /^HTTP\/1\.1 401 Unauthorized\r\n[^]*WWW-Authenticate: Bearer realm="test"\r\n[^]*"reason":"unauthenticated"/,
    )
    expect(await get(port, '/', bearer('x.y.z'))).toMatch(
      /^HTTP\/1\.1 401 [^]*WWW-Authenticate: Bearer realm="test", error="invalid_token", error_description="[A-Z][^"]+"\r\n/,
    )
    expect(await get(port, '/', 'Authorization: Basic YTpi')).toMatch(/^HTTP\/1\.1 401 /)
    const token = await issuer.token('one')
    expect(await get(port, '/write', bearer(token))).toMatch(
      /^HTTP\/1\.1 403 Forbidden\r\n[^]*WWW-Authenticate: Bearer realm="test", error="insufficient_scope", scope="write"\r\n[^]*"reason":"forbidden"/,
    )
    expect(await get(port, '/admin', bearer(token))).toMatch(/^HTTP\/1\.1 403 [^]*The claim roles/)
    expect(await get(port, '/', bearer(token), bearer(token))).toMatch(
      /^HTTP\/1\.1 400 [^]*more than one Authorization/,
    )
    expect(heads).toEqual([])
    expect(await get(port, '/write', bearer(await issuer.token('one', { scope: 'read write' })))).toMatch(/ok$/)
    expect(await get(port, '/admin', bearer(await issuer.token('one', { roles: ['x', 'admin'] })))).toMatch(/ok$/)
  })

  it('of a new key lets in once the keys were turned over, and one of an old key no more', async () => {
    const issuer = await startIssuer()
    const { port } = await start([jwt(issuer)], [route('web/0', 'web', '/', { auth: needs(['users']) })])
    const old = await issuer.token('one')
    expect(await get(port, '/', bearer(old))).toMatch(/ok$/)
    await issuer.rotate('one', 'two')
    expect(await get(port, '/', bearer(await issuer.token('two')))).toMatch(/ok$/)
    expect(await get(port, '/', bearer(old))).toMatch(/ok$/)
    await issuer.rotate('two', 'three')
    expect(await get(port, '/', bearer(await issuer.token('three')))).toMatch(/ok$/)
    expect(await get(port, '/', bearer(old))).toMatch(/^HTTP\/1\.1 401 /)
  })

  it('with a body waits for keys without losing a byte', async () => {
    const issuer = await startIssuer()
    const release = issuer.hold()
    const keys = { isInsecure: false, maxAgeMs: 300_000, cooldownMs: 0, maxStaleMs: 3_600_000 }
    const spec = jwt(issuer, { keys: { from: 'discovery', issuer: issuer.url, ...keys } })
    const upstream = await httpServer((request, response) => request.pipe(response))
    const { port } = await serve({
      endpoints: [endpoint('web', upstream.port)],
      routes: [route('web/0', 'web', '/', { auth: needs(['users']) })],
      config: { authenticators: { users: spec } },
    })
    const body = 'x'.repeat(200_000)
    const client = new Client(port)
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${bearer(await issuer.token('one'))}\r\n`)
    client.send(`Content-Length: ${body.length}\r\n\r\n${body.slice(0, 1_000)}`)
    await eventually(() => issuer.asked > 0)
    expect(client.received).toBe('')
    release()
    client.send(body.slice(1_000))
    expect((await client.ended()).split('x').length - 1).toBeGreaterThanOrEqual(body.length)
  })

  it('cannot be judged without keys: nobody gets in, and it says so', async () => {
    const issuer = await startIssuer()
    issuer.isAway = true
    const { port, heads, troubles } = await start(
      [jwt(issuer)],
      [route('web/0', 'web', '/', { auth: needs(['users']) })],
    )
    const token = await issuer.token('one')
    for (let turn = 0; turn < 5; turn++) {
      const answer = await get(port, '/', bearer(token))
      expect(answer).toMatch(/^HTTP\/1\.1 503 [^]*"reason":"policy_failed"/)
      // Where it asks is nobody's business; and its operator is told once, not for every request.
      expect(answer).not.toContain('127.0.0.1')
    }
    expect(heads).toEqual([])
    const told = troubles.filter((trouble) => trouble.includes('authenticator users')).length
    expect([1, 2]).toContain(told)
    issuer.isAway = false
    await expect.poll(() => get(port, '/', bearer(token)), { timeout: 10_000 }).toMatch(/ok$/)
  })

  it('is not judged by keys of an issuer that nobody vouches for', async () => {
    const certificates = await CertificateFolder.make()
    cleanUp(() => certificates.remove())
    const issuer = await Issuer.start(await certificates.put('issuer', ['localhost']))
    cleanUp(() => issuer.close())
    const { port, troubles } = await start([jwt(issuer)], [route('web/0', 'web', '/', { auth: needs(['users']) })])
    expect(await get(port, '/', bearer(await issuer.token('one')))).toMatch(/^HTTP\/1\.1 503 /)
    expect(troubles.join()).toMatch(/certificate/)
    expect(issuer.asked).toBe(0)
  })

  it('is taken from a cookie, which comes once', async () => {
    const issuer = await startIssuer()
    const { port, heads } = await start(
      [jwt(issuer, { cookie: 'token', forwardsCredential: false })],
      [route('web/0', 'web', '/', { auth: needs(['users']) })],
    )
    const token = await issuer.token('one')
    expect(await get(port, '/', `Cookie: a=1; token=${token}; b=2`)).toMatch(/ok$/)
    expect(heads[0]).toContain('\r\nCookie: a=1; b=2\r\n')
    expect(heads[0]).not.toContain(token)
    expect(await get(port, '/', `Cookie: token=${token}; token=${token}`)).toMatch(/^HTTP\/1\.1 400 /)
    expect(await get(port, '/', bearer(token))).toMatch(/^HTTP\/1\.1 401 /)
  })

  it('is remembered over a change of the table, and not over one of its authenticator', async () => {
    const issuer = await startIssuer()
    const routes = [route('web/0', 'web', '/', { auth: needs(['users']) })]
    const { plane, port, upstreamPort } = await start([jwt(issuer)], routes)
    const token = await issuer.token('one')
    expect(await get(port, '/', bearer(token))).toMatch(/ok$/)
    expect(issuer.asked).toBe(1)
    const endpoints = [endpoint('web', upstreamPort)]
    await plane.apply(table({ endpoints, routes, config: { authenticators: { users: jwt(issuer) } } }))
    expect(await get(port, '/', bearer(token))).toMatch(/ok$/)
    expect(issuer.asked).toBe(1)
    await plane.apply(
      table({ endpoints, routes, config: { authenticators: { users: jwt(issuer, { audiences: ['x'] }) } } }),
    )
    expect(await get(port, '/', bearer(token))).toMatch(/^HTTP\/1\.1 401 [^]*audience/)
  })
})

const handshake = (...lines: string[]): string =>
  ['GET /socket HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket', ...lines, '', ''].join('\r\n')

describe('an upgrade', () => {
  it('is let in like any other request, at once or after a wait for keys', async () => {
    const issuer = await startIssuer()
    const release = issuer.hold()
    const upstream = await rawServer((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
        socket.on('data', (bytes) => socket.write(bytes))
      })
    })
    const { port } = await serve({
      endpoints: [endpoint('web', upstream.port)],
      routes: [route('web/0', 'web', '/', { auth: needs(['users']) })],
      config: { authenticators: { users: jwt(issuer) } },
    })
    const token = await issuer.token('one')
    const waiting = new Client(port)
    waiting.send(handshake(bearer(token)))
    await eventually(() => issuer.asked > 0)
    release()
    await waiting.until((text) => text.includes('\r\n\r\n'))
    const atOnce = new Client(port)
    atOnce.send(handshake(bearer(token)))
    await atOnce.until((text) => text.includes('\r\n\r\n'))
    for (const client of [waiting, atOnce]) {
      expect(client.received).toMatch(/^HTTP\/1\.1 101 /)
      client.send('ping')
      expect(await client.until((text) => text.endsWith('ping'))).toMatch(/ping$/)
    }
    const stranger = new Client(port)
    stranger.send(handshake())
    expect(await stranger.until((text) => text.includes('\r\n\r\n'))).toMatch(/^HTTP\/1\.1 401 /)
  })
})

/** One request on a connection of its own: its status, and the challenge if there is one. */
async function ask(port: number, headers: OutgoingHttpHeaders): Promise<string> {
  const session = connect(`http://127.0.0.1:${port}`)
  cleanUp(() => session.destroy())
  const stream = session.request({ ':path': '/', ...headers })
  const [answer] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  stream.resume()
  await once(stream, 'end')
  session.close()
  return `${answer[':status']} ${String(answer['www-authenticate'] ?? '')}`.trim()
}

describe('over HTTP/2', () => {
  it('is the same: tokens, two of them, cookies in pieces, identity headers', async () => {
    const issuer = await startIssuer()
    const { port, heads } = await start(
      [jwt(issuer), jwt(issuer, { name: 'cookies', cookie: 'token', forwardsCredential: false, claimHeaders: [] })],
      [route('web/0', 'web', '/', { auth: needs(['users', 'cookies']) }), route('web/1', 'web', '/public')],
    )
    const token = await issuer.token('one')
    expect(await ask(port, {})).toBe('401 Bearer realm="test"')
    expect(await ask(port, { authorization: `Bearer ${token}`, 'x-user': 'mallory' })).toBe('200')
    expect(heads[0]).toContain('\r\nX-User: alice\r\n')
    expect(await ask(port, { cookie: ['a=1', `token=${token}`, 'b=2'] as unknown as string })).toBe('200')
    expect(heads[1]).toMatch(/\r\ncookie: a=1; b=2\r\n/i)
    expect(await ask(port, { cookie: [`token=${token}`, 'token=x'] as unknown as string })).toBe('400')
    expect(await ask(port, { ':path': '/public', 'x-user': 'mallory', x_user: 'mallory' })).toBe('200')
    expect(heads.join()).not.toContain('mallory')
  })
})

describe('a route', () => {
  it('is not got round by parameters in the path, which some servers do not see', async () => {
    const issuer = await startIssuer()
    const routes = [route('web/0', 'web', '/', {}), route('web/1', 'web', '/admin', { auth: needs(['users']) })]
    const { port, heads } = await start([jwt(issuer)], routes)
    for (const path of ['/admin;x', '/admin;a=b/users', '/;x/admin']) {
      expect(await get(port, path)).toMatch(/^HTTP\/1\.1 400 [^]*"reason":"bad_request"/)
    }
    expect(heads).toEqual([])
    expect(await get(port, '/heroes;id=1')).toMatch(/ok$/)
    expect(await get(port, '/admin;x', bearer(await issuer.token('one')))).toMatch(/^HTTP\/1\.1 400 /)
    expect(await get(port, '/admin/users;x', bearer(await issuer.token('one')))).toMatch(/ok$/)
  })

  it('without auth lets anybody in, and nobody say who they are', async () => {
    const issuer = await startIssuer()
    const { port, heads } = await start([jwt(issuer)], [route('web/0', 'web', '/')])
    expect(await get(port, '/', 'X-User: admin', 'X-Other: yes')).toMatch(/ok$/)
    expect(heads[0]).not.toContain('admin')
    expect(heads[0]).toContain('X-Other: yes')
  })

  it('that names an authenticator which is not there lets nobody in', async () => {
    const { port, heads, troubles } = await start([], [route('web/0', 'web', '/', { auth: needs(['users']) })])
    expect(await get(port, '/', bearer('x'))).toMatch(/^HTTP\/1\.1 503 [^]*"reason":"policy_failed"/)
    expect(heads).toEqual([])
    expect(troubles.join()).toContain('there is no authenticator "users"')
  })

  it('takes any of several kinds of credential; a wrong one is not outweighed by another', async () => {
    const issuer = await startIssuer()
    const key = 'pando_k'
    const { port, heads } = await start(
      [jwt(issuer), { kind: 'api_keys', name: 'keys', header: null, claimHeaders: [], forwardsCredential: false }],
      [route('web/0', 'web', '/', { auth: needs(['users', 'keys']) })],
      [apiKey(key)],
    )
    expect(await get(port, '/', bearer(await issuer.token('one')))).toMatch(/ok$/)
    expect(await get(port, '/', bearer(key))).toMatch(/ok$/)
    expect(heads[1]).not.toContain(key)
    expect(await get(port, '/', bearer('pando_other'))).toMatch(/^HTTP\/1\.1 401 /)
    const both = await get(port, '/')
    expect(both.match(/^WWW-Authenticate: /gm)).toHaveLength(1)
  })
})

function apiKey(key: string, more: Partial<ApiKeySpec> = {}): ApiKeySpec {
  const hash = createHash('sha256').update(key).digest('hex')
  return { id: 'k1', name: 'ci', hash, scopes: [], services: [], expiresAt: null, ...more }
}

describe('a key', () => {
  const keys: AuthenticatorSpec = {
    kind: 'api_keys',
    name: 'keys',
    header: 'x-api-key',
    claimHeaders: [{ claim: 'sub', header: 'X-Client' }],
    forwardsCredential: false,
  }
  const open = [route('web/0', 'web', '/', { auth: needs(['keys']) })]

  it('lets in by its hash, until it is revoked', async () => {
    const { port, heads, plane, upstreamPort } = await start([keys], open, [apiKey('pando_secret')])
    expect(await get(port, '/', 'X-Api-Key: pando_secret')).toMatch(/ok$/)
    expect(heads[0]).toContain('\r\nX-Client: ci\r\n')
    expect(heads[0]).not.toContain('pando_secret')
    for (const wrong of ['pando_secre', 'pando_secret1', '', apiKey('pando_secret').hash, 'x'.repeat(300)]) {
      expect(await get(port, '/', `X-Api-Key: ${wrong}`)).toMatch(/^HTTP\/1\.1 401 [^]*WWW-Authenticate: ApiKey /)
    }
    expect(await get(port, '/')).toMatch(/^HTTP\/1\.1 401 /)
    expect(await get(port, '/', 'X-Api-Key: pando_secret', 'X-Api-Key: pando_secret')).toMatch(/^HTTP\/1\.1 400 /)
    const config = { authenticators: { keys }, apiKeys: [] }
    await plane.apply(table({ endpoints: [endpoint('web', upstreamPort)], routes: open, config }))
    expect(await get(port, '/', 'X-Api-Key: pando_secret')).toMatch(/^HTTP\/1\.1 401 /)
  })

  it('ends, and is for scopes and services', async () => {
    const routes = [...open, route('web/1', 'web', '/write', { auth: needs(['keys'], { scopes: ['write'] }) })]
    const { port } = await start([keys], routes, [
      apiKey('pando_old', { expiresAt: Date.now() - 1 }),
      apiKey('pando_read', { scopes: ['read'] }),
      apiKey('pando_write', { scopes: ['read', 'write'], services: ['web'] }),
      apiKey('pando_elsewhere', { services: ['orders'] }),
    ])
    expect(await get(port, '/', 'X-Api-Key: pando_old')).toMatch(/^HTTP\/1\.1 401 /)
    expect(await get(port, '/write', 'X-Api-Key: pando_read')).toMatch(
      /^HTTP\/1\.1 403 [^]*WWW-Authenticate: ApiKey realm="test", header="x-api-key", error="insufficient_scope", scope="write"\r\n/,
    )
    expect(await get(port, '/write', 'X-Api-Key: pando_write')).toMatch(/ok$/)
    expect(await get(port, '/', 'X-Api-Key: pando_elsewhere')).toMatch(/^HTTP\/1\.1 403 [^]*other services/)
  })
})

const basic = (path: string): AuthenticatorSpec => ({
  kind: 'basic',
  name: 'tools',
  path,
  claimHeaders: [{ claim: 'sub', header: 'X-User' }],
  forwardsCredential: false,
})

const login = (text: string): string => `Authorization: Basic ${Buffer.from(text).toString('base64')}`

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '')

function hashed(password: string): string {
  const salt = randomBytes(16)
  const hash = scryptSync(password, salt, 32, { N: 4096, r: 8, p: 1 })
  return `$scrypt$ln=12,r=8,p=1$${unpadded(salt)}$${unpadded(hash)}`
}

function passwords(content: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'pando-basic-'))
  cleanUp(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'passwords')
  writeFileSync(path, content)
  return path
}

describe('a password', () => {
  const open = [route('web/0', 'web', '/', { auth: needs(['tools']) })]
  it('lets in, also one with colons and letters beyond ASCII', async () => {
    const path = passwords(`# tools\nann:${hashed('s:ecrét')}\nbob:${hashed('other')}\n`)
    const { port, heads } = await start([basic(path)], open)
    expect(await get(port, '/', login('ann:s:ecrét'))).toMatch(/ok$/)
    expect(await get(port, '/', login('ann:s:ecrét'))).toMatch(/ok$/)
    expect(heads[1]).toContain('\r\nX-User: ann\r\n')
    expect(heads[1]).not.toContain('Basic')
    for (const wrong of ['ann:other', 'bob:s:ecrét', 'eve:other', 'ann:', ':', 'ann', '']) {
      expect(await get(port, '/', login(wrong))).toMatch(
        /^HTTP\/1\.1 401 [^]*WWW-Authenticate: Basic realm="test", charset="UTF-8"\r\n/,
      )
    }
    expect(await get(port, '/', 'Authorization: Basic ####')).toMatch(/^HTTP\/1\.1 401 /)
  })

  it('is forgotten when the file changes', async () => {
    const path = passwords(`ann:${hashed('one')}\n`)
    const { port } = await start([basic(path)], open)
    expect(await get(port, '/', login('ann:one'))).toMatch(/ok$/)
    writeFileSync(path, `ann:${hashed('two')}\n`)
    await expect.poll(() => get(port, '/', login('ann:one')), { timeout: 10_000 }).toMatch(/^HTTP\/1\.1 401 /)
    expect(await get(port, '/', login('ann:two'))).toMatch(/ok$/)
  })

  it('cannot be judged without the file', async () => {
    const { port, troubles } = await start([basic('/nowhere/passwords')], open)
    expect(await get(port, '/', login('ann:one'))).toMatch(/^HTTP\/1\.1 503 [^]*"reason":"policy_failed"/)
    expect(troubles.join()).toContain('/nowhere/passwords: there is no such file')
  })

  it('is not read from a file with hashes that would cost too much', async () => {
    const path = passwords(`ann:$scrypt$ln=30,r=8,p=1$AAAAAAAAAAA$${'A'.repeat(43)}\nbob:secret\n`)
    const { plane, troubles } = await start([basic(path)], open)
    expect(Object.values(plane.authenticatorWarnings()).flat()).toEqual([
      expect.stringContaining('line 1 is not name:hash'),
      expect.stringContaining('line 2 is not name:hash'),
    ])
    expect(troubles.join()).toContain('line 1 is not name:hash')
    expect(troubles.join()).toContain('line 2 is not name:hash')
    expect(troubles.join()).not.toContain('secret')
  })
})

const external = (port: number, more: object = {}): AuthenticatorSpec => ({
  kind: 'external',
  name: 'authorizer',
  url: `http://127.0.0.1:${port}/check/`,
  isInsecure: false,
  timeoutMs: 1_000,
  requestHeaders: ['authorization', 'cookie'],
  upstreamHeaders: ['x-user', 'x-team'],
  clientHeaders: ['set-cookie'],
  subjectHeader: 'x-user',
  failsOpen: false,
  ...more,
})

describe('somebody else who decides', () => {
  const open = [route('web/0', 'web', '/', { auth: needs(['authorizer']) })]

  it('is asked with method, path and headers, and its word goes to the service', async () => {
    const asked: string[] = []
    const authorizer = await httpServer((request, response) => {
      const {
        authorization,
        'x-secret': secret,
        'x-forwarded-uri': uri,
        'x-forwarded-method': method,
      } = request.headers
      asked.push(`${request.method} ${request.url} ${authorization} ${secret} ${method} ${uri}`)
      response.setHeader('x-user', 'alice').setHeader('x-internal', 'no').setHeader('set-cookie', ['a=1', 'b=2'])
      response.end()
    })
    const { port, heads } = await start([external(authorizer.port)], open)
    const answer = await get(port, '/a/b?c=d', 'Authorization: x', 'X-Secret: s', 'X-User: eve', 'X-Team: root')
    expect(asked).toEqual(['GET /check/a/b?c=d x undefined GET /a/b?c=d'])
    expect(answer).toMatch(/^HTTP\/1\.1 200 [^]*set-cookie: a=1\r\nset-cookie: b=2\r\n/)
    expect(heads[0]).toContain('\r\nx-user: alice\r\n')
    expect(heads[0]).not.toMatch(/eve|root|x-internal/)
  })

  it('has its denial given to the client', async () => {
    const authorizer = await httpServer((_request, response) => {
      response.writeHead(302, { location: 'https://login.test/', 'x-internal': 'no', 'set-cookie': 'a=1' }).end('go')
    })
    const { port, heads } = await start([external(authorizer.port)], open)
    const answer = await get(port, '/')
    expect(answer).toMatch(/^HTTP\/1\.1 302 [^]*location: https:\/\/login\.test\/\r\n[^]*set-cookie: a=1\r\n[^]*go$/)
    expect(answer).not.toContain('x-internal')
    expect(heads).toEqual([])
  })

  it.each([
    ['is away', null],
    ['fails', 500],
    ['never answers', 0],
    ['answers without an end', 1],
  ])('denies when it %s, unless it may fail open', async (_name, status) => {
    const port =
      status === null
        ? await freePort()
        : (
            await httpServer((_request, response) => {
              if (status === 1) response.writeHead(200).write('x')
              else if (status > 0) response.writeHead(status).end()
            })
          ).port
    const closed = await start([external(port, { timeoutMs: 200 })], open)
    expect(await get(closed.port, '/', 'X-User: eve')).toMatch(/^HTTP\/1\.1 503 [^]*"reason":"policy_failed"/)
    expect(closed.heads).toEqual([])
    const opened = await start([external(port, { timeoutMs: 200, failsOpen: true })], open)
    expect(await get(opened.port, '/', 'X-User: eve')).toMatch(/ok$/)
    expect(opened.heads[0]).not.toContain('eve')
  })
})
