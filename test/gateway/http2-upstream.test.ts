import { once } from 'node:events'
import type { ServerHttp2Stream } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import type { GatewayConfig } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { http2Service } from './http2-client.js'
import {
  cleanUp,
  Client,
  endpoint,
  eventually,
  exchange,
  rawServer,
  route,
  serve,
  table,
  type TableOptions,
} from './plane.js'

const services: GatewayConfig['services'] = [{ name: 'web', protocol: 'h2c', balancer: 'round_robin' }]
const noop = (): void => {}
const get = (path: string, more = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: a.example\r\n${more}Connection: close\r\n\r\n`

/** A port where connections are never accepted and as many wait as may: one more gets no answer. */
async function hangingPort(): Promise<number> {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
     const server = require('node:net').createServer()
     server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
       parentPort.postMessage(server.address().port)
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
     })`,
    { eval: true },
  )
  cleanUp(() => worker.terminate())
  const [port] = (await once(worker, 'message')) as [number]
  for (let index = 0; index < 2; index++) {
    const socket = connect(port, '127.0.0.1')
    cleanUp(() => socket.destroy())
    await once(socket, 'connect')
  }
  return port
}

async function gateway(port: number, extra: Partial<TableOptions> = {}) {
  return serve({ endpoints: [endpoint('web', port)], services, ...extra })
}

