import { execFile } from 'node:child_process'
import { type IncomingMessage, request as ask1, type RequestListener, type RequestOptions } from 'node:http'
import { createServer, type OutgoingHttpHeaders } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import type { RouteSpec } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { code } from '../../packages/gateway/src/http2/error-codes.js'
import { ask, FrameClient, requestFields, session } from './http2-client.js'
import { answering, cleanUp, Client, endpoint, exchange, httpServer, rawServer, route, serve } from './plane.js'

const run = promisify(execFile)
const hasCurl = await run('curl', ['--version']).then(
  () => true,
  () => false,
)

async function serveWith(port: number, extra: Partial<RouteSpec> = {}, protocol: 'http' | 'h2c' = 'http') {
  return serve({
    endpoints: [endpoint('web', port)],
    routes: [route('web/0', 'web', '/', extra)],
    services: [{ name: 'web', protocol, balancer: 'round_robin' }],
  })
}

/** A service of node:http that sums its answers up behind them. */
const summing: RequestListener = (_, response) => {
  response.setHeader('Trailer', 'X-Sum, Content-Length')
  response.write('abc')
  response.addTrailers({ 'X-Sum': '42', 'Server-Timing': 'db;dur=1' })
  response.end()
}

/** A service that answers every request with these bytes. */
async function answers(text: string, size = text.length): Promise<number> {
  const service = await rawServer((socket) => {
    answering(() => {
      for (let at = 0; at < text.length; at += size) {
        setImmediate(() => socket.write(Buffer.from(text.slice(at, at + size), 'latin1')))
      }
      return ''
    })(socket)
    socket.setNoDelay(true)
  })
  return service.port
}

const chunked = (trailers: string, more = ''): string =>
  `HTTP/1.1 200 OK\r\n${more}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n${trailers}\r\n`
const get = (more = ''): string => `GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${more}\r\n`
const taking = 'TE: trailers\r\n'
const bodyOf = (answer: string): string => answer.slice(answer.indexOf('\r\n\r\n') + 4)

/** A service that speaks HTTP/2 and ends its answer to each request with these. */
async function framedAnswers(trailers: OutgoingHttpHeaders, head: OutgoingHttpHeaders = {}): Promise<number> {
  const server = createServer()
  server.on('stream', (stream) => {
    stream.respond({ ':status': 200, ...head }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers(trailers))
    stream.end('abc')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUp(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** By node:http, which understands trailers. */
function fetch1(options: RequestOptions): Promise<{ answer: IncomingMessage; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const request = ask1({ host: '127.0.0.1', agent: false, ...options }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () => resolve({ answer, body: Buffer.concat(chunks) }))
      answer.on('error', reject)
    })
    request.on('error', reject).end()
  })
}

