import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HttpDataPlane } from '@pando/gateway'
import { describe, expect, it } from 'vitest'
import {
  answering,
  cleanUp,
  Client,
  endpoint,
  eventually,
  exchange,
  httpServer,
  ok,
  portOf,
  rawServer,
  route,
  serve,
  table,
} from './plane.js'

const get = (path = '/', lines = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${lines}\r\n`
const closing = (path = '/'): string => get(path, 'Connection: close\r\n')

const nothing = (): void => {}

/** Requests that wait for an endpoint. */
const waiting = (plane: HttpDataPlane): number =>
  plane.metrics().families.find(({ name }) => name === 'pando_gateway_requests_pending')?.series[0]?.values[0] ?? 0

describe('a new table', () => {
  it('serves new requests from the moment it is applied, and lets those under way finish', async () => {
    let release = nothing
    const old = await httpServer((_, response) => {
      response.write('begun ')
      release = () => response.end('old')
    })
    const fresh = await rawServer(answering(() => ok))
    const { plane, port } = await serve({ endpoints: [endpoint('web', old.port)] })
    const drained: string[] = []
    plane.onDrained((id) => drained.push(id))
    const client = new Client(port)
    client.send(get())
    await client.until((text) => text.includes('begun'))
    void plane.apply(
      table({ endpoints: [endpoint('web', old.port, { state: 'draining' }), endpoint('web', fresh.port)] }),
    )
    for (let turn = 0; turn < 4; turn++) expect(await exchange(port, closing())).toMatch(/ok$/)
    expect(plane.inFlight()).toEqual(new Map([[`web-${old.port}`, 1]]))
    expect(drained).toEqual([])
    release()
    expect(await client.until((text) => text.endsWith('0\r\n\r\n'))).toContain('old')
    await eventually(() => drained.length === 1)
    expect(drained).toEqual([`web-${old.port}`])
    expect(plane.inFlight().size).toBe(0)
  })

  it('with an access log has what begins from then on written there, and nothing of what was under way', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pando-tables-'))
    cleanUp(() => rmSync(folder, { recursive: true }))
    const accessLog = join(folder, 'access.log')
    let release = nothing
    const upstream = await httpServer((_, response) => {
      response.write('begun ')
      release = () => response.end('over')
    })
    const endpoints = [endpoint('web', upstream.port)]
    const { plane, port } = await serve({ endpoints })
    const client = new Client(port)
    client.send(get('/before'))
    await client.until((text) => text.includes('begun'))
    void plane.apply(table({ endpoints, accessLog }))
    release()
    await client.until((text) => text.endsWith('0\r\n\r\n'))
    client.send(get('/behind'))
    await client.until((text) => text.split('begun').length === 3)
    release()
    const lines = (): string[] => (existsSync(accessLog) ? readFileSync(accessLog, 'utf8').trim().split('\n') : [])
    await eventually(() => lines().some((line) => line.includes('/behind')))
    expect(lines()).toHaveLength(1)
  })

  it('closes the idle connections of an endpoint that drains', async () => {
    const upstream = await rawServer(answering(() => ok))
    const { plane, port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    expect(await exchange(port, closing())).toMatch(/ok$/)
    expect(upstream.sockets[0]?.readableEnded).toBe(false)
    await plane.apply(table({ endpoints: [endpoint('web', upstream.port, { state: 'draining' })] }))
    await eventually(() => upstream.sockets[0]?.readableEnded === true)
  })

  it('tells of an endpoint that left while it had something in flight', async () => {
    let release = nothing
    const upstream = await httpServer((_, response) => void (release = () => response.end('late')))
    const { plane, port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const drained: string[] = []
    plane.onDrained((id) => drained.push(id))
    const client = new Client(port)
    client.send(get())
    await eventually(() => plane.inFlight().size === 1)
    await eventually(() => release !== nothing)
    await plane.apply(table({ endpoints: [] }))
    expect(plane.inFlight()).toEqual(new Map([[`web-${upstream.port}`, 1]]))
    await new Promise((resolve) => setTimeout(resolve, 50))
    release()
    expect(await client.until((text) => text.endsWith('late'))).toMatch(/late$/)
    await eventually(() => drained.length === 1)
    expect(drained).toEqual([`web-${upstream.port}`])
  })

  it('keeps the connections of an endpoint that stays', async () => {
    const upstream = await rawServer(answering(() => ok))
    const { plane, port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    for (let turn = 0; turn < 5; turn++) {
      expect(await exchange(port, closing())).toMatch(/ok$/)
      await plane.apply(table({ endpoints: [endpoint('web', upstream.port)] }))
    }
    expect(upstream.sockets).toHaveLength(1)
  })

  it('opens new listeners and closes those that are gone', async () => {
    const upstream = await rawServer(answering(() => ok))
    const endpoints = [endpoint('web', upstream.port)]
    const { plane, port } = await serve({ endpoints })
    const kept = new Client(port)
    kept.send(get())
    await kept.until((text) => text.endsWith('ok'))
    const other = { kind: 'edge', name: 'other', address: { host: '127.0.0.1', port: 0 } } as const
    expect(await plane.apply(table({ endpoints, listeners: [other] }))).toEqual({})
    expect(await exchange(portOf(plane, 'other'), closing())).toMatch(/ok$/)
    expect(plane.address('edge')).toBeNull()
    expect(await exchange(port, closing())).toBe('')
    // What was accepted before goes on.
    kept.send(get())
    await kept.until((text) => text.split('\r\n\r\nok').length === 3)
  })

  it('may change under load without a failed request', async () => {
    const first = await rawServer(answering(() => ok))
    const second = await rawServer(answering(() => ok))
    const { plane, port } = await serve({ endpoints: [endpoint('web', first.port)] })
    const load = { isOver: false }
    let answered = 0
    const clients = Array.from({ length: 8 }, async () => {
      while (!load.isOver) {
        const client = new Client(port)
        for (let turn = 1; turn <= 20 && !load.isOver; turn++) {
          client.send(turn % 2 === 0 ? get() : 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')
          const text = await client.until(
            (received) => received.split('\r\n\r\nok').length > turn || /HTTP\/1\.1 [45]/.test(received),
          )
          expect(text).not.toMatch(/HTTP\/1\.1 [45]/)
          expect(text.split('\r\n\r\nok')).toHaveLength(turn + 1)
          answered++
        }
        client.socket.destroy()
      }
    })
    for (let turn = 0; turn < 40; turn++) {
      const endpoints = [
        endpoint('web', first.port, { state: turn % 2 === 0 ? 'draining' : 'healthy' }),
        endpoint('web', second.port, { state: turn % 2 === 0 ? 'healthy' : 'draining' }),
      ]
      await plane.apply(table({ endpoints }))
      const before = answered
      await eventually(() => answered > before + 2)
    }
    load.isOver = true
    await Promise.all(clients)
    expect(answered).toBeGreaterThan(100)
  })
})

describe('close', () => {
  it('lets what is under way finish, closes idle connections and accepts nothing new', async () => {
    let release = nothing
    const upstream = await httpServer((_, response) => {
      response.write('begun ')
      release = () => response.end('done')
    })
    const { plane, port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const idle = new Client(port)
    await eventually(() => !idle.socket.connecting)
    const client = new Client(port)
    client.send(get())
    await client.until((text) => text.includes('begun'))
    const closed = plane.close(10_000)
    await idle.ended()
    expect(await exchange(port, closing())).toBe('')
    release()
    expect(await client.ended()).toContain('done')
    idle.socket.destroy()
    client.socket.destroy()
    await closed
  })

  it('cuts what has not finished when its time is over', async () => {
    const upstream = await rawServer((socket) => void socket.on('data', () => {}))
    const { plane, port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const client = new Client(port)
    client.send(get())
    await eventually(() => plane.inFlight().size === 1)
    await plane.close(100)
    await client.closed()
    expect(plane.inFlight().size).toBe(0)
  })
})

describe('limits', () => {
  it('413 for a declared body that is too large, without asking the service', async () => {
    const upstream = await rawServer(answering(() => ok))
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)], limits: { maxBodyBytes: 1000 } })
    const text = await exchange(port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n')
    expect(text).toMatch(/^HTTP\/1\.1 413 [^]*"reason":"body_too_large"[^]*"route":"web\/0"/)
    expect(upstream.sockets).toHaveLength(0)
  })

  it('413 for a chunked body that becomes too large', async () => {
    const upstream = await rawServer((socket) => void socket.on('data', () => {}).on('end', () => socket.end()))
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)], limits: { maxBodyBytes: 1000 } })
    const client = new Client(port)
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
    await eventually(() => upstream.sockets.length === 1)
    client.send(`3e8\r\n${'x'.repeat(1000)}\r\n`)
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(client.received).toBe('')
    client.send('1\r\nx\r\n')
    expect(await client.ended()).toMatch(/^HTTP\/1\.1 413 /)
    await eventually(() => upstream.sockets[0]?.readableEnded === true)
  })

  it('400 for a chunked body that goes wrong on the way', async () => {
    const upstream = await rawServer((socket) => void socket.on('data', () => {}).on('end', () => socket.end()))
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const client = new Client(port)
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
    await eventually(() => upstream.sockets.length === 1)
    client.send('-1\r\n')
    expect(await client.ended()).toMatch(/^HTTP\/1\.1 400 [^]*"reason":"bad_request"/)
  })

  it('503 with Retry-After for a connection too many', async () => {
    const { plane, port } = await serve({ endpoints: [], limits: { maxConnections: 2, pendingTimeoutMs: 1_000 } })
    const first = new Client(port)
    const second = new Client(port)
    first.send(get())
    second.send(get())
    await eventually(() => waiting(plane) === 2)
    expect(await exchange(port, get())).toMatch(
      /^HTTP\/1\.1 503 [^]*\r\nRetry-After: 1\r\n[^]*"reason":"too_many_connections"/,
    )
    first.socket.destroy()
    second.socket.destroy()
    // They are counted out when their end has been seen.
    let text = ''
    while (!text.includes('"reason":"no_healthy_endpoint"')) text = await exchange(port, closing())
  })

  it('lets requests wait for one of the few connections to an endpoint', async () => {
    let open = 0
    let most = 0
    const upstream = await httpServer((_, response) => {
      most = Math.max(most, ++open)
      setTimeout(() => {
        open--
        response.end('ok')
      }, 5)
    })
    const { port } = await serve({
      endpoints: [endpoint('web', upstream.port)],
      limits: { maxConnectionsPerEndpoint: 2 },
    })
    const texts = await Promise.all(Array.from({ length: 20 }, (_, index) => exchange(port, closing(`/${index}`))))
    for (const text of texts) expect(text).toMatch(/^HTTP\/1\.1 200 /)
    expect(most).toBeLessThanOrEqual(2)
  })
})

it('new limits hold for connections that are open already', async () => {
  const upstream = await rawServer(answering(() => ok))
  const endpoints = [endpoint('web', upstream.port)]
  const { plane, port } = await serve({ endpoints })
  const client = new Client(port)
  client.send(get('/', `A: ${'b'.repeat(500)}\r\n`))
  await client.until((text) => text.endsWith('ok'))
  await plane.apply(table({ endpoints, limits: { maxHeadBytes: 400 } }))
  client.send(get('/', `A: ${'b'.repeat(500)}\r\n`))
  expect(await client.ended()).toMatch(/ok[^]*HTTP\/1\.1 431 /)
})

describe('routes', () => {
  it('lead by host, path and method, and say what they would take', async () => {
    const one = await rawServer(answering(() => 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none'))
    const two = await rawServer(answering(() => 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo'))
    const { port } = await serve({
      endpoints: [endpoint('one', one.port), endpoint('two', two.port)],
      services: [
        { name: 'one', protocol: 'http', balancer: 'round_robin' },
        { name: 'two', protocol: 'http', balancer: 'least_request' },
      ],
      routes: [
        route('one/0', 'one', '/one', { hosts: ['a'] }),
        route('two/0', 'two', '/two', {
          matches: [{ path: { type: 'prefix', value: '/two' }, method: 'POST', headers: [], query: [] }],
        }),
      ],
    })
    expect(await exchange(port, closing('/one/x'))).toMatch(/one$/)
    expect(await exchange(port, closing('/oneX'))).toMatch(/^HTTP\/1\.1 404 [^]*GET \/oneX on host/)
    expect(await exchange(port, closing('/one').replace('Host: a', 'Host: b'))).toMatch(/^HTTP\/1\.1 404 /)
    expect(await exchange(port, closing('/two'))).toMatch(/^HTTP\/1\.1 405 [^]*\r\nAllow: POST\r\n/)
    expect(await exchange(port, closing('/two').replace('GET', 'POST'))).toMatch(/two$/)
  })
})
