import type { MirrorSpec } from '@pando/model'
import type { HttpDataPlane } from '@pando/gateway'
import { describe, expect, it } from 'vitest'
import { answering, Client, endpoint, eventually, exchange, httpServer, ok, rawServer, route, serve } from './plane.js'

/** Bodies by path, as a server has understood them. */
async function recording() {
  const seen: { line: string; body: string; close: string | undefined }[] = []
  const { port } = await httpServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      seen.push({ line: `${request.method} ${request.url}`, body, close: request.headers.connection })
      response.end('answer of the recorder')
    })
  })
  return { port, seen }
}

async function mirrored(mirror: Partial<MirrorSpec>, shadowPort: number) {
  const main = await recording()
  const { port, plane } = await serve({
    endpoints: [endpoint('web', main.port), endpoint('shadow', shadowPort)],
    routes: [
      route('web/0', 'web', '/', { mirror: { service: 'shadow', percent: 100, maxBodyBytes: 65_536, ...mirror } }),
    ],
    services: [
      { name: 'web', protocol: 'http', balancer: 'round_robin' },
      { name: 'shadow', protocol: 'http', balancer: 'round_robin' },
    ],
  })
  return { port, plane, main: main.seen }
}

function copies(plane: HttpDataPlane): Record<string, number> {
  const family = plane.metrics().families.find(({ name }) => name === 'pando_gateway_mirrored_requests_total')
  return Object.fromEntries(
    (family?.series ?? []).flatMap(({ labels, values: [count = 0] }) =>
      count > 0 ? [[labels['outcome'], count]] : [],
    ),
  ) as Record<string, number>
}