describe('trailers of an answer in chunks', () => {
  it('reach a client of HTTP/2', async () => {
    const { port } = await serveWith((await httpServer(summing)).port)
    const { head, body, trailers } = await ask(session(port), { ':path': '/' })
    expect([head[':status'], head.trailer, body.toString()]).toEqual([200, 'X-Sum', 'abc'])
    expect(trailers).toMatchObject({ 'x-sum': '42', 'server-timing': 'db;dur=1' })
  })

  it('reach a client of HTTP/1.1 that says that it takes them, and go to no other', async () => {
    const { port } = await serveWith((await httpServer(summing)).port)
    const taken = await fetch1({ port, headers: { te: 'gzip;q=0.5, Trailers' } })
    expect([taken.body.toString(), taken.answer.headers.trailer]).toEqual(['abc', 'X-Sum'])
    expect(taken.answer.rawTrailers).toEqual(['X-Sum', '42', 'Server-Timing', 'db;dur=1'])
    for (const headers of [{}, { te: 'trailers;q=0.5' }, { te: 'xtrailers' }]) {
      const left = await fetch1({ port, headers })
      expect([left.body.toString(), left.answer.headers.trailer]).toEqual(['abc', undefined])
      expect(left.answer.rawTrailers).toEqual([])
    }
    // HTTP/1.0 knows no chunks, whatever it says of them.
    const old = await exchange(port, `GET / HTTP/1.0\r\nHost: a\r\n${taking}\r\n`)
    expect([bodyOf(old), old.includes('Trailer:')]).toEqual(['abc', false])
  })

  it.skipIf(!hasCurl)('are shown by curl, over both', async () => {
    const { port } = await serveWith((await httpServer(summing)).port)
    for (const how of [['--http1.1', '-H', 'TE: trailers'], ['--http2-prior-knowledge']]) {
      const { stdout } = await run('curl', ['-sS', '-D', '-', ...how, `http://127.0.0.1:${port}/`])
      expect(stdout.toLowerCase()).toContain('x-sum: 42\r\n')
    }
  })

  it('leave the connections as fit for the next request as they were', async () => {
    let asked = 0
    const service = await rawServer(answering(() => chunked(`X-Sum: ${++asked}\r\n`)))
    const { port } = await serveWith(service.port)
    const client = new Client(port)
    for (const sum of [1, 2, 3]) {
      client.send(`GET / HTTP/1.1\r\nHost: a\r\n${taking}\r\n`)
      await client.until((text) => text.endsWith(`3\r\nabc\r\n0\r\nX-Sum: ${sum}\r\n\r\n`))
    }
    expect(service.sockets).toHaveLength(1)
  })

  it('are the same wherever they are cut, and have one form', async () => {
    const text = chunked('X-Sum:\t 42 \t\r\nx-empty: \t\r\nX-Odd:\xe4 "b"\r\n')
    for (const size of [1, 2, 3, 5, text.length]) {
      const { port } = await serveWith(await answers(text, size))
      expect(bodyOf(await exchange(port, get(taking)))).toMatch(
        /\r\n0\r\nX-Sum: 42\r\nx-empty: \r\nX-Odd: \xe4 "b"\r\n\r\n$/,
      )
      const { trailers } = await ask(session(port), { ':path': '/' })
      expect(trailers).toMatchObject({ 'x-sum': '42', 'x-empty': '' })
    }
  })

  it('say nothing of the connection, of who may, and of how the answer is to be read', async () => {
    const misplaced = [
      'Content-Length: 7',
      'Transfer-Encoding: chunked',
      'transfer_encoding: chunked',
      'Connection: close',
      'Keep-Alive: timeout=1',
      'Upgrade: h2c',
      'Trailer: X',
      'TE: trailers',
      'Set-Cookie: a=b',
      'WWW-Authenticate: Basic',
      'Content-Type: text/html',
      'Content-Encoding: gzip',
      'Location: /',
      'Cache-Control: no-store',
      'Date: now',
      'Vary: *',
      'Access-Control-Allow-Origin: *',
      'X-Forwarded-For: 1',
      'X-Named: 1',
      'X-Internal: 1',
      'x_internal: 1',
      'x_secret: 1',
      'X-Secret: 1',
    ]
    const lines = `${misplaced.join('\r\n')}\r\n`
    const head = 'Connection: X-Named\r\nTrailer: X-Named, X-Internal, x_secret, X-Kept, Vary, a b, \r\n'
    const filters = [{ type: 'responseHeaders', set: {}, add: {}, remove: ['x-internal', 'x_secret'] }] as const
    const { port } = await serveWith(await answers(chunked(`${lines}X-Kept: 1\r\n`, head)), { filters })
    const answer = await exchange(port, get(taking))
    expect(bodyOf(answer)).toMatch(/^0*3\r\nabc\r\n0\r\nX-Kept: 1\r\n\r\n$/)
    expect(answer).toContain('\r\nTrailer: X-Kept\r\n')
    const client = new FrameClient(port)
    client.request(1, requestFields('GET', '/'))
    expect((await client.response(1)).trailers).toEqual(['x-kept: 1'])
    const none = await serveWith(await answers(chunked(lines, head)), { filters })
    expect(bodyOf(await exchange(none.port, get(taking)))).toMatch(/^0*3\r\nabc\r\n0\r\n\r\n$/)
    const other = new FrameClient(none.port)
    other.request(1, requestFields('GET', '/'))
    expect(await other.response(1)).toMatchObject({ body: 'abc', trailers: [] })
  })

  it.each([
    ['too many', 'x: 1\r\n'.repeat(101)],
    ['too large', `x: ${'a'.repeat(8 * 1024)}\r\n`],
    ['no trailers', 'x 1\r\n'],
  ])('that are %s break the answer off', async (_name, trailers) => {
    const { port } = await serveWith(await answers(chunked(trailers)))
    const client = new Client(port)
    client.send(get(taking))
    expect(await client.ended()).toMatch(/\r\n0*3\r\nabc\r\n$/)
    const framed = new FrameClient(port)
    framed.request(1, requestFields('GET', '/'))
    expect(await framed.reset(1)).toBe(code.internalError)
  })

  it.each([
    ['at once', 1_000],
    ['by and by', 100_000],
  ])('go along with a body that is compressed %s, but for what they say of its bytes', async (_name, times) => {
    const text = 'abc'.repeat(times)
    const service = await httpServer((_, response) => {
      response.setHeader('Content-Type', 'text/plain').setHeader('Trailer', 'X-Sum, Content-Digest')
      response.write(text)
      response.addTrailers({ 'X-Sum': '42', 'Content-Digest': 'sha-256=:YQ==:', 'Repr-Digest': 'x', ETag: '"a"' })
      response.end()
    })
    const compress = { codings: ['gzip' as const], types: ['text/*'], minBytes: 100 }
    const { port } = await serveWith(service.port, { compress })
    const headers = { te: 'trailers', 'accept-encoding': 'gzip' }
    const { answer, body } = await fetch1({ port, headers })
    expect([answer.headers['content-encoding'], answer.headers.trailer]).toEqual(['gzip', 'X-Sum'])
    expect(gunzipSync(body).toString()).toBe(text)
    expect(answer.rawTrailers).toEqual(['X-Sum', '42'])
    const framed = await ask(session(port), { ':path': '/', 'accept-encoding': 'gzip' })
    expect(gunzipSync(framed.body).toString()).toBe(text)
    expect(framed.trailers).toMatchObject({ 'x-sum': '42' })
    expect(framed.trailers['content-digest']).toBe(undefined)
    const plain = await fetch1({ port, headers: { te: 'trailers' } })
    expect(plain.answer.trailers).toMatchObject({ 'content-digest': 'sha-256=:YQ==:', etag: '"a"' })
  })

  it('are not kept with the answer in a cache', async () => {
    let asked = 0
    const service = await httpServer((request, response) => {
      asked++
      response.setHeader('Cache-Control', 'max-age=60')
      summing(request, response)
    })
    const { port } = await serveWith(service.port, { cache: { maxBytes: 1_048_576, maxEntryBytes: 65_536 } })
    const first = await fetch1({ port, headers: { te: 'trailers' } })
    expect([first.body.toString(), first.answer.trailers['x-sum']]).toEqual(['abc', '42'])
    const second = await fetch1({ port, headers: { te: 'trailers' } })
    expect([second.body.toString(), second.answer.rawTrailers]).toEqual(['abc', []])
    expect([second.answer.headers['content-length'], second.answer.headers.trailer]).toEqual(['3', undefined])
    const framed = await ask(session(port), { ':path': '/' })
    expect([framed.body.toString(), framed.trailers['x-sum']]).toEqual(['abc', undefined])
    expect(asked).toBe(1)
  })
})

