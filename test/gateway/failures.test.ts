import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import {
  answering,
  Client,
  endpoint,
  eventually,
  exchange,
  freePort,
  httpServer,
  ok,
  rawServer,
  route,
  serve,
  table,
} from './plane.js'

const request = (method: string, lines = ''): string =>
  `${method} /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${lines}\r\n`

function problemOf(text: string): Record<string, unknown> {
  expect(text).toContain('\r\nContent-Type: application/problem+json\r\n')
  return JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4)) as Record<string, unknown>
}

/** Answers the first request of its first connection and resets at the second; other connections answer all. */
async function racing(): Promise<{ port: number; heads: string[]; connections: () => number }> {
  const heads: string[] = []
  const upstream = await rawServer((socket, index) => {
    let count = 0
    answering((head) => {
      heads.push(head.split(' ', 2).join(' '))
      if (index === 0 && ++count === 2) {
        socket.resetAndDestroy()
        return ''
      }
      return ok
    })(socket)
  })
  const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
  return { port, heads, connections: () => upstream.sockets.length }
}

describe('an endpoint that accepts and never answers, as the proxy of a container that has gone', () => {
  it('costs one POST its answer, and the next ones go elsewhere', async () => {
    const dead = await rawServer((socket) => socket.once('data', () => socket.resetAndDestroy()))
    const alive = await rawServer(answering(() => ok))
    const { port } = await serve({ endpoints: [endpoint('web', dead.port), endpoint('web', alive.port)] })
    const answers: string[] = []
    for (let i = 0; i < 10; i++) answers.push(await exchange(port, request('POST', 'Content-Length: 0\r\n')))
    expect(answers.filter((text) => text.startsWith('HTTP/1.1 502'))).toHaveLength(1)
    expect(dead.sockets).toHaveLength(1)
  })
})

describe('an idle connection that dies as it is used again', () => {
  it.each([
    ['something', (socket: Socket) => socket.write('HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n')],
    ['its end', (socket: Socket) => socket.end()],
    ['a reset', (socket: Socket) => socket.resetAndDestroy()],
  ])('gives no POST %s that came before it was asked: that goes elsewhere', async (_, send) => {
    const heads: string[] = []
    const upstream = await rawServer(
      answering((head) => {
        heads.push(head.split(' ', 1)[0])
        return ok
      }),
    )
    // The next try has the only connection that there may be.
    const { port } = await serve({
      endpoints: [endpoint('web', upstream.port)],
      limits: { maxConnectionsPerEndpoint: 1, maxPending: 0 },
    })
    const client = new Client(port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.until((text) => text.endsWith('ok'))
    // Both come in the same turn of the gateway's event loop, the request first.
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi')
    send(upstream.sockets[0])
    expect(await client.until((text) => text.split('HTTP/1.1 ').length === 3)).toMatch(
      /^HTTP\/1\.1 200 .*HTTP\/1\.1 200 /s,
    )
    expect(heads).toEqual(['GET', 'POST'])
    expect(upstream.sockets).toHaveLength(2)
  })

  it.each(['GET', 'HEAD', 'OPTIONS', 'DELETE', 'TRACE', 'PUT'])(
    '%s is sent again, on a new connection',
    async (method) => {
      const { port, heads, connections } = await racing()
      const body = method === 'PUT' ? 'Content-Length: 0\r\n' : ''
      expect(await exchange(port, request('GET'))).toMatch(/ok$/)
      expect(await exchange(port, request(method, body))).toMatch(/^HTTP\/1\.1 200 OK/)
      expect(heads).toEqual(['GET /x', `${method} /x`, `${method} /x`])
      expect(connections()).toBe(2)
    },
  )

  it('PUT with a small body is sent again, whole', async () => {
    const bodies: string[] = []
    const upstream = await rawServer((socket, index) => {
      let text = ''
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
        if (text.startsWith('GET') && text.endsWith('\r\n\r\n')) {
          text = ''
          socket.write(ok)
        } else if (text.endsWith('hello')) {
          bodies.push(text.slice(text.indexOf('\r\n\r\n') + 4))
          if (index === 0) socket.destroy()
          else socket.write(ok)
        }
      })
    })
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    expect(await exchange(port, request('GET'))).toMatch(/ok$/)
    const client = new Client(port)
    client.send(`${request('PUT', 'Content-Length: 10\r\n')}hello`.replace('\r\n\r\nhello', '\r\n\r\n'))
    await eventually(() => client.socket.bytesWritten > 0)
    client.send('world')
    await new Promise((resolve) => setTimeout(resolve, 20))
    client.send('hello')
    expect(await client.ended()).toMatch(/ok$/)
    expect(bodies).toEqual(['worldhello', 'worldhello'])
  })

  it.each(['POST', 'PATCH', 'FROB'])('%s is not: 502, once', async (method) => {
    const { port, heads } = await racing()
    expect(await exchange(port, request('GET'))).toMatch(/ok$/)
    const text = await exchange(port, request(method, 'Content-Length: 0\r\n'))
    expect(text).toMatch(/^HTTP\/1\.1 502 /)
    expect(problemOf(text)).toMatchObject({ status: 502, reason: 'upstream_closed', route: 'web/0', service: 'web' })
    expect(heads).toEqual(['GET /x', `${method} /x`])
  })
})

