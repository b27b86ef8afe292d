import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CorsSpec, RouteSpec, SecurityHeaders } from '@pando/model'
import { describe, expect, it } from 'vitest'
import {
  answering,
  cleanUp,
  Client,
  endpoint,
  eventually,
  exchange,
  rawServer,
  route,
  serve,
  type TableOptions,
} from './plane.js'

const answer =
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nAccess-Control-Allow-Origin: *\r\nX-Frame-Options: ALLOWALL\r\nVary: Accept\r\n\r\nok'

/** A gateway whose route `/` has these options, and the heads that its service was sent. */
async function serveWith(traffic: Partial<RouteSpec>, options: Partial<TableOptions> = {}) {
  const heads: string[] = []
  const upstream = await rawServer(
    answering((head) => {
      heads.push(head)
      return answer
    }),
  )
  const { port, plane } = await serve({
    endpoints: [endpoint('web', upstream.port)],
    routes: [route('web/0', 'web', '/', traffic)],
    ...options,
  })
  return { port, plane, heads, upstream }
}

const ask = (port: number, lines = '', method = 'GET'): Promise<string> =>
  exchange(port, `${method} / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n${lines}\r\n`)

const headerLines = (text: string, name: string): string[] =>
  text
    .slice(0, text.indexOf('\r\n\r\n'))
    .split('\r\n')
    .filter((line) => line.toLowerCase().startsWith(`${name}:`))
    .map((line) => line.slice(name.length + 1).trim())

const cors: CorsSpec = {
  origins: ['https://shop.example'],
  methods: ['GET', 'DELETE'],
  headers: ['content-type'],
  exposeHeaders: [],
  maxAgeSeconds: 600,
  hasCredentials: true,
}

describe('CORS', () => {
  it('answers preflights by itself and replaces what the service says of origins', async () => {
    const { port, heads } = await serveWith({ cors })
    const preflight = await ask(
      port,
      'Origin: https://shop.example\r\nAccess-Control-Request-Method: DELETE\r\n',
      'OPTIONS',
    )
    expect(preflight).toMatch(/^HTTP\/1.1 204 No Content\r\n/)
    expect(headerLines(preflight, 'access-control-allow-origin')).toEqual(['https://shop.example'])
    expect(heads).toEqual([])
    const read = await ask(port, 'Origin: https://shop.example\r\n')
    expect(headerLines(read, 'access-control-allow-origin')).toEqual(['https://shop.example'])
    expect(headerLines(read, 'vary')).toEqual(['Accept', 'Origin'])
    const other = await ask(port, 'Origin: https://evil.example\r\n')
    expect(other).toMatch(/^HTTP\/1.1 200 /)
    expect(headerLines(other, 'access-control-allow-origin')).toEqual([])
    expect(heads).toHaveLength(2)
  })

  it('answers the preflight of a route that has a method, and of no other', async () => {
    const { port } = await serveWith({
      cors,
      matches: [{ path: { type: 'prefix', value: '/' }, method: 'DELETE', headers: [], query: [] }],
    })
    const preflight = (method: string) =>
      ask(port, `Origin: https://shop.example\r\nAccess-Control-Request-Method: ${method}\r\n`, 'OPTIONS')
    expect(await preflight('DELETE')).toMatch(/^HTTP\/1.1 204 /)
    expect(await preflight('GET')).toMatch(/^HTTP\/1.1 405 /)
    expect(await ask(port, '', 'OPTIONS')).toMatch(/^HTTP\/1.1 405 /)
  })

  it('lets a page read what the gateway itself refuses', async () => {
    const limit = { name: 'default', requests: 1, periodMs: 86_400_000, burst: 1, isShared: true } as const
    const rateLimit = { limits: [{ ...limit, key: { kind: 'all' } as const }], hasHeaders: true }
    const { port } = await serveWith({ cors, rateLimit })
    await ask(port, 'Origin: https://shop.example\r\n')
    const refused = await ask(port, 'Origin: https://shop.example\r\n')
    expect(refused).toMatch(/^HTTP\/1.1 429 Too Many Requests\r\n/)
    expect(headerLines(refused, 'access-control-allow-origin')).toEqual(['https://shop.example'])
  })
})

