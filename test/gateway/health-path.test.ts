import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Listener } from '@pando/model'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CertificateFolder } from '../support/certificates.js'
import { config, edge as edgeAt, Sandbox, table } from './gateway-process.js'
import { ask, session } from './http2-client.js'
import { cleanUp, Client, edge, endpoint, eventually, exchange, httpServer, portOf, serve } from './plane.js'

let folder: CertificateFolder

beforeAll(async () => {
  folder = await CertificateFolder.make()
})
afterAll(() => folder.remove())

const healthPath = '/healthz'

function request(line: string, host = 'a'): string {
  return `${line} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
}

/** A service that answers with the request line. */
async function echo() {
  const { port } = await httpServer(({ method, url }, response) => response.end(`${method} ${url}`))
  return [endpoint('web', port)]
}

describe('the health path', () => {
  it('is answered by the gateway, whatever the host, without a route or a service', async () => {
    const { port } = await serve({ endpoints: [], routes: [], config: { healthPath } })
    for (const line of ['GET /healthz', 'GET /healthz?from=balancer', 'GET //health%7a']) {
      const answer = await exchange(port, request(line, '192.0.2.1:8080'))
      expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*Cache-Control: no-store\r\n[^]*\r\n\r\nok\n$/)
    }
    expect(await exchange(port, request('HEAD /healthz'))).toMatch(
      /^HTTP\/1\.1 200 OK\r\n[^]*Content-Length: 3\r\n[^]*\r\n\r\n$/,
    )
    expect(await exchange(port, request('GET /'))).toMatch(/^HTTP\/1\.1 404 /)
  })

  it.each(['POST /healthz', 'OPTIONS /healthz', 'GET /healthz/', 'GET /healthz/deep', 'GET /healthzz', 'GET /Healthz'])(
    'is exact: %s goes to its route',
    async (line) => {
      const { port } = await serve({ endpoints: await echo(), config: { healthPath } })
      expect(await exchange(port, request(line))).toMatch(new RegExp(`\r\n\r\n[^]*${line}`))
    },
  )

  it('is none where nothing says so, and none of mesh listeners', async () => {
    const mesh: Listener = { kind: 'mesh', name: 'mesh/web', address: { host: '127.0.0.1', port: 0 }, service: 'web' }
    const endpoints = await echo()
    const { plane } = await serve({ endpoints, listeners: [edge, mesh], config: { healthPath } })
    expect(await exchange(portOf(plane, 'mesh/web'), request('GET /healthz'))).toContain('GET /healthz')
    const without = await serve({ endpoints })
    expect(await exchange(without.port, request('GET /healthz'))).toContain('GET /healthz')
  })

  it('is not sent to https with everything else', async () => {
    const { port } = await serve({
      endpoints: [],
      listeners: [{ ...edge, kind: 'edge', redirectPort: 443 }],
      config: { healthPath },
    })
    expect(await exchange(port, request('GET /healthz'))).toMatch(/^HTTP\/1\.1 200 /)
    expect(await exchange(port, request('GET /other'))).toMatch(/^HTTP\/1\.1 308 /)
  })

  it('is answered over HTTP/2, plain and encrypted', async () => {
    const certificates = [await folder.put('shop', ['shop.test'])]
    const tls = { certificates, minVersion: '1.2', clientAuth: null, alpn: ['h2', 'http/1.1'] } as const
    const secure: Listener = { kind: 'edge', name: 'edge/tls', address: { host: '127.0.0.1', port: 0 }, tls }
    const { plane, port } = await serve({ endpoints: [], listeners: [edge, secure], config: { healthPath } })
    const encrypted = connectHttp2(`https://127.0.0.1:${portOf(plane, 'edge/tls')}`, {
      servername: 'shop.test',
      ca: folder.authority.cert,
    })
    cleanUp(() => encrypted.destroy())
    for (const client of [session(port), encrypted]) {
      const { head, body } = await ask(client, { ':path': '/healthz', ':authority': 'shop.test' })
      expect([head[':status'], body.toString()]).toEqual([200, 'ok\n'])
      const bare = await ask(client, { ':path': '/healthz', ':authority': 'shop.test', ':method': 'HEAD' })
      expect([bare.head[':status'], bare.head['content-length'], bare.body.length]).toEqual([200, '3', 0])
    }
  })

  it('is in no access log', async () => {
    const state = mkdtempSync(join(tmpdir(), 'pando-health-'))
    cleanUp(() => rmSync(state, { recursive: true }))
    const accessLog = join(state, 'access.log')
    const { plane, port } = await serve({ endpoints: await echo(), accessLog, config: { healthPath } })
    for (const line of ['GET /healthz', 'GET /first', 'HEAD /healthz', 'POST /healthz']) {
      await exchange(port, request(line))
    }
    await plane.close(1_000)
    const lines = readFileSync(accessLog, 'utf8').trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { method: 'GET', path: '/first' },
      { method: 'POST', path: '/healthz' },
    ])
  })

  it.each([
    [false, /^HTTP\/1\.1 503 Service Unavailable\r\n[^]*Connection: close\r\n\r\ndraining\n$/],
    [true, /^HTTP\/1\.1 200 OK\r\n[^]*Connection: close\r\n\r\nok\n$/],
  ])('tells of a drain, unless others serve on (%s)', async (isReplaced, expected) => {
    const { plane, port } = await serve({ endpoints: [], config: { healthPath } })
    const client = new Client(port)
    client.send('GET /healthz HTTP/1.1\r\n')
    await eventually(() => plane.connections === 1)
    const closed = plane.close(10_000, isReplaced)
    await eventually(() => plane.address('edge') === null)
    client.send('Host: a\r\n\r\n')
    expect(await client.ended()).toMatch(expected)
    client.socket.end()
    await closed
  })
})

describe('a gateway of processes', () => {
  it.each([
    ['ends', 'SIGTERM', '503 draining'],
    ['replaces its workers', 'SIGUSR2', '200 ok'],
  ] as const)('that %s says so to a connection that it has', async (_, signal, expected) => {
    const sandbox = new Sandbox()
    cleanUp(() => sandbox.close())
    const gateway = await sandbox.startStatic(table(1, [], { ...config([edgeAt(0)]), healthPath }), 1)
    const { listeners } = await gateway.until()
    const client = new Client(listeners['edge']?.port ?? 0)
    let answers = 0
    const next = async (): Promise<string> => {
      answers++
      client.send('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n')
      const received = await client.until((text) => text.split('HTTP/1.1').length > answers && text.endsWith('\n'))
      return received.slice(received.lastIndexOf('HTTP/1.1'))
    }
    expect(await next()).toMatch(/^HTTP\/1\.1 200 [^]*ok\n$/)
    gateway.child.kill(signal)
    let last = await next()
    while (!client.hasEnded && !last.includes('Connection: close')) last = await next()
    expect(last.replace(/^HTTP\/1\.1 (\d+) [^]*\r\n\r\n/, '$1 ').trim()).toBe(expected)
  })
})
