import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http2'
import { request as ask1, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CompiledEdit, HttpDataPlane, Policies } from '@pando/gateway'
import { expect, describe, it } from 'vitest'
import { type Field, FrameClient, requestFields, session } from './http2-client.js'
import {
  cleanUp,
  Client,
  endpoint,
  eventually,
  exchange,
  httpServer,
  ok,
  rawServer,
  route,
  serve,
  type TableOptions,
} from './plane.js'

interface Seen {
  readonly head: IncomingMessage['headers']
  readonly body: string
  readonly trailers: readonly string[]
}

/** A service of node:http, strict, and what it has understood. */
async function recording() {
  const seen: Seen[] = []
  const { port, server } = await httpServer((request, response) => {
    let body = ''
    request.setEncoding('latin1').on('data', (text: string) => (body += text))
    request.on('end', () => {
      seen.push({ head: request.headers, body, trailers: request.rawTrailers })
      response.end('ok')
    })
  })
  return { port, server, seen }
}

/** It reads trailers, and says so. */
const web = { name: 'web', protocol: 'http', balancer: 'round_robin', requestTrailers: true } as const
const services = [web]

async function gateway(extra: Partial<TableOptions> = {}, plane = new HttpDataPlane()) {
  const service = await recording()
  const { port } = await serve({ endpoints: [endpoint('web', service.port)], services, ...extra }, plane)
  return { ...service, service: service.port, port }
}

/** Puts each request's text off, and its trailers, until the policy is done. */
function policies(request: CompiledEdit, isReady: Promise<unknown>): HttpDataPlane {
  const policy = { name: 'who', phase: 'authenticate', check: () => isReady.then(() => ({ request })) } as const
  return new HttpDataPlane({ policies: new Policies([{ configure: () => {}, of: () => [policy], close: () => {} }]) })
}

const sum: Field[] = [
  ['x-sum', '1'],
  ['x-more', ''],
]
const sumSeen = ['x-sum', '1', 'x-more', '']
const head = (more = '', method = 'POST'): string =>
  `${method} / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n${more}\r\n`
const chunk = '3\r\nabc\r\n'
const behind = '0\r\nX-Sum: 1\r\nX-More:\r\n\r\n'
const closing = 'Connection: close\r\n'

/** Sends a request of HTTP/2 with its trailers; its status. */
async function post(port: number, trailers: readonly Field[], body = 'abc', ...more: Field[]): Promise<string> {
  const client = new FrameClient(port)
  client.request(1, requestFields('POST', '/', ...more), false)
  if (body !== '') client.data(1, body)
  client.headers(1, trailers)
  return (await client.response(1)).fields[0] ?? ''
}