describe('client addresses', () => {
  it('behind a trusted proxy are what it says, in rules, in the log and to the service', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pando-log-'))
    cleanUp(() => rmSync(folder, { recursive: true, force: true }))
    const accessLog = join(folder, 'access.log')
    const { port, heads } = await serveWith(
      { ip: { allow: [], deny: ['203.0.113.0/24'] } },
      { accessLog, config: { trustedProxies: ['127.0.0.1'] } },
    )
    expect(await ask(port, 'X-Forwarded-For: 6.6.6.6, 198.51.100.4\r\n')).toMatch(/^HTTP\/1.1 200 /)
    const denied = await ask(port, 'X-Forwarded-For: 198.51.100.4, 203.0.113.9\r\n')
    expect(denied).toMatch(/^HTTP\/1.1 403 Forbidden\r\n/)
    expect(denied).toContain('"reason":"ip_denied"')
    expect(heads).toHaveLength(1)
    expect(headerLines(heads[0] ?? '', 'x-forwarded-for')).toEqual(['198.51.100.4, 127.0.0.1'])
    const lines = (): string[] => (existsSync(accessLog) ? readFileSync(accessLog, 'utf8').trim().split('\n') : [])
    await eventually(() => lines().length === 2)
    expect(lines().map((line) => (JSON.parse(line) as { client: string }).client)).toEqual([
      '198.51.100.4',
      '203.0.113.9',
    ])
  })

  it('that a peer who is not trusted claims are not believed', async () => {
    const { port, heads } = await serveWith(
      { ip: { allow: ['198.51.100.0/24'], deny: [] } },
      { config: { trustedProxies: ['10.0.0.0/8'] } },
    )
    expect(await ask(port, 'X-Forwarded-For: 198.51.100.4\r\n')).toMatch(/^HTTP\/1.1 403 /)
    expect(heads).toEqual([])
  })

  it('rules that cannot be read let nobody in', async () => {
    const { port } = await serveWith({ ip: { allow: [], deny: ['10.0.0.0/99'] } })
    expect(await ask(port)).toContain('"reason":"policy_failed"')
  })
})

describe('security headers', () => {
  const securityHeaders: SecurityHeaders = {
    hsts: { maxAgeSeconds: 60, includeSubdomains: false },
    nosniff: true,
    frames: 'none',
    referrerPolicy: null,
    contentSecurityPolicy: null,
    permissionsPolicy: null,
    openerPolicy: null,
  }

  it.each([
    ['no route takes', 404, 'GET /elsewhere HTTP/1.1\r\nHost: shop.example\r\n'],
    ['no route takes with this method', 405, 'PUT /only HTTP/1.1\r\nHost: shop.example\r\n'],
    ['cannot be read', 400, 'GET /only HTTP/1.1\r\nHost: a\r\nHost: b\r\n'],
  ])('of the gateway are on the answer to what %s', async (_, status, head) => {
    const only = [{ path: { type: 'exact', value: '/only' }, method: 'GET', headers: [], query: [] }] as const
    const routes = [route('web/0', 'web', '/', { matches: only })]
    const { port } = await serveWith({}, { config: { securityHeaders }, routes })
    const text = await exchange(port, `${head}Connection: close\r\n\r\n`)
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(headerLines(text, 'x-content-type-options')).toEqual(['nosniff'])
    expect(headerLines(text, 'strict-transport-security')).toEqual([])
    const session = connect(`http://127.0.0.1:${port}`)
    cleanUp(() => session.destroy())
    const request = session.request({ ':path': '/elsewhere' })
    expect((await once(request, 'response'))[0]).toMatchObject({ ':status': 404, 'x-content-type-options': 'nosniff' })
  })

  it('are on answers of the service and on refusals, once', async () => {
    const { port } = await serveWith({ ip: { allow: [], deny: ['10.0.0.0/8'] } }, { config: { securityHeaders } })
    const text = await ask(port)
    expect(headerLines(text, 'x-frame-options')).toEqual(['DENY'])
    expect(headerLines(text, 'x-content-type-options')).toEqual(['nosniff'])
    expect(headerLines(text, 'strict-transport-security')).toEqual([])
    const denied = await serveWith({ ip: { allow: ['10.0.0.0/8'], deny: [] } }, { config: { securityHeaders } })
    expect(headerLines(await ask(denied.port), 'x-frame-options')).toEqual(['DENY'])
  })
})

describe('faults', () => {
  it('answer instead of the service, and say so', async () => {
    const { port, heads } = await serveWith({ fault: { abort: { status: 418, percent: 100 }, byHeader: false } })
    expect(await ask(port)).toMatch(/^HTTP\/1.1 418 .*"reason":"fault_injected"/s)
    expect(heads).toEqual([])
  })

  it('delay a request, body and all, and end with the client that will not wait', async () => {
    const { port, plane, upstream, heads } = await serveWith({ fault: { byHeader: true } })
    const began = performance.now()
    const body = 'Content-Length: 5\r\nX-Pando-Fault-Delay: 80ms\r\n'
    const text = await exchange(port, `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${body}\r\nhello`)
    expect(text).toMatch(/^HTTP\/1.1 200 /)
    expect(performance.now() - began).toBeGreaterThanOrEqual(79)
    expect(heads[0]).not.toContain('Fault')
    const client = new Client(port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\nX-Pando-Fault-Delay: 60s\r\n\r\n')
    await eventually(() => plane.connections === 1)
    client.socket.destroy()
    await once(client.socket, 'close')
    await eventually(() => plane.connections === 0)
    expect(upstream.sockets.length).toBe(1)
  })
})
