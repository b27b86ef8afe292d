import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { answering, cleanUp, Client, endpoint, eventually, exchange, ok, rawServer, route, serve } from './plane.js'

const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`

/** Bytes that wait in the gateway, in this very process, to be taken by the kernel. */
function waitingBytes(): number {
  const handles = (process as unknown as { _getActiveHandles(): unknown[] })._getActiveHandles()
  return handles.reduce<number>((sum, handle) => sum + ((handle as Partial<Socket>).writableLength ?? 0), 0)
}

describe('a client that does not read', () => {
  it('has its whole answer when it reads at last, also on a connection that ends with it', async () => {
    const body = Buffer.alloc(600_000, 'x').toString('latin1')
    const upstream = await rawServer(
      answering(() => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`),
    )
    const { plane, port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const client = new Client(port)
    client.socket.pause()
    client.send(get('/', 'Connection: close\r\n'))
    await eventually(() => plane.inFlight().size === 1)
    // All of it is the kernel's now; and longer than the gateway waits for a client to close.
    await eventually(() => plane.inFlight().size === 0)
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    client.socket.resume()
    const text = await client.ended()
    expect(text.length - text.indexOf('\r\n\r\n') - 4).toBe(body.length)
  })

  it('gets no further answers, neither the gateway’s own nor a service’s, however many requests it sends', async () => {
    let asked = 0
    const body = 'x'.repeat(20_000)
    const upstream = await rawServer(
      answering(() => {
        asked++
        return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
      }),
    )
    const { port } = await serve({
      endpoints: [endpoint('web', upstream.port)],
      routes: [route('web/0', 'web', '/served')],
    })
    const served = 1_000
    for (const [path, requests] of [
      ['/refused', 20_000],
      ['/served', served],
    ] as const) {
      const client = new Client(port)
      client.socket.pause()
      client.send(get(path).repeat(requests - 1) + get(path, 'Connection: close\r\n'))
      let before = -1
      // Until nothing moves any more.
      while (before !== asked || before === -1) {
        before = asked
        await new Promise((resolve) => setTimeout(resolve, 150))
      }
      // What the client itself could not send yet is counted too: it is less than what it has sent.
      expect(waitingBytes() - client.socket.writableLength).toBeLessThan(300_000)
      client.socket.resume()
      expect((await client.ended()).split('HTTP/1.1 ')).toHaveLength(requests + 1)
      client.socket.destroy()
    }
    expect(asked).toBe(served)
  })
})

describe('a connection whose request was refused', () => {
  it.each([
    ['a body with a length', `Content-Length: 20\r\n\r\n${'b'.repeat(20)}`],
    ['a chunked body', `Transfer-Encoding: chunked\r\n\r\n14\r\n${'b'.repeat(20)}\r\n0\r\n\r\n`],
  ])('is never read from the middle of what followed: %s', async (_, body) => {
    const heads: string[] = []
    const upstream = await rawServer(
      answering((head) => {
        heads.push(head.split(' HTTP')[0] ?? '')
        return ok
      }),
    )
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)], limits: { maxBodyBytes: 10 } })
    const client = new Client(port)
    // The second request is cut so that its rest looks like a request of its own.
    client.send(`POST /large HTTP/1.1\r\nHost: a\r\n${body}GET /second HTTP/1.1\r\nHost: a\r\nX: `)
    await client.until((text) => text.includes('413'))
    client.send(`GET /smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    await client.ended()
    expect(heads).not.toContain('GET /smuggled')
  })
})

describe('a request that waits', () => {
  it('is sent once, and not refused, when the time for a try ran out before there was a connection', async () => {
    const heads: string[] = []
    const placeholder = await rawServer(() => {})
    const { port: upstreamPort } = placeholder
    await placeholder.close()
    const { plane, port } = await serve({
      endpoints: [endpoint('web', upstreamPort)],
      routes: [route('web/0', 'web', '/', { timeouts: { requestMs: null, backendRequestMs: 100 } })],
    })
    const clients = ['GET', 'POST', 'GET', 'POST', 'GET', 'POST'].map((method) => {
      const client = new Client(port)
      client.send(`${method} /${method} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
      return client
    })
    await new Promise((resolve) => setTimeout(resolve, 900))
    expect(clients.map((client) => client.received)).toEqual(Array(6).fill(''))
    await rawServer(
      answering((head) => {
        heads.push(head.split(' ')[0] ?? '')
        return ok
      }),
      upstreamPort,
    )
    for (const client of clients) expect(await client.ended()).toMatch(/^HTTP\/1\.1 200 /)
    expect(heads.sort()).toEqual(['GET', 'GET', 'GET', 'POST', 'POST', 'POST'])
    expect(plane.inFlight().size).toBe(0)
  })

  it('does not wait for a busy endpoint while another has room', async () => {
    const stuck = await rawServer((socket) => void socket.on('data', () => {}))
    const free = await rawServer(answering(() => ok))
    const { plane, port } = await serve({
      endpoints: [endpoint('web', stuck.port), endpoint('web', free.port)],
      limits: { maxConnectionsPerEndpoint: 1, maxPending: 0 },
    })
    const first = new Client(port)
    first.send(get('/'))
    await eventually(() => plane.inFlight().size === 1)
    for (let turn = 0; turn < 4; turn++) {
      expect(await exchange(port, get('/', 'Connection: close\r\n'))).toMatch(/^HTTP\/1\.1 200 /)
    }
  })
})