describe('an upstream that dies under a request', () => {
  it('has an idempotent one sent to another endpoint', async () => {
    const dying = await rawServer(answering((_, socket) => (socket.resetAndDestroy(), '')))
    const healthy = await rawServer(answering(() => ok))
    const { port } = await serve({ endpoints: [endpoint('web', dying.port), endpoint('web', healthy.port)] })
    for (let turn = 0; turn < 6; turn++) expect(await exchange(port, request('GET'))).toMatch(/ok$/)
  })

  it('is not asked without end', async () => {
    let count = 0
    const upstream = await rawServer(answering((_, socket) => (count++, socket.destroy(), '')))
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)], limits: { maxRetries: 2 } })
    expect(problemOf(await exchange(port, request('GET')))).toMatchObject({ status: 502, reason: 'upstream_closed' })
    expect(count).toBe(3)
  })

  it('breaks the client’s connection when it dies in the middle of its answer, whatever frames that', async () => {
    const bodies = ['Content-Length: 10\r\n\r\nhello', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n']
    for (const body of bodies) {
      let count = 0
      const upstream = await rawServer(
        answering((_, socket) => {
          count++
          setTimeout(() => socket.destroy(), 30)
          return `HTTP/1.1 200 OK\r\n${body}`
        }),
      )
      const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
      const client = new Client(port)
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      await client.closed()
      expect(client.hasEnded).toBe(false)
      expect(client.received).not.toMatch(/\r\n0\r\n\r\n$/)
      expect(count).toBe(1)
    }
  })

  it('breaks an HTTP/1.0 client’s connection too, which an ordinary end would deceive', async () => {
    const upstream = await rawServer(
      answering((_, socket) => {
        setTimeout(() => socket.destroy(), 30)
        return 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'
      }),
    )
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const client = new Client(port)
    client.send('GET / HTTP/1.0\r\n\r\n')
    await client.closed()
    expect(client.hasEnded).toBe(false)
  })
})

