import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { HttpDataPlane } from '@pando/gateway'
import type { Listener } from '@pando/model'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CertificateFolder } from '../support/certificates.js'
import { CountingUpstream } from './numbered-load.js'
import { config, edge as edgeAt, endpoint as endpointOf, Sandbox, table as tableOf } from './gateway-process.js'
import { ask, session } from './http2-client.js'
import { cleanUp, edge, endpoint, eventually, httpServer, portOf, rawServer, serve, table } from './plane.js'

let folder: CertificateFolder

beforeAll(async () => {
  folder = await CertificateFolder.make()
})
afterAll(() => folder.remove())

const get = 'GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n'

interface Opened {
  readonly socket: Socket
  received: string
  isClosed: boolean
}

/** From any address of 127.0.0.0/8. */
function open(port: number, from: string, text = ''): Opened {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from })
  const opened: Opened = { socket, received: '', isClosed: false }
  cleanUp(() => socket.destroy())
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => (opened.received += chunk.toString('latin1')))
  socket.on('close', () => (opened.isClosed = true))
  socket.write(text)
  return opened
}

async function answer(opened: Opened): Promise<string> {
  await eventually(() => opened.received.includes('\r\n\r\n') || opened.isClosed)
  return opened.received.slice(0, 12)
}

function refusals(plane: HttpDataPlane): number {
  const family = plane.metrics().families.find(({ name }) => name === 'pando_gateway_refused_requests_total')
  const series = family?.series.find(({ labels }) => labels['reason'] === 'too_many_connections_of_client')
  return series?.values[0] ?? 0
}

async function web(): Promise<number> {
  return (await httpServer((_request, response) => response.end('ok'))).port
}

async function encrypted(): Promise<Listener> {
  const certificates = [await folder.put('shop', ['shop.test'])]
  const tls = { certificates, minVersion: '1.2', clientAuth: null, alpn: ['h2', 'http/1.1'] } as const
  return { kind: 'edge', name: 'edge/tls', address: { host: '127.0.0.1', port: 0 }, tls }
}