describe('an edit of a header that the gateway writes too', () => {
  it('leaves one line of it', async () => {
    let head = ''
    const upstream = await rawServer(
      answering((text) => {
        head = text
        return ok
      }),
    )
    const edit = { set: { 'X-Request-Id': 'fixed', Date: 'then' }, add: {}, remove: [] }
    const { port } = await serve({
      endpoints: [endpoint('web', upstream.port)],
      routes: [
        route('web/0', 'web', '/', {
          filters: [
            { type: 'requestHeaders', ...edit },
            { type: 'responseHeaders', ...edit },
          ],
        }),
      ],
    })
    const text = await exchange(port, get('/', 'Connection: close\r\nX-Request-Id: mine\r\n'))
    expect(head.match(/^x-request-id: .*$/gim)).toEqual(['X-Request-Id: mine'])
    expect(text.match(/^x-request-id: .*$/gim)).toEqual(['X-Request-Id: fixed'])
    expect(text.match(/^date: .*$/gim)).toEqual(['Date: then'])
  })
})

describe('what frames a body', () => {
  it.each([
    ['Content-Length: \t2\t ', '42', 'Content-Length: 2'],
    ['content-length:2', '42', 'Content-Length: 2'],
    ['Transfer-Encoding:\tchunked', '0\r\n\r\n', 'Transfer-Encoding: chunked'],
    ['Transfer-Encoding: chunked\t', '0\r\n\r\n', 'Transfer-Encoding: chunked'],
    ['Transfer-Encoding: Chunked', '0\r\n\r\n', 'Transfer-Encoding: chunked'],
    ['transfer-encoding: chunked', '0\r\n\r\n', 'transfer-encoding: chunked'],
  ])('is passed on in a spelling that every server reads alike: %j', async (line, body, expected) => {
    let head = ''
    const upstream = await rawServer(
      answering((text) => {
        // The chunked body's end looks like a head too.
        head += text
        return ok
      }),
    )
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    await exchange(port, `POST / HTTP/1.1\r\nHost: a\r\nA: b\r\n${line}\r\nConnection: close\r\nC: d\r\n\r\n${body}`)
    expect(head).toContain(`\r\nA: b\r\n${expected}\r\nC: d\r\n`)
    expect(head.match(/^(content-length|transfer-encoding):/gim)).toHaveLength(1)
  })
})

describe('an upgraded connection', () => {
  it.each(['the service', 'the client'])(
    'that %s breaks off is broken off on the other side, not ended',
    async (side) => {
      const upstream = await rawServer((socket) => {
        socket.once('data', () => socket.write('HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhalf'))
        socket.on('data', () => {})
      })
      const { plane, port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
      const client = new Client(port)
      client.send(get('/', 'Connection: Upgrade\r\nUpgrade: x\r\n'))
      await client.until((text) => text.endsWith('half'))
      const inside = upstream.sockets[0] as Socket
      const [breaks, told] = side === 'the service' ? [inside, client.socket] : [client.socket, inside]
      const failures: string[] = []
      told.on('error', (error: NodeJS.ErrnoException) => failures.push(error.code ?? ''))
      breaks.resetAndDestroy()
      await eventually(() => told.destroyed || told.readableEnded)
      expect(failures).toEqual(['ECONNRESET'])
      await eventually(() => plane.connections === 0 && plane.inFlight().size === 0)
    },
  )
})

describe('an answer that was broken off', () => {
  it('is counted, and its line in the access log says so, however odd the request', async () => {
    const upstream = await rawServer((socket) => {
      socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'))
    })
    const folder = mkdtempSync(join(tmpdir(), 'pando-cut-'))
    cleanUp(() => rmSync(folder, { recursive: true }))
    const accessLog = join(folder, 'access.log')
    const { plane, port } = await serve({ endpoints: [endpoint('web', upstream.port)], accessLog })
    await exchange(port, get('/a"b%22%0d%0a\xff', 'X-Request-Id: "x"\r\n'))
    await exchange(port, get('/a%22%0d%0aHTTP', 'X-Request-Id: a{"b\r\n'))
    await plane.close(1_000)
    const lines = readFileSync(accessLog, 'latin1').trimEnd().split('\n')
    const cut = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(cut).toEqual([expect.objectContaining({ status: 200, cut: true, responseBytes: 4, service: 'web' })])
    const counted = plane.metrics().families.find(({ name }) => name === 'pando_gateway_answers_cut_total')
    expect(counted?.series[0]?.values).toEqual([1])
  })
})

it('a request that begins behind another in one read and ends in the next is read as if it had come whole', async () => {
  const targets: string[] = []
  const upstream = await rawServer(
    answering((head) => {
      targets.push(head.split(' ')[1] ?? '')
      return ok
    }),
  )
  const { port } = await serve({
    endpoints: [endpoint('web', upstream.port)],
    routes: [route('web/0', 'web', '/second')],
  })
  // The first is answered at once, so the second one's head is not moved to the start of a buffer before it is looked at.
  for (const target of ['/second/x', '/second/x?a=b']) {
    const second = get(target, 'Connection: close\r\n')
    for (let cut = 1; cut < second.length; cut++) {
      const client = new Client(port)
      client.send(get('/none?a=b') + second.slice(0, cut))
      await client.until((text) => text.endsWith('}\n'))
      client.send(second.slice(cut))
      expect((await client.ended()).match(/^HTTP\/1\.1 \d+/gm), second.slice(0, cut)).toEqual([
        'HTTP/1.1 404',
        'HTTP/1.1 200',
      ])
      expect(targets.splice(0)).toEqual([target])
    }
  }
})