it('the status of a call in trailers of HTTP/1.1 is what the call is counted by', async () => {
  const grpc = 'Content-Type: application/grpc\r\n'
  const { port, plane } = await serveWith(await answers(chunked('grpc-status: 5\r\ngrpc-message: none\r\n', grpc)))
  const call = { ':path': '/a.B/C', ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' }
  const { trailers } = await ask(session(port), call, '')
  expect(trailers).toMatchObject({ 'grpc-status': '5', 'grpc-message': 'none' })
  const calls = plane.metrics().families.find(({ name }) => name === 'pando_gateway_grpc_calls_total')?.series ?? []
  expect(calls.filter(({ values }) => values[0] === 1).map(({ labels }) => labels['grpc_status'])).toEqual([
    'NOT_FOUND',
  ])
})

describe('trailers of an answer of HTTP/2', () => {
  it('reach a client of HTTP/1.1 that takes them, where the length was not told', async () => {
    const { port } = await serveWith(await framedAnswers({ 'x-sum': '42', 'set-cookie': 'a=b' }), {}, 'h2c')
    expect(bodyOf(await exchange(port, get(taking)))).toMatch(/\r\nabc\r\n0\r\nx-sum: 42\r\n\r\n$/)
    expect(bodyOf(await exchange(port, get()))).toMatch(/\r\nabc\r\n0\r\n\r\n$/)
    const { trailers } = await ask(session(port), { ':path': '/' })
    expect([trailers['x-sum'], trailers['set-cookie']]).toEqual(['42', undefined])
  })

  it('go along with a body that is compressed on the way, but for what they say of its bytes', async () => {
    const trailers = { 'x-sum': '42', 'content-digest': 'x', etag: '"a"' }
    const service = await framedAnswers(trailers, { 'content-type': 'text/plain' })
    const compress = { codings: ['gzip' as const], types: ['text/*'], minBytes: 1 }
    const { port } = await serveWith(service, { compress }, 'h2c')
    const { answer, body } = await fetch1({ port, headers: { te: 'trailers', 'accept-encoding': 'gzip' } })
    expect([gunzipSync(body).toString(), answer.rawTrailers]).toEqual(['abc', ['x-sum', '42']])
    const framed = await ask(session(port), { ':path': '/', 'accept-encoding': 'gzip' })
    expect([gunzipSync(framed.body).toString(), framed.trailers['x-sum']]).toEqual(['abc', '42'])
    expect([framed.trailers['content-digest'], framed.trailers['etag']]).toEqual([undefined, undefined])
  })

  it('have no place behind a body whose length was told, on HTTP/1.1', async () => {
    const service = await framedAnswers({ 'x-sum': '42' }, { 'content-length': 3, trailer: 'x-sum' })
    const { port } = await serveWith(service, {}, 'h2c')
    const answer = await exchange(port, get(taking))
    expect(bodyOf(answer)).toBe('abc')
    expect(answer).not.toMatch(/trailer/i)
    const { head, trailers } = await ask(session(port), { ':path': '/' })
    expect([head.trailer, head['content-length'], trailers['x-sum']]).toEqual(['x-sum', '3', '42'])
  })
})

/** A service that speaks HTTP/2, and what it is told of trailers. */
async function framedService(heads: string[]): Promise<number> {
  const server = createServer((asked, response) => {
    heads.push(String(asked.headers.te))
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUp(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** What a service is told of trailers: by the request, by one of HTTP/2 that says that it takes them, and by one that does not. */
async function told(request: string, protocol: 'http' | 'h2c' = 'http'): Promise<string> {
  const heads: string[] = []
  const service =
    protocol === 'http'
      ? (await httpServer((asked, response) => void (heads.push(String(asked.headers.te)), response.end()))).port
      : await framedService(heads)
  const { port } = await serveWith(service, {}, protocol)
  await exchange(port, request)
  await ask(session(port), { ':path': '/', te: 'trailers' })
  await ask(session(port), { ':path': '/' })
  return heads.join(' ')
}

describe('that trailers are taken', () => {
  it('is said to a service where its client has said so, and what comes would go on', async () => {
    expect(await told(get(taking))).toBe('trailers trailers undefined')
    expect(await told(get('TE: trailers, chunked\r\n'))).toBe('trailers trailers undefined')
    expect(await told(get('TE: gzip\r\n'))).toBe('undefined trailers undefined')
    expect(await told(get().replace('GET', 'HEAD').replace('\r\n\r\n', `\r\n${taking}\r\n`))).toMatch(/^undefined /)
    expect(await told(`GET / HTTP/1.0\r\nHost: a\r\n${taking}\r\n`)).toMatch(/^undefined /)
  })

  it('is always said to one of HTTP/2 for a client of HTTP/2, which gets them unasked', async () => {
    expect(await told(get(), 'h2c')).toBe('undefined trailers trailers')
    expect(await told(get(taking), 'h2c')).toBe('trailers trailers trailers')
  })
})