describe('a client with as many connections as one address may have', () => {
  it('is refused one more and told why, and others are not', async () => {
    const endpoints = [endpoint('web', await web())]
    const { plane, port } = await serve({ endpoints, limits: { maxConnectionsPerClient: 2 } })
    const first = open(port, '127.0.0.1', get)
    expect(await answer(first)).toBe('HTTP/1.1 200')
    expect(await answer(open(port, '127.0.0.1', get))).toBe('HTTP/1.1 200')
    const third = open(port, '127.0.0.1', get)
    await eventually(() => third.isClosed)
    expect(third.received).toMatch(
      /^HTTP\/1\.1 503 [^]*Retry-After: 1\r\n[^]*"reason":"too_many_connections_of_client"/,
    )
    expect(third.received).toContain('2 connections from this address are open')
    expect(refusals(plane)).toBe(1)
    expect(await answer(open(port, '127.0.0.2', get))).toBe('HTTP/1.1 200')
    first.socket.destroy()
    await eventually(() => plane.connections === 2)
    expect(await answer(open(port, '127.0.0.1', get))).toBe('HTTP/1.1 200')
    expect(refusals(plane)).toBe(1)
  })

  it('costs no other client a connection when there are as many as there may be in all', async () => {
    const endpoints = [endpoint('web', await web())]
    const { plane, port } = await serve({ endpoints, limits: { maxConnections: 2, maxConnectionsPerClient: 1 } })
    const other = open(port, '127.0.0.2', get)
    const greedy = open(port, '127.0.0.1', get)
    expect([await answer(other), await answer(greedy)]).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200'])
    const more = open(port, '127.0.0.1', get)
    await eventually(() => more.isClosed)
    expect(refusals(plane)).toBe(1)
    expect([other.isClosed, greedy.isClosed]).toEqual([false, false])
  })

  it('is closed without a word before a handshake, and its handshakes count', async () => {
    const options = { endpoints: [endpoint('web', await web())], limits: { maxConnectionsPerClient: 1 } }
    const { plane, port } = await serve({ ...options, listeners: [await encrypted()] })
    const silent = open(port, '127.0.0.1')
    await eventually(() => plane.connections === 1)
    const second = open(port, '127.0.0.1')
    await eventually(() => second.isClosed)
    expect(second.received).toBe('')
    expect(refusals(plane)).toBe(1)
    silent.socket.resetAndDestroy()
    await eventually(() => plane.connections === 0)
    // Every way in which an encrypted connection may end leaves its place to the next.
    for (const way of ['ends', 'breaks', 'is refused']) {
      const socket = connectTls({ port, host: '127.0.0.1', servername: 'shop.test', ca: folder.authority.cert })
      cleanUp(() => socket.destroy())
      await once(socket, 'secureConnect')
      socket.on('error', () => {}).write(get)
      await once(socket, 'data')
      if (way === 'ends') socket.end()
      else if (way === 'breaks') socket.destroy()
      else socket.write('GET / HTTP/1.1\r\nbroken\r\n\r\n')
      await once(socket.resume(), 'close')
      await eventually(() => plane.connections === 0)
    }
    expect(refusals(plane)).toBe(1)
  })

  it('may send as many requests of HTTP/2 over each as ever', async () => {
    const listener = await encrypted()
    const options = { endpoints: [endpoint('web', await web())], limits: { maxConnectionsPerClient: 2 } }
    const { plane, port } = await serve({ ...options, listeners: [edge, listener] })
    const plain = session(port)
    const secure = connectHttp2(`https://127.0.0.1:${portOf(plane, 'edge/tls')}`, {
      servername: 'shop.test',
      ca: folder.authority.cert,
    })
    cleanUp(() => secure.destroy())
    for (const client of [plain, secure, plain, secure]) {
      expect((await ask(client, { ':path': '/', ':authority': 'shop.test' })).head[':status']).toBe(200)
    }
    const third = open(port, '127.0.0.1', get)
    await eventually(() => third.isClosed)
    expect(refusals(plane)).toBe(1)
    plain.destroy()
    secure.destroy()
    await eventually(() => plane.connections === 0)
    expect([await answer(open(port, '127.0.0.1', get)), await answer(open(port, '127.0.0.1', get))]).toEqual([
      'HTTP/1.1 200',
      'HTTP/1.1 200',
    ])
  })

  it('has as many as it likes where it is a trusted proxy, or asks a mesh listener', async () => {
    const mesh: Listener = { kind: 'mesh', name: 'mesh/web', address: { host: '127.0.0.1', port: 0 }, service: 'web' }
    const { plane, port } = await serve({
      endpoints: [endpoint('web', await web())],
      listeners: [edge, mesh],
      limits: { maxConnectionsPerClient: 1 },
      config: { trustedProxies: ['127.0.0.2/32'] },
    })
    const within = portOf(plane, 'mesh/web')
    const opened = [
      ...[1, 2, 3].map(() => open(port, '127.0.0.2', get)),
      ...[1, 2, 3].map(() => open(within, '127.0.0.1', get)),
      open(port, '127.0.0.1', get),
    ]
    for (const each of opened) expect(await answer(each)).toBe('HTTP/1.1 200')
    expect(refusals(plane)).toBe(0)
  })

  it('has those closed by none when the limit falls, and gets more when it rises', async () => {
    const upstream = await rawServer(() => {})
    const endpoints = [endpoint('web', upstream.port)]
    const { plane, port } = await serve({ endpoints, limits: { maxConnectionsPerClient: 3 } })
    const held = [1, 2].map(() => open(port, '127.0.0.1', get))
    await eventually(() => upstream.sockets.length === 2)
    await plane.apply(table({ endpoints, limits: { maxConnectionsPerClient: 1 } }))
    const refused = open(port, '127.0.0.1', get)
    await eventually(() => refused.isClosed)
    expect(held.map(({ isClosed }) => isClosed)).toEqual([false, false])
    await plane.apply(table({ endpoints }))
    open(port, '127.0.0.1', get)
    await eventually(() => upstream.sockets.length === 3)
  })
})

it('each worker counts the connections that it serves, also those that another has accepted', async () => {
  const sandbox = new Sandbox()
  cleanUp(() => sandbox.close())
  const upstream = new CountingUpstream()
  cleanUp(() => upstream.close())
  const upstreamPort = await upstream.listen()
  const base = config([edgeAt(0)])
  const limited = { ...base, limits: { ...base.limits, maxConnectionsPerClient: 10 } }
  const gateway = await sandbox.startStatic(tableOf(1, [endpointOf('u1', upstreamPort)], limited), 2)
  const { listeners } = await gateway.until()
  const port = listeners['edge']?.port ?? 0
  const opened = Array.from({ length: 100 }, (_, index) =>
    open(port, '127.0.0.1', `GET /hold/${index} HTTP/1.1\r\nHost: a\r\n\r\n`),
  )
  await eventually(() => opened.filter(({ isClosed }) => isClosed).length + upstream.held.length === opened.length)
  expect(upstream.held.length).toBeGreaterThanOrEqual(10)
  const { connections } = await gateway.until(
    (readiness) => Object.values(readiness.connections).reduce((sum, count) => sum + count, 0) === upstream.held.length,
  )
  for (const count of Object.values(connections)) expect(count).toBeLessThanOrEqual(10)
  expect(await gateway.metrics()).toContain(
    `pando_gateway_refused_requests_total{reason="too_many_connections_of_client"} ${opened.length - upstream.held.length}`,
  )
})
