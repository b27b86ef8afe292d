import type { Listener, RouteSpec } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { ask, session } from './http2-client.js'
import { edge, endpoint, exchange, httpServer, portOf, route, serve } from './plane.js'

const mesh: Listener = { kind: 'mesh', name: 'mesh/web', address: { host: '127.0.0.1', port: 0 }, service: 'web' }

/** A service that answers with what `Max-Forwards` it got. */
async function gateway(routes: readonly RouteSpec[] = [route('web/0', 'web', '/')]) {
  let asked = 0
  const { port: upstream } = await httpServer((request, response) => {
    asked++
    response.end(`${request.method} ${JSON.stringify(request.headersDistinct['max-forwards'] ?? [])}`)
  })
  const { plane, port } = await serve({ endpoints: [endpoint('web', upstream)], routes, listeners: [edge, mesh] })
  return { port, within: portOf(plane, 'mesh/web'), asked: () => asked }
}

function only(method: string, path = '/'): RouteSpec {
  return route(`web/${method}`, 'web', path, {
    matches: [{ path: { type: 'prefix', value: path }, method, headers: [], query: [] }],
  })
}

function head(line: string, ...fields: string[]): string {
  return [`${line} HTTP/1.1`, 'Host: a', ...fields, 'Connection: close', '', ''].join('\r\n')
}

const bodyOf = (answer: string): string => answer.slice(answer.indexOf('\r\n\r\n') + 4)

describe('Max-Forwards', () => {
  it.each([
    ['OPTIONS', '1', ['0']],
    ['OPTIONS', '010', ['9']],
    ['TRACE', '7', ['6']],
    ['OPTIONS', '9'.repeat(400), ['999999']],
    ['GET', '7', ['7']],
    ['GET', '0', ['0']],
    ['POST', 'x', ['x']],
  ])('of %s %s goes on as %j', async (method, value, expected) => {
    const { port, within } = await gateway()
    for (const each of [port, within]) {
      const answer = await exchange(each, head(`${method} /`, `Max-Forwards: ${value}`, 'Content-Length: 0'))
      expect(bodyOf(answer)).toContain(`${method} ${JSON.stringify(expected)}`)
    }
  })

  it('is not there where none came, and counted down also where Connection names it', async () => {
    const { port } = await gateway()
    expect(await exchange(port, head('OPTIONS /'))).toContain('OPTIONS []')
    const named = 'OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 4\r\nConnection: close, Max-Forwards\r\n\r\n'
    expect(await exchange(port, named)).toContain('OPTIONS ["3"]')
  })

  it('is what a route makes of it, where it does', async () => {
    const filters = [{ type: 'requestHeaders', set: { 'Max-Forwards': '2' }, add: {}, remove: [] }] as const
    const { port } = await gateway([route('web/0', 'web', '/', { filters })])
    expect(await exchange(port, head('OPTIONS /', 'Max-Forwards: 9'))).toContain('OPTIONS ["2"]')
  })

  it.each(['-1', '1, 2', '', '1.5', '0x1'])('that is no number (%j) is a mistake', async (value) => {
    const { port, asked } = await gateway()
    expect(await exchange(port, head('OPTIONS /', `Max-Forwards: ${value}`))).toMatch(
      /^HTTP\/1\.1 400 [^]*Max-Forwards is not one whole number/,
    )
    expect(await exchange(port, head('TRACE /', 'Max-Forwards: 1', 'Max-Forwards: 2'))).toMatch(/^HTTP\/1\.1 400 /)
    expect(asked()).toBe(0)
  })

  it('of 0 ends OPTIONS at the gateway, which says what it knows of the methods', async () => {
    const { port, within, asked } = await gateway([only('OPTIONS'), only('GET'), only('POST', '/deep')])
    const zero = 'Max-Forwards: 0'
    expect(await exchange(port, head('OPTIONS /', zero))).toMatch(/^HTTP\/1\.1 204 [^]*\r\nAllow: GET, OPTIONS\r\n/)
    expect(await exchange(port, head('OPTIONS /deep', zero))).toMatch(/\r\nAllow: GET, OPTIONS, POST\r\n/)
    expect(await exchange(within, head('OPTIONS /', zero))).toMatch(/^HTTP\/1\.1 204 (?![^]*Allow)/)
    const client = session(port)
    const framed = await ask(client, { ':method': 'OPTIONS', ':path': '/', ':authority': 'a', 'max-forwards': '0' })
    expect([framed.head[':status'], framed.head.allow]).toEqual([204, 'GET, OPTIONS'])
    expect(asked()).toBe(0)
  })

  it('of 0 is answered without Allow where a route takes any method, and as ever where none takes OPTIONS', async () => {
    const { port, asked } = await gateway([only('OPTIONS', '/any'), route('web/0', 'web', '/any'), only('GET', '/get')])
    expect(await exchange(port, head('OPTIONS /any', 'Max-Forwards: 0'))).toMatch(/^HTTP\/1\.1 204 (?![^]*Allow)/)
    expect(await exchange(port, head('OPTIONS /get', 'Max-Forwards: 0'))).toMatch(/^HTTP\/1\.1 405 [^]*Allow: GET\r\n/)
    expect(await exchange(port, head('OPTIONS /none', 'Max-Forwards: 0'))).toMatch(/^HTTP\/1\.1 404 /)
    expect(asked()).toBe(0)
  })
})

describe('TRACE', () => {
  it('is never sent back by the gateway', async () => {
    const { port, asked } = await gateway()
    const answer = await exchange(port, head('TRACE /', 'Max-Forwards: 0', 'Cookie: secret=1'))
    expect(answer).toMatch(/^HTTP\/1\.1 501 [^]*"reason":"not_implemented"/)
    expect(answer).not.toContain('secret')
    expect(asked()).toBe(0)
  })
})