describe('trailers of a request reach a service of HTTP/1.1', () => {
  it.each(['abc', ''])('from a client of HTTP/2, behind "%s"', async (body) => {
    const { port, seen } = await gateway()
    expect(await post(port, sum, body, ['trailer', 'x-sum'])).toBe(':status: 200')
    expect(seen).toMatchObject([
      { body, trailers: sumSeen, head: { trailer: 'x-sum', 'transfer-encoding': 'chunked' } },
    ])
  })

  it('from the client of node:http2', async () => {
    const { port, seen } = await gateway()
    const stream = session(port).request({ ':path': '/', ':method': 'POST' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '1' }))
    stream.end('abc')
    await once(stream.resume(), 'end')
    expect(seen).toMatchObject([{ body: 'abc', trailers: ['x-sum', '1'] }])
  })

  it('from the client of node:http', async () => {
    const { port, seen } = await gateway()
    const request = ask1({ port, host: '127.0.0.1', method: 'POST', agent: false, headers: { trailer: 'X-Sum' } })
    request.write('abc')
    request.addTrailers({ 'X-Sum': '1' })
    request.end()
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    await once(answer.resume(), 'end')
    expect(seen).toMatchObject([{ body: 'abc', trailers: ['X-Sum', '1'], head: { trailer: 'X-Sum' } }])
  })

  it('wherever they are cut, in one form', async () => {
    const { port, seen } = await gateway()
    const text = `${head(closing)}${chunk}0\r\nX-Sum:\t 1 \t\r\nX-More:\r\n\r\n`
    for (let cut = 1; cut < text.length; cut++) {
      const client = new Client(port)
      client.send(text.slice(0, cut))
      await new Promise((resolve) => setImmediate(resolve))
      client.send(text.slice(cut))
      expect(await client.ended()).toMatch(/^HTTP\/1\.1 200 /)
    }
    expect(seen).toHaveLength(text.length - 1)
    for (const each of seen) expect(each).toMatchObject({ body: 'abc', trailers: ['X-Sum', '1', 'X-More', ''] })
  })

  it('and the next request on the connection is the next', async () => {
    const { port, seen } = await gateway()
    const client = new Client(port)
    client.send(`${head()}${chunk}${behind}${head(closing)}${chunk}${behind}`)
    expect(await client.ended()).toMatch(/^HTTP\/1\.1 200 [^]*HTTP\/1\.1 200 /)
    expect(seen.map(({ body, trailers }) => [body, trailers.length])).toEqual([
      ['abc', 4],
      ['abc', 4],
    ])
  })

  it('over a connection that carries no other request behind them', async () => {
    const service = await rawServer((socket) =>
      socket.on('data', (bytes: Buffer) => void (bytes.toString('latin1').endsWith('\r\n\r\n') && socket.write(ok))),
    )
    const { port } = await serve({ endpoints: [endpoint('web', service.port)], services })
    const client = new Client(port)
    const asked = [
      'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
      `${head()}0\r\n\r\n`,
      `${head()}${behind}`,
      `${head()}0\r\n\r\n`,
    ]
    for (const [index, text] of asked.entries()) {
      client.send(text)
      await client.until((received) => received.split('HTTP/1.1 200 ').length - 1 > index)
    }
    expect(service.sockets).toHaveLength(2)
    expect(client.received.split('HTTP/1.1 200 ')).toHaveLength(asked.length + 1)
  })

  it('again, when the request is sent again', async () => {
    const texts: string[] = []
    const service = await rawServer((socket, index) => {
      texts.push('')
      socket.on('data', (bytes: Buffer) => {
        texts[index] += bytes.toString('latin1')
        if (!/\r\n0\r\n[^]*\r\n\r\n$/.test(texts[index] ?? '')) return
        if (index === 0) socket.destroy()
        else socket.write(ok)
      })
    })
    const { port } = await serve({ endpoints: [endpoint('web', service.port)], services })
    expect(await exchange(port, `${head(closing, 'PUT')}${chunk}${behind}`)).toMatch(/^HTTP\/1\.1 200 /)
    expect(texts).toHaveLength(2)
    expect(texts[1]).toMatch(/\r\n\r\n0*3\r\nabc\r\n0\r\nX-Sum: 1\r\nX-More: \r\n\r\n$/)
    expect(texts[0]?.slice(-60)).toBe(texts[1]?.slice(-60))
  })

  it('but the request is not sent again without those that were too large to be kept', async () => {
    let text = ''
    const service = await rawServer((socket) =>
      socket.on('data', (bytes: Buffer) => {
        text += bytes.toString('latin1')
        if (text.endsWith('z\r\n\r\n')) socket.destroy()
      }),
    )
    const { port } = await serve({ endpoints: [endpoint('web', service.port)], services })
    const client = new Client(port)
    client.send(`${head(closing, 'PUT')}2800\r\n${'a'.repeat(0x2800)}\r\n`)
    await eventually(() => text.includes('aaa'))
    client.send(`0\r\nX-Large: ${'b'.repeat(8_000)}z\r\n\r\n`)
    expect(await client.ended()).toMatch(/^HTTP\/1\.1 502 /)
    expect(service.sockets).toHaveLength(1)
  })

  it.each([
    { main: true, shadow: true },
    { main: true, shadow: false },
    { main: false, shadow: true },
  ])('and its copy, where each says that it reads them: %o', async (reads) => {
    const [main, shadow] = [await recording(), await recording()]
    const mirror = { service: 'shadow', percent: 100, maxBodyBytes: 65_536 }
    const silent = { name: 'web', protocol: 'http', balancer: 'round_robin' } as const
    const { port } = await serve({
      endpoints: [endpoint('web', main.port), endpoint('shadow', shadow.port)],
      routes: [route('web/0', 'web', '/', { mirror })],
      services: [reads.main ? web : silent, { ...(reads.shadow ? web : silent), name: 'shadow' }],
    })
    await exchange(port, `${head(`Connection: close, TE\r\nTE: trailers\r\n`)}${chunk}${behind}`)
    expect(await post(port, sum)).toBe(':status: 200')
    await eventually(() => shadow.seen.length === 2)
    // Nobody takes the answer to a copy.
    expect(main.seen[0]?.head).toMatchObject({ te: 'trailers', connection: 'TE' })
    expect(shadow.seen.map(({ head: { te, connection } }) => [te, connection])).toEqual(
      Array.from({ length: 2 }, () => [undefined, 'close']),
    )
    for (const [{ seen }, isReading] of [
      [main, reads.main],
      [shadow, reads.shadow],
    ] as const) {
      expect(seen.map(({ body }) => body)).toEqual(['abc', 'abc'])
      for (const { trailers } of seen) expect(trailers.join().toLowerCase()).toBe(isReading ? sumSeen.join() : '')
    }
  })

  it('but not where it does not say that it reads them', async () => {
    const { port, seen } = await gateway({ services: [{ name: 'web', protocol: 'http', balancer: 'round_robin' }] })
    await exchange(port, `${head(`${closing}Trailer: X-Sum\r\n`)}${chunk}${behind}`)
    expect(await post(port, sum, 'abc', ['trailer', 'x-sum'])).toBe(':status: 200')
    expect(seen.map(({ body, trailers, head: { trailer } }) => [body, trailers, trailer])).toEqual([
      ['abc', [], undefined],
      ['abc', [], undefined],
    ])
  })

  it('but not behind a body whose length was told, which has no place for them', async () => {
    const { port, seen } = await gateway()
    expect(await post(port, sum, 'abc', ['content-length', '3'], ['trailer', 'x-sum'])).toBe(':status: 200')
    expect(seen).toMatchObject([{ body: 'abc', trailers: [], head: { 'content-length': '3' } }])
    expect(seen[0]?.head.trailer).toBe(undefined)
  })
})