const post = (path: string, body: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`

describe('a mirrored route', () => {
  it('gives another service a copy, bodies of either framing and all, and drops its answer', async () => {
    const shadow = await recording()
    const { port, main, plane } = await mirrored({}, shadow.port)
    expect(await exchange(port, 'GET /a?b=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')).toMatch(
      /^HTTP\/1.1 200 /,
    )
    await exchange(port, post('/b', 'hello'))
    const client = new Client(port)
    client.send('PUT /c HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
    await eventually(() => plane.inFlight().size > 0)
    client.send('2\r\nde\r\n0\r\n\r\n')
    await client.ended()
    await eventually(() => shadow.seen.length === 3)
    const sorted = (seen: typeof main) => seen.map(({ line, body }) => `${line} ${body}`).toSorted()
    expect(sorted(shadow.seen)).toEqual(['GET /a?b=1 ', 'POST /b hello', 'PUT /c abcde'])
    expect(sorted(main)).toEqual(sorted(shadow.seen))
    expect(shadow.seen[0]?.close).toBe('close')
    await eventually(() => copies(plane)['sent'] === 3)
    expect(plane.inFlight().size).toBe(0)
  })

  it('is served the same when the copy fails, hangs, or is never taken', async () => {
    const refusing = await mirrored({}, 1)
    expect(await exchange(refusing.port, post('/', 'x'))).toMatch(/^HTTP\/1.1 200 /)
    await eventually(() => copies(refusing.plane)['failed'] === 1)
    // It accepts and never answers: all of its places are taken, and the rest is left out.
    const hanging = await rawServer(() => {})
    const { port, plane } = await mirrored({}, hanging.port)
    const client = new Client(port)
    for (let request = 0; request < 140; request++) {
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      await client.until((text) => text.split('answer of the recorder').length - 1 > request)
    }
    expect(copies(plane)).toEqual({ left_out: 12 })
    await hanging.close()
    await eventually(() => copies(plane)['failed'] === 128)
  })

  it('copies no larger bodies, no upgrades, and by chance', async () => {
    const shadow = await recording()
    const { port, plane, main } = await mirrored({ maxBodyBytes: 4 }, shadow.port)
    await exchange(port, post('/', 'hello'))
    expect(copies(plane)).toEqual({ too_large: 1 })
    await exchange(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\r\n')
    const none = await mirrored({ percent: 0 }, shadow.port)
    await exchange(none.port, post('/', 'x'))
    expect(main.length + none.main.length).toBe(3)
    expect(copies(none.plane)).toEqual({})
    expect(shadow.seen).toEqual([])
  })

  it('that waits for a policy copies what came of the body meanwhile', async () => {
    const shadow = await recording()
    const main = await recording()
    const { port } = await serve({
      endpoints: [endpoint('web', main.port), endpoint('shadow', shadow.port)],
      routes: [
        route('web/0', 'web', '/', {
          mirror: { service: 'shadow', percent: 100, maxBodyBytes: 100 },
          fault: { delay: { ms: 30, percent: 100 }, byHeader: false },
        }),
      ],
    })
    await exchange(port, post('/', 'while waiting'))
    await eventually(() => shadow.seen.length === 1)
    expect(shadow.seen[0]?.body).toBe('while waiting')
  })
})

async function sized(sizes: object, reply: string, limits = {}) {
  const upstream = await rawServer(answering(() => reply))
  return serve({
    endpoints: [endpoint('web', upstream.port)],
    routes: [route('web/0', 'web', '/', { sizes }), route('web/1', 'web', '/free', {})],
    limits,
  })
}

describe('sizes of a route', () => {
  const get = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

  it('stand instead of the limit of the gateway', async () => {
    const { port } = await sized({ maxRequestBodyBytes: 4 }, ok, { maxBodyBytes: 2 })
    expect(await exchange(port, post('/', '1234'))).toMatch(/^HTTP\/1.1 200 /)
    expect(await exchange(port, post('/', '12345'))).toMatch(/^HTTP\/1.1 413 /)
    expect(await exchange(port, post('/free', '123'))).toMatch(/^HTTP\/1.1 413 /)
    const chunked = `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n`
    expect(await exchange(port, chunked)).toMatch(/^HTTP\/1.1 413 /)
  })

  it('refuse an answer that says that it is too large, and not the same of HEAD', async () => {
    const { port } = await sized({ maxResponseBodyBytes: 3 }, 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd')
    expect(await exchange(port, get)).toMatch(/^HTTP\/1.1 502 .*"reason":"response_too_large"/s)
    expect(await exchange(port, get.replace('GET', 'HEAD'))).toMatch(/^HTTP\/1.1 200 /)
  })

  it('break off one that grows too large', async () => {
    const { port, plane } = await sized(
      { maxResponseBodyBytes: 3 },
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n',
    )
    expect(await exchange(port, get)).not.toContain('abcd')
    const cut = plane.metrics().families.find(({ name }) => name === 'pando_gateway_answers_cut_total')
    expect(cut?.series[0]?.values).toEqual([1])
  })

  it('refuse a head that is too large', async () => {
    const { port } = await sized(
      { maxResponseHeadBytes: 200 },
      `HTTP/1.1 200 OK\r\nX-Long: ${'x'.repeat(200)}\r\nContent-Length: 0\r\n\r\n`,
    )
    expect(await exchange(port, get)).toMatch(/^HTTP\/1.1 502 .*head of the answer/s)
  })
})

describe('a route with several backends', () => {
  it('shares requests out by their weights', async () => {
    const counts = { a: 0, b: 0, off: 0 }
    const ports = await Promise.all(
      (['a', 'b', 'off'] as const).map(async (name) => {
        const { port } = await httpServer((_, response) => {
          counts[name]++
          response.end(name)
        })
        return [name, port] as const
      }),
    )
    const { port } = await serve({
      endpoints: ports.map(([name, at]) => endpoint(name, at)),
      routes: [
        route('split', 'a', '/', {
          backends: [
            { service: 'a', weight: 1 },
            { service: 'b', weight: 3 },
            { service: 'off', weight: 0 },
          ],
        }),
      ],
    })
    const client = new Client(port)
    for (let request = 0; request < 400; request++) {
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      await client.until((text) => (text.match(/HTTP\/1.1 200/g) ?? []).length > request)
    }
    expect(counts.a + counts.b).toBe(400)
    // By chance: 100 are expected, and outside of these bounds is less likely than one in a thousand million.
    expect(counts.a).toBeGreaterThan(45)
    expect(counts.a).toBeLessThan(160)
  })
})