describe('an upstream that answers with something else than HTTP', () => {
  it.each([
    ['both framings', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello'],
    ['a folded line', 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n'],
    ['bare LF', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
    ['garbage', 'SSH-2.0-OpenSSH_9.2\r\n'],
    [
      'a switch of protocols that nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
    ],
    ['interim responses without end', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(100)],
    ['a first chunk that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n'],
  ])('%s: never a whole answer, never sent again', async (_, reply) => {
    let count = 0
    const upstream = await rawServer(answering(() => (count++, reply)))
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const client = new Client(port)
    client.send(request('GET'))
    const text = await client.ended()
    // What had begun already cannot become a 502; then it must at least not look whole.
    expect(text).toMatch(/"reason":"upstream_invalid"|\r\nTransfer-Encoding: chunked\r\n(Connection: close\r\n)?\r\n$/)
    expect(count).toBe(1)
  })

  it('bytes behind its answer cost it the connection, not the next client its answer', async () => {
    const upstream = await rawServer(answering(() => `${ok}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`))
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    for (let turn = 0; turn < 5; turn++) {
      const text = await exchange(port, request('GET'))
      expect(text).toMatch(/\r\n\r\nok$/)
    }
    expect(upstream.sockets).toHaveLength(5)
  })

  it('so do bytes that come while it is idle', async () => {
    const upstream = await rawServer(
      answering((_, socket) => {
        setTimeout(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'), 20)
        return ok
      }),
    )
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    expect(await exchange(port, request('GET'))).toMatch(/ok$/)
    await eventually(() => upstream.sockets[0]?.destroyed === true || upstream.sockets[0]?.readableEnded === true)
    expect(await exchange(port, request('GET'))).toMatch(/ok$/)
  })
})

describe('an endpoint that does not listen', () => {
  it.each(['GET', 'POST'])('is passed over (%s), and the next requests do not try it at once again', async (method) => {
    const healthy = await rawServer(answering(() => ok))
    const { plane, port } = await serve({
      endpoints: [endpoint('web', await freePort()), endpoint('web', healthy.port)],
    })
    for (let turn = 0; turn < 6; turn++) {
      expect(await exchange(port, request(method, 'Content-Length: 0\r\n'))).toMatch(/ok$/)
    }
    const failures = plane
      .metrics()
      .families.find(({ name }) => name === 'pando_gateway_upstream_connect_failures_total')
    expect(failures?.series.find(({ labels }) => labels['service'] === 'web')?.values).toEqual([1])
  })

  it('has the whole body sent to the one that does, once', async () => {
    const bodies: string[] = []
    const healthy = await httpServer((incoming, response) => {
      let body = ''
      incoming.on('data', (chunk: Buffer) => (body += chunk.toString()))
      incoming.on('end', () => {
        bodies.push(body)
        response.end('ok')
      })
    })
    const { port } = await serve({ endpoints: [endpoint('web', await freePort()), endpoint('web', healthy.port)] })
    const body = 'x'.repeat(200_000)
    for (let turn = 0; turn < 4; turn++) {
      const text = await exchange(port, `${request('POST', `Content-Length: ${body.length}\r\n`)}${body}`)
      expect(text).toContain('HTTP/1.1 200')
    }
    expect(bodies.map((one) => one.length)).toEqual(Array.from({ length: 4 }, () => body.length))
  })

  it('is waited for while it is the only one, and the request goes on as soon as it listens', async () => {
    const later = await freePort()
    const { port } = await serve({ endpoints: [endpoint('web', later)] })
    const answer = exchange(port, request('POST', 'Content-Length: 0\r\n'))
    await new Promise((resolve) => setTimeout(resolve, 200))
    await rawServer(
      answering(() => ok),
      later,
    )
    expect(await answer).toMatch(/ok$/)
  })

  it('is given up after the waiting time: 503 with Retry-After that says what failed', async () => {
    const closed = await freePort()
    const { port } = await serve({ endpoints: [endpoint('web', closed)], limits: { pendingTimeoutMs: 200 } })
    const text = await exchange(port, request('GET'))
    expect(text).toMatch(/^HTTP\/1\.1 503 [^]*\r\nRetry-After: 1\r\n/)
    expect(problemOf(text)).toMatchObject({ reason: 'connect_failed', route: 'web/0', service: 'web' })
    expect(text).toContain('the last try: ECONNREFUSED')
  })
})

describe('what clients are told of a failure', () => {
  it.each([
    ['upstream_closed', '', 502],
    ['upstream_closed', 'HTTP/1.1 200 OK\r\nContent-', 502],
    ['upstream_invalid', 'SSH-2.0-OpenSSH\r\n\r\n', 502],
  ])('does not tell where services are: %s after %j', async (reason, start, status) => {
    const upstream = await rawServer((socket) => void socket.once('data', () => socket.end(start)))
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const text = await exchange(port, request('POST', 'Content-Length: 0\r\n'))
    expect(problemOf(text)).toMatchObject({ reason, status, service: 'web' })
    expect(text).not.toContain(String(upstream.port))
  })

  it('does not tell where services are: connect_failed', async () => {
    const closed = await freePort()
    const { port } = await serve({ endpoints: [endpoint('web', closed)], limits: { pendingTimeoutMs: 200 } })
    const text = await exchange(port, request('GET'))
    expect(problemOf(text)).toMatchObject({ reason: 'connect_failed' })
    expect(text).not.toContain(String(closed))
  })
})

describe('a service without a healthy endpoint', () => {
  it('lets requests wait, and a new table sends them', async () => {
    const upstream = await rawServer(answering(() => ok))
    const { plane, port } = await serve({ endpoints: [endpoint('web', upstream.port, { state: 'starting' })] })
    const answers = [exchange(port, request('GET')), exchange(port, request('POST', 'Content-Length: 0\r\n'))]
    await new Promise((resolve) => setTimeout(resolve, 100))
    await plane.apply(table({ endpoints: [endpoint('web', upstream.port)] }))
    for (const text of await Promise.all(answers)) expect(text).toMatch(/ok$/)
  })

  it('answers 503 with Retry-After when the time is over', async () => {
    const { port } = await serve({ endpoints: [], limits: { pendingTimeoutMs: 100 } })
    const text = await exchange(port, request('GET'))
    expect(text).toMatch(/^HTTP\/1\.1 503 [^]*\r\nRetry-After: 1\r\n/)
    expect(problemOf(text)).toMatchObject({ reason: 'no_healthy_endpoint', route: 'web/0', service: 'web' })
  })

  it('lets no more wait than allowed', async () => {
    const { port } = await serve({ endpoints: [], limits: { maxPending: 2, pendingTimeoutMs: 400 } })
    const texts = await Promise.all([1, 2, 3].map(() => exchange(port, request('GET'))))
    const reasons = texts.map((text) => problemOf(text)['reason']).sort()
    expect(reasons).toEqual(['no_healthy_endpoint', 'no_healthy_endpoint', 'overloaded'])
  })

  it('forgets a waiting request whose client has gone', async () => {
    const upstream = await rawServer(answering(() => ok))
    const { plane, port } = await serve({ endpoints: [] })
    const client = new Client(port)
    client.send(request('GET'))
    const pending = (): number | undefined =>
      plane.metrics().families.find(({ name }) => name === 'pando_gateway_requests_pending')?.series[0]?.values[0]
    await eventually(() => pending() === 1)
    client.socket.resetAndDestroy()
    await eventually(() => pending() === 0)
    await plane.apply(table({ endpoints: [endpoint('web', upstream.port)] }))
    expect(await exchange(port, request('GET'))).toMatch(/ok$/)
    expect(upstream.sockets).toHaveLength(1)
  })
})

describe('a client that goes away', () => {
  it.each([
    ['in the middle of its body', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello', false],
    ['by a reset while it waits', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', true],
  ])('%s has its upstream connection closed', async (_, text, isReset) => {
    let got = ''
    const upstream = await rawServer((socket) => {
      socket.on('data', (chunk: Buffer) => (got += chunk.toString('latin1')))
      socket.on('end', () => socket.end())
    })
    const { plane, port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const client = new Client(port)
    client.send(text)
    await eventually(() => got.length > 0)
    expect([...plane.inFlight().values()]).toEqual([1])
    if (isReset) client.socket.resetAndDestroy()
    else client.socket.destroy()
    await eventually(() => upstream.sockets[0]?.readableEnded === true || upstream.sockets[0]?.destroyed === true)
    await eventually(() => plane.inFlight().size === 0)
  })

  it('in the middle of a download stops it', async () => {
    const upstream = await httpServer((_, response) => {
      const send = (): void => {
        while (response.write(Buffer.alloc(65_536)));
        response.once('drain', send)
      }
      send()
    })
    const { plane, port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const client = new Client(port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.until((text) => text.length > 200_000)
    client.socket.destroy()
    await eventually(() => plane.inFlight().size === 0)
    expect(client.received).toMatch(/^HTTP\/1\.1 200 OK/)
  })
})

describe('timeouts', () => {
  it('408 for a head that comes too slowly', async () => {
    const { port } = await serve({ endpoints: [], limits: { headTimeoutMs: 200 } })
    const text = await exchange(port, 'GET / HTTP/1.1\r\nHost:')
    expect(text).toMatch(/^HTTP\/1\.1 408 /)
    expect(problemOf(text)).toMatchObject({ reason: 'request_timeout' })
  })

  it('a slow head gains nothing by sending a byte now and then', async () => {
    const { port } = await serve({ endpoints: [], limits: { headTimeoutMs: 300 } })
    const client = new Client(port)
    client.send('GET / HTTP/1.1\r\nX: ')
    const drip = setInterval(() => client.send('a'), 50)
    expect(await client.ended()).toMatch(/^HTTP\/1\.1 408 /)
    clearInterval(drip)
  })

  it('408 for a body that stalls, and the upstream’s connection is closed', async () => {
    const upstream = await rawServer((socket) => void socket.on('data', () => {}).on('end', () => socket.end()))
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)], limits: { idleTimeoutMs: 200 } })
    expect(await exchange(port, `${request('POST', 'Content-Length: 10\r\n')}hello`)).toMatch(/^HTTP\/1\.1 408 /)
    await eventually(() => upstream.sockets[0]?.readableEnded === true)
  })

  it('504 for an upstream that stalls', async () => {
    const upstream = await rawServer((socket) => void socket.on('data', () => {}))
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)], limits: { idleTimeoutMs: 200 } })
    expect(problemOf(await exchange(port, request('GET')))).toMatchObject({
      status: 504,
      reason: 'upstream_timeout',
      route: 'web/0',
    })
  })

  it('504 when the route’s time for the whole exchange is over', async () => {
    const upstream = await rawServer((socket) => void socket.on('data', () => {}))
    const { port } = await serve({
      endpoints: [endpoint('web', upstream.port)],
      routes: [route('web/0', 'web', '/', { timeouts: { requestMs: 200, backendRequestMs: null } })],
    })
    expect(problemOf(await exchange(port, request('GET')))).toMatchObject({ status: 504 })
  })

  it('another endpoint when the route’s time for one try is over, if the request is idempotent', async () => {
    let asked = 0
    const silent = await rawServer((socket) => void socket.on('data', () => asked++))
    const healthy = await rawServer(answering(() => ok))
    const { port } = await serve({
      endpoints: [endpoint('web', silent.port), endpoint('web', healthy.port)],
      routes: [route('web/0', 'web', '/', { timeouts: { requestMs: null, backendRequestMs: 200 } })],
    })
    expect(await exchange(port, request('GET'))).toMatch(/ok$/)
    expect(asked).toBe(1)
  })

  it('a broken connection, not an end, when the rest of an answer does not come', async () => {
    const upstream = await rawServer(answering(() => 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello'))
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)], limits: { idleTimeoutMs: 200 } })
    const client = new Client(port)
    client.send(request('GET'))
    await client.closed()
    expect(client.hasEnded).toBe(false)
  })

  it('an end for a connection that stays idle', async () => {
    const upstream = await rawServer(answering(() => ok))
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)], limits: { keepAliveTimeoutMs: 200 } })
    const client = new Client(port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(await client.ended()).toMatch(/ok$/)
  })

  it('not for a request that is slow but alive', async () => {
    const upstream = await httpServer((_, response) => {
      let count = 0
      const drip = setInterval(() => {
        response.write('x')
        if (++count === 12) {
          clearInterval(drip)
          response.end()
        }
      }, 50)
    })
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)], limits: { idleTimeoutMs: 300 } })
    expect((await exchange(port, request('GET'))).match(/\r\nx\r\n/g)).toHaveLength(12)
  })
})