/** A service of HTTP/2, and what it has understood: body, `trailer`, trailers. */
async function framed() {
  const seen: unknown[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      seen.push([body, request.headers.trailer, Object.entries(request.trailers)])
      response.end('ok')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUp(() => void server.close())
  const { port } = await serve({
    endpoints: [endpoint('web', (server.address() as AddressInfo).port)],
    services: [{ name: 'web', protocol: 'h2c', balancer: 'round_robin' }],
  })
  return { port, seen }
}

describe('trailers of a request reach a service of HTTP/2', () => {
  it('from chunks', async () => {
    const { port, seen } = await framed()
    const lines = 'X-Sum: 1\r\nHost: b\r\nX-Forwarded-For: 1\r\nX-Named: 1\r\n'
    const text = `${head('Connection: close, X-Named\r\nTrailer: X-Sum, Host, X-Named\r\n')}${chunk}0\r\n${lines}\r\n`
    expect(await exchange(port, text)).toMatch(/^HTTP\/1\.1 200 /)
    expect(seen).toEqual([['abc', 'X-Sum', [['x-sum', '1']]]])
  })

  it.each([
    ['a length', 'abc', ['content-length', '3']],
    ['a length of 0', '', ['content-length', '0']],
    ['no length', '', ['x-other', '1']],
  ] as const)('behind a body of %s', async (_name, body, field) => {
    const { port, seen } = await framed()
    expect(await post(port, sum, body, field)).toBe(':status: 200')
    expect(seen).toEqual([
      [
        body,
        undefined,
        [
          ['x-sum', '1'],
          ['x-more', ''],
        ],
      ],
    ])
  })

  it('long after a head that said that there is no content, and without any', async () => {
    const { port, seen } = await framed()
    const client = new FrameClient(port)
    client.request(1, requestFields('PUT', '/', ['content-length', '0']), false)
    client.request(3, requestFields('GET', '/', ['content-length', '0']), false)
    client.request(5, requestFields('POST', '/', ['content-length', '0']))
    await client.response(5)
    expect(seen).toHaveLength(1)
    client.headers(1, [['x-sum', '2']])
    await client.response(1)
    client.data(3, '', true)
    await client.response(3)
    expect(seen).toEqual([
      ['', undefined, []],
      ['', undefined, [['x-sum', '2']]],
      ['', undefined, []],
    ])
  })
})

describe('trailers of a request', () => {
  const misplaced = [
    'Content-Length: 7',
    'content_length: 7',
    'Transfer-Encoding: chunked',
    'Host: b',
    'Connection: close',
    'TE: trailers',
    'Trailer: X',
    'Upgrade: h2c',
    'HTTP2-Settings: AAAA',
    'Expect: 100-continue',
    'Authorization: Basic YTpi',
    'Proxy_Authorization: Basic YTpi',
    'Cookie: a=b',
    'Content-Type: text/html',
    'Content-Encoding: gzip',
    'Range: bytes=0-1',
    'If-Match: *',
    'Cache-Control: no-store',
    'X-Forwarded-For: 10.0.0.1',
    'x_forwarded_for: 10.0.0.1',
    'X-Forwarded-Client-Cert: a',
    'Forwarded: for=10.0.0.1',
    'X-Real-IP: 10.0.0.1',
    'True-Client-IP: 10.0.0.1',
    'X-Request-Id: mine',
    'X-Request-Deadline: 1',
    'traceparent: mine',
    'X-HTTP-Method-Override: DELETE',
    'X-Original-URL: /admin',
    'Sec-Fetch-Site: none',
  ]

  it('say nothing of who asks, how, where to, and what the body is made of', async () => {
    const { port, seen } = await gateway()
    await exchange(port, `${head(closing)}${chunk}0\r\n${misplaced.join('\r\n')}\r\nX-Kept: 1\r\n\r\n`)
    await exchange(port, `${head(closing)}${chunk}0\r\n${misplaced.join('\r\n')}\r\n\r\n`)
    expect(seen.map(({ body, trailers }) => [body, trailers])).toEqual([
      ['abc', ['X-Kept', '1']],
      ['abc', []],
    ])
  })

  it('say nothing otherwise that the head has said, and nothing that Connection names', async () => {
    const { port, seen } = await gateway()
    const more = 'Connection: close, x-named\r\nX-Key: mine\r\nX-Tenant: a\r\n'
    const lines = 'x-key: other\r\nX_Tenant: b\r\nX-Named: 1\r\nx_named: 1\r\nX-Sum: 1\r\n'
    await exchange(port, `${head(more)}${chunk}0\r\n${lines}\r\n`)
    await post(port, [['x-key', 'other'], ['x_key', 'other'], ...sum], 'abc', ['x-key', 'mine'])
    expect(seen.map(({ head: { 'x-key': key }, trailers }) => [key, trailers])).toEqual([
      ['mine', ['X-Sum', '1']],
      ['mine', sumSeen],
    ])
  })

  it('have no field that the route or a policy takes out of heads, also when they come before it is decided on', async () => {
    const filters = [{ type: 'requestHeaders', set: {}, add: {}, remove: ['x-internal', 'x_secret'] }] as const
    const routes = [route('web/0', 'web', '/', { filters })]
    const edit = new CompiledEdit([Buffer.from('x-user')], Buffer.from('X-User: ann\r\n'))
    const decided = new EventEmitter()
    const plane = policies(edit, once(decided, 'decided'))
    const { port, seen } = await gateway({ routes }, plane)
    const lines = 'X-User: root\r\nx_user: root\r\nX-Internal: 1\r\nx_secret: 1\r\nX-Sum: 1\r\n'
    const early = [new Client(port), new Client(port)] as const
    early[0].send(`${head(closing)}${chunk}0\r\n${lines}\r\n`)
    early[1].send(`${head(closing)}0\r\n${lines}\r\n`)
    const framed = new FrameClient(port)
    framed.request(1, requestFields('POST', '/'), false)
    framed.headers(1, [['x-user', 'root'], ['x-internal', '1'], ...sum])
    await framed.ping()
    const late = new Client(port)
    late.send(`${head(closing)}${chunk}`)
    await eventually(() => late.socket.bytesWritten > 0)
    decided.emit('decided')
    for (const client of early) expect(await client.ended()).toMatch(/^HTTP\/1\.1 200 /)
    await framed.response(1)
    late.send(`0\r\n${lines}\r\n`)
    expect(await late.ended()).toMatch(/^HTTP\/1\.1 200 /)
    expect(seen).toHaveLength(4)
    for (const { head: received, trailers } of seen) {
      expect(received['x-user']).toBe('ann')
      expect(trailers.join().toLowerCase()).toMatch(/^x-sum,1(,x-more,)?$/)
    }
    expect(seen.map(({ body }) => body).toSorted()).toEqual(['', '', 'abc', 'abc'])
  })

  it.each([
    ['too many', 'x: 1\r\n'.repeat(101)],
    ['too large', `x: ${'a'.repeat(8 * 1024)}\r\n`],
    ['without a colon', 'x\r\n'],
    ['folded', 'x: 1\r\n y: 2\r\n'],
    ['with a bare line feed', 'x: 1\ny: 2\r\n'],
    ['with a space in a name', 'GET /smuggled HTTP/1.1: 1\r\n'],
  ])('that are %s cost the client its connection, and the service sees no end of the request', async (_name, lines) => {
    const { port, seen } = await gateway()
    const client = new Client(port)
    client.send(`${head()}${chunk}0\r\n${lines}\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`)
    expect(await client.ended()).toMatch(/^HTTP\/1\.1 400 [^]*"reason":"bad_request"/)
    expect(client.received.split('HTTP/1.1 ')).toHaveLength(2)
    expect(seen).toEqual([])
  })

  it('as many and as large as may be come through', async () => {
    const { port, seen } = await gateway()
    await exchange(port, `${head(closing)}0\r\n${'x: 1\r\n'.repeat(100)}\r\n`)
    await exchange(port, `${head(closing)}0\r\nx: ${'a'.repeat(8 * 1024 - 20)}\r\n\r\n`)
    expect(seen.map(({ trailers }) => trailers.length)).toEqual([200, 2])
  })

  it('of a request that no service gets hurt nobody', async () => {
    const { port, seen } = await gateway({ routes: [route('web/0', 'web', '/elsewhere')] })
    const client = new Client(port)
    client.send(`${head()}${chunk}${behind}${head(closing)}0\r\nContent-Length: 9\r\n\r\n`)
    expect(await client.ended()).toMatch(/^HTTP\/1\.1 404 [^]*HTTP\/1\.1 404 /)
    expect(await post(port, sum)).toBe(':status: 404')
    expect(seen).toEqual([])
  })
})