describe('a service that speaks HTTP/2, for a client that speaks HTTP/1.1', () => {
  it('is asked in HTTP/2 and answers in HTTP/1.1', async () => {
    let seen: Record<string, unknown> = {}
    const upstream = await http2Service((stream, headers) => {
      seen = headers
      stream.respond({ ':status': 200, 'x-one': 'a', 'content-type': 'text/plain' })
      stream.end('hello')
    })
    const { port } = await gateway(upstream.port)
    const answer = await exchange(port, get('/a/../b?c=d', 'X-Two:  b \r\nCookie: a=1\r\nTE: trailers\r\n'))
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
    expect(answer).toContain('\r\nx-one: a\r\n')
    expect(answer).toContain('\r\nTransfer-Encoding: chunked\r\n')
    expect(answer).toMatch(/\r\n\r\n5\r\nhello\r\n0\r\n\r\n$/)
    expect(seen).toMatchObject({
      ':method': 'GET',
      ':scheme': 'http',
      ':authority': 'a.example',
      ':path': '/b?c=d',
      'x-two': 'b',
      cookie: 'a=1',
      te: 'trailers',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': 'a.example',
    })
    expect(seen['connection']).toBeUndefined()
    expect(seen['transfer-encoding']).toBeUndefined()
  })

  it.each([
    ['by length', (body: string) => `Content-Length: ${body.length}\r\n\r\n${body}`],
    [
      'in chunks',
      (body: string) => `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    ],
  ])('gets bodies %s, and gives them with their length, larger than any window', async (_, framed) => {
    const upstream = await http2Service((stream, headers) => {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const body = Buffer.concat(chunks)
        stream.respond({
          ':status': 200,
          'content-length': body.length,
          'x-length': String(headers['content-length'] ?? 'none'),
        })
        stream.end(body)
      })
    })
    const { port } = await gateway(upstream.port)
    const body = Array.from({ length: 900_000 }, (_value, index) => String.fromCharCode(97 + (index % 26))).join('')
    const answer = await exchange(port, `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${framed(body)}`)
    expect(answer).toContain(`\r\ncontent-length: ${body.length}\r\n`)
    expect(answer.slice(answer.indexOf('\r\n\r\n') + 4) === body).toBe(true)
  })

  it('serves many requests at a time on one connection, and as many more as it allows', async () => {
    const open: ServerHttp2Stream[] = []
    const upstream = await http2Service((stream) => {
      open.push(stream)
      if (open.length < 40) return
      for (const each of open) {
        each.respond({ ':status': 200, 'content-length': 2 })
        each.end('ok')
      }
    })
    const { port } = await gateway(upstream.port)
    const answers = await Promise.all(Array.from({ length: 40 }, () => exchange(port, get('/'))))
    for (const answer of answers) expect(answer).toMatch(/ok$/)
    expect(upstream.sessions()).toBe(1)
  })

  it.each([
    ['HEAD', 'HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 200],
    ['204', get('/'), 204],
    ['304', get('/'), 304],
  ])('answers %s without a body', async (_, text, status) => {
    const upstream = await http2Service((stream) => {
      stream.respond({ ':status': status, 'x-one': 'a' }, { endStream: true })
    })
    const { port } = await gateway(upstream.port)
    const answer = await exchange(port, text)
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(answer).toMatch(/\r\n\r\n$/)
  })

  it('may send interim responses first, and trailers last', async () => {
    const upstream = await http2Service((stream) => {
      stream.additionalHeaders({ ':status': 103, link: '</a>' })
      stream.respond({ ':status': 200 }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '1' }))
      stream.end('ok')
    })
    const { port } = await gateway(upstream.port)
    const answer = await exchange(port, get('/'))
    expect(answer).toMatch(/^HTTP\/1\.1 103 [^]*link: <\/a>\r\n\r\nHTTP\/1\.1 200 /)
    expect(answer).toMatch(/2\r\nok\r\n0\r\n\r\n$/)
  })

  it('is told when the client goes away', async () => {
    let closed: number | undefined
    const upstream = await http2Service((stream) => {
      stream.respond({ ':status': 200 })
      stream.write('x')
      stream.on('close', () => (closed = stream.rstCode))
    })
    const { port } = await gateway(upstream.port)
    const client = new Client(port)
    client.send(get('/'))
    await eventually(() => client.received.includes('\r\n1\r\nx\r\n'))
    client.socket.resetAndDestroy()
    await eventually(() => closed !== undefined)
    expect(closed).toBe(8)
  })

  it('is not read faster than a slow client takes it, and others on its connection go on', async () => {
    let written = 0
    const upstream = await http2Service((stream, headers) => {
      stream.respond({ ':status': 200 })
      if (headers[':path'] === '/small') {
        stream.end('ok')
        return
      }
      const more = (): void => {
        if (stream.destroyed) return
        written += 65_536
        if (stream.write(Buffer.alloc(65_536))) setImmediate(more)
        else stream.once('drain', more)
      }
      more()
    })
    const { port } = await gateway(upstream.port)
    const client = new Client(port)
    client.socket.pause()
    client.send(get('/large'))
    let before = -1
    while (before !== written) {
      before = written
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    // The kernel's buffers, ours, and one window.
    expect(written).toBeLessThan(12_000_000)
    expect(await exchange(port, get('/small'))).toMatch(/2\r\nok\r\n0\r\n\r\n$/)
    expect(upstream.sessions()).toBe(1)
    client.socket.destroy()
  })
})

describe('a service that speaks HTTP/2, or should, and does it wrong', () => {
  it('a stream that was refused, or that GOAWAY leaves out, is sent again, also a POST', async () => {
    let asked = 0
    const upstream = await http2Service((stream) => {
      if (++asked === 1) {
        stream.close(7)
        return
      }
      stream.respond({ ':status': 200 })
      stream.end('ok')
    })
    const { port } = await gateway(upstream.port)
    const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi'
    expect(await exchange(port, post)).toMatch(/^HTTP\/1\.1 200 /)
    expect(asked).toBe(2)
  })

  it.each([0, 50])(
    'a read that was refused is not sent a third time beside its second try, pause %i',
    async (backoffMs) => {
      let refuse = noop
      let asked = 0
      const onStream = (stream: ServerHttp2Stream): void => {
        asked++
        if (asked === 1) {
          refuse = () => stream.close(7)
          return
        }
        const isThird = asked > 2
        if (!isThird) refuse()
        setTimeout(() => {
          stream.respond({ ':status': 200 })
          stream.write(isThird ? 'third ' : 'one ')
          setTimeout(() => stream.end('answer'), 100)
        }, 5)
      }
      const [first, second] = [await http2Service(onStream), await http2Service(onStream)]
      const { port, plane } = await serve({
        endpoints: [endpoint('web', first.port), endpoint('web', second.port)],
        routes: [
          route('web/0', 'web', '/', {
            hedge: { delayMs: 20 },
            retry: { attempts: 2, on: ['reset'], backoffMs, idempotencyKey: false, idempotent: false },
          }),
        ],
        services,
      })
      expect(await exchange(port, get('/'))).toMatch(/^HTTP\/1\.1 200 [^]*\r\n4\r\none \r\n6\r\nanswer\r\n0\r\n\r\n$/)
      expect(asked).toBe(2)
      expect([...plane.inFlight().values()]).toEqual([])
    },
  )

  it('a POST whose stream is reset otherwise is answered 502, once', async () => {
    let asked = 0
    const upstream = await http2Service((stream) => {
      asked++
      stream.close(2)
    })
    const { port } = await gateway(upstream.port)
    const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi'
    expect(await exchange(port, post)).toMatch(/^HTTP\/1\.1 502 [^]*"reason":"upstream_closed"/)
    expect(asked).toBe(1)
  })

  it.each([
    ['HTTP/1.1', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
    ['nothing but an end', ''],
  ])('a service that speaks %s is said to be none of HTTP/2', async (_, text) => {
    const upstream = await rawServer((socket: Socket) => {
      socket.once('data', () => socket.end(text))
      socket.resume()
    })
    const { port } = await gateway(upstream.port)
    expect(
      await exchange(port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'),
    ).toMatch(/^HTTP\/1\.1 502 [^]*"reason":"upstream_closed"/)
  })

  it('an endpoint that lets connections hang is given up in time, also by those behind one who has gone', async () => {
    const port = await hangingPort()
    const { port: gatewayPort, plane } = await gateway(port, {
      limits: { connectTimeoutMs: 500, pendingTimeoutMs: 500 },
    })
    const gone = new Client(gatewayPort)
    gone.send(get('/'))
    await eventually(() => plane.inFlight().size === 1)
    gone.socket.resetAndDestroy()
    await eventually(() => plane.inFlight().size === 0)
    expect(await exchange(gatewayPort, get('/'))).toMatch(/^HTTP\/1\.1 504 [^]*no answer in 500 ms/)
  })

  it('an endpoint that does not listen is passed over', async () => {
    const upstream = await http2Service((stream) => {
      stream.respond({ ':status': 200 })
      stream.end('ok')
    })
    const closed = await rawServer(() => {})
    await closed.close()
    const { port } = await serve({
      endpoints: [endpoint('web', closed.port), endpoint('web', upstream.port)],
      services,
    })
    for (let index = 0; index < 4; index++) expect(await exchange(port, get('/'))).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('a response shorter than it promised breaks the client’s connection', async () => {
    let breakOff: () => void = noop
    const upstream = await http2Service((stream) => {
      stream.respond({ ':status': 200, 'content-length': 100 })
      stream.write('part')
      breakOff = () => stream.close(2)
    })
    const { port } = await gateway(upstream.port)
    const client = new Client(port)
    client.send(get('/'))
    await client.until((received) => received.endsWith('part'))
    breakOff()
    const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
      client.socket.on('error', resolve)
      client.socket.on('close', () => resolve(null))
    })
    expect(error?.code).toBe('ECONNRESET')
  })

  it('a connection is closed when its endpoint has left the table and its last request is over', async () => {
    let finish: () => void = noop
    const upstream = await http2Service((stream) => {
      finish = () => {
        stream.respond({ ':status': 200 })
        stream.end('ok')
      }
    })
    let isClosed = false
    upstream.server.on('session', (session) => session.on('close', () => (isClosed = true)))
    const { plane, port } = await gateway(upstream.port)
    const answer = exchange(port, get('/'))
    await eventually(() => finish !== noop)
    await plane.apply(table({ endpoints: [], services }))
    finish()
    expect(await answer).toMatch(/^HTTP\/1\.1 200 /)
    await eventually(() => isClosed)
  })
})

it('a service that turns to HTTP/2 is asked in it from then on, and what it had begun to answer goes on as it was', async () => {
  const heads: string[] = []
  const upstream = await rawServer((socket) => {
    socket.on('data', (bytes: Buffer) => {
      heads.push(bytes.toString('latin1').split('\r\n')[0] ?? '')
      if (heads.length === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      else if (heads.length > 2) socket.destroy()
    })
  })
  const endpoints = [endpoint('web', upstream.port)]
  const { plane, port } = await serve({ endpoints })
  const client = new Client(port)
  client.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.until((text) => text.endsWith('ok'))
  client.send('GET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
  await eventually(() => heads.length === 2)
  await plane.apply(table({ endpoints, services }))
  upstream.sockets[0]?.write(
    'HTTP/1.1 200 OK\r\nX-Second: yes\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
  )
  await client.until((text) => text.includes('X-Second'))
  client.send('GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  expect(await client.ended()).toMatch(/X-Second: yes[^]*\r\n\r\n3\r\nabc\r\n0\r\n\r\nHTTP\/1\.1 502 /)
  expect(heads.slice(0, 3)).toEqual(['GET /1 HTTP/1.1', 'GET /2 HTTP/1.1', 'PRI * HTTP/2.0'])
})

it('requests whose endpoint dies under them share connections to another one', async () => {
  const held: ServerHttp2Stream[] = []
  const dying = await http2Service((stream) => held.push(stream))
  const other = await http2Service((stream) => {
    stream.respond({ ':status': 200 })
    stream.end('ok')
  })
  const { port } = await serve({
    endpoints: [endpoint('web', dying.port), endpoint('web', other.port)],
    services,
    limits: { maxConnectionsPerEndpoint: 3 },
  })
  const answers = Array.from({ length: 40 }, () => exchange(port, get('/')))
  await eventually(() => held.length === 20)
  dying.server.close()
  held[0]?.session?.destroy()
  for (const answer of await Promise.all(answers)) expect(answer).toMatch(/^HTTP\/1\.1 200 /)
  expect(other.sessions()).toBeLessThanOrEqual(2)
})
