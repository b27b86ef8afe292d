import { execFile } from 'node:child_process'
import { once } from 'node:events'
import {
  connect as connectHttp2,
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import { Client, Server, type ServerDuplexStream, ServerCredentials, credentials, Metadata } from '@grpc/grpc-js'
import type { Listener } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { WebSocketServer } from 'ws'
import { code } from '../../packages/gateway/src/http2/error-codes.js'
import * as frame from '../../packages/gateway/src/http2/frame-types.js'
import { findBrowser, openBrowser } from '../support/browser.js'
import { CertificateFolder } from '../support/certificates.js'
import { ask, FrameClient, frameOf, requestFields, sectionOf, session } from './http2-client.js'
import { answering, cleanUp, endpoint, eventually, exchange, httpServer, ok, rawServer, serve } from './plane.js'

const run = promisify(execFile)

/** Whether a program is there; tests of real clients are left out where theirs is not. */
async function has(program: string, ...version: string[]): Promise<boolean> {
  try {
    await run(program, version)
    return true
  } catch {
    return false
  }
}

function noop(): void {}

function same(bytes: Buffer): Buffer {
  return bytes
}

/** A method of gRPC whose messages are bytes as they are. */
function methodOf(path: string, requestStream: boolean, responseStream: boolean) {
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  }
}

/** A masked text frame of RFC 6455 whose mask is zero. */
function messageOf(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)])
}

/** A gateway before a service that sends WebSocket messages back. */
async function webSockets() {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'chat' })
  cleanUp(() => server.close())
  await once(server, 'listening')
  server.on('connection', (socket) => {
    socket.on('message', (data: Buffer, isBinary) => socket.send(data, { binary: isBinary }))
  })
  return serve({ endpoints: [endpoint('web', (server.address() as AddressInfo).port)] })
}

/** A gateway that encrypts. */
async function encrypted(handler: Parameters<typeof httpServer>[0]) {
  const folder = await CertificateFolder.make()
  cleanUp(() => folder.remove())
  const certificates = [await folder.put('shop', ['localhost', '127.0.0.1'])]
  const tls = { certificates, minVersion: '1.2', clientAuth: null, alpn: ['h2', 'http/1.1'] } as const
  const listener: Listener = { kind: 'edge', name: 'tls', address: { host: '127.0.0.1', port: 0 }, tls }
  const service = await httpServer(handler)
  const { port } = await serve({ endpoints: [endpoint('web', service.port)], listeners: [listener] })
  return { port, ca: folder.authority.cert }
}

function urlOf(port: number): string {
  return `http://127.0.0.1:${port}/`
}

/** A gateway before a service that sends bodies back. */
async function mirror() {
  const { port } = await httpServer((request, response) => void request.pipe(response))
  return serve({ endpoints: [endpoint('web', port)] })
}

describe('a drain', () => {
  it('says GOAWAY twice, serves what is on its way, and ends with the last stream (RFC 9113 section 6.8)', async () => {
    let finish = noop
    const { port: service } = await rawServer(
      answering((head, socket) => {
        if (!head.includes('/slow')) return ok
        finish = () => void socket.write(ok)
        return ''
      }),
    )
    const { plane, port } = await serve({ endpoints: [endpoint('web', service)] })
    const client = new FrameClient(port)
    client.request(1, requestFields('GET', '/slow'))
    await client.ping()
    const closed = plane.close(10_000)
    await client.goaway()
    // The first GOAWAY names no stream: this one was on its way.
    client.request(3, requestFields('GET', '/'))
    expect((await client.response(3)).fields[0]).toBe(':status: 200')
    const second = await client.find(({ type, payload }) => type === 7 && payload.readUInt32BE(0) !== frame.maxWindow)
    expect(second?.payload.readUInt32BE(0)).toBe(3)
    client.request(5, requestFields('GET', '/'))
    expect(await client.reset(5)).toBe(code.refusedStream)
    finish()
    expect((await client.response(1)).fields[0]).toBe(':status: 200')
    await client.find(() => false)
    expect(client.hasEnded).toBe(true)
    client.socket.end()
    await closed
  })

  it('ends a connection without a request, whose client goes elsewhere', async () => {
    const { plane, port } = await serve({ endpoints: [] })
    const client = session(port)
    await once(client, 'remoteSettings')
    const ended = once(client, 'close')
    await plane.close(5_000)
    await ended
    expect(plane.connections).toBe(0)
  })

  it('answers a client that has ended its sending, where its request is whole', async () => {
    const service = await rawServer(answering((head) => (head.includes('/whole') ? ok : '')))
    const { port } = await serve({ endpoints: [endpoint('web', service.port)] })
    const client = new FrameClient(port)
    client.request(1, requestFields('POST', '/half'), false)
    client.request(3, requestFields('GET', '/whole'))
    client.socket.end()
    expect((await client.response(3)).body).toBe('ok')
    await client.find(() => false)
    expect(client.sections.map(({ stream }) => stream)).toEqual([3])
  })

  it('lets a client that says GOAWAY have its answers, and ends', async () => {
    const { port: service } = await rawServer(answering(() => ok))
    const { port } = await serve({ endpoints: [endpoint('web', service)] })
    const client = new FrameClient(port)
    client.request(1, requestFields('GET', '/'))
    client.send(frameOf(frame.goawayFrame, 0, 0, '0000000000000000'))
    expect((await client.response(1)).body).toBe('ok')
    await client.find(() => false)
    expect(client.hasEnded).toBe(true)
  })
})

/** A gateway before that service of `protocol: h2c`. */
async function serveH2c(server: Http2Server) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanUp(() => server.close())
  return serve({
    endpoints: [endpoint('web', (server.address() as AddressInfo).port)],
    services: [{ name: 'web', protocol: 'h2c', balancer: 'round_robin' }],
  })
}

describe('services that speak HTTP/2 too', () => {
  it('get the request and give trailers', async () => {
    const server = createHttp2Server()
    server.on('stream', (stream: ServerHttp2Stream, headers) => {
      stream.respond({ ':status': 200, 'x-path': headers[':path'] }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '42' }))
      stream.end('body')
    })
    const { port } = await serveH2c(server)
    const { head, body, trailers } = await ask(session(port), { ':path': '/a' })
    expect(head).toMatchObject({ ':status': 200, 'x-path': '/a' })
    expect(body.toString()).toBe('body')
    expect(trailers).toMatchObject({ 'x-sum': '42' })
  })

  it('are asked an ordinary request by who wants a WebSocket, and open none', async () => {
    const seen: unknown[] = []
    const server = createHttp2Server((request, response) => {
      seen.push([request.method, request.headers['upgrade']])
      response.end('an ordinary answer')
    })
    const { port } = await serveH2c(server)
    const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
    const upgrade = `Connection: close, Upgrade\r\nUpgrade: websocket\r\n${key}`
    const answer = await exchange(port, `GET / HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1\.1 200 [^]*an ordinary answer/)
    expect(answer).not.toMatch(/upgrade/i)
    const client = new FrameClient(port)
    client.request(1, requestFields('CONNECT', '/', [':protocol', 'websocket'], ['sec-websocket-version', '13']), false)
    await client.find(({ stream }) => stream === 1)
    expect(client.sections[0]?.fields[0]).toBe(':status: 502')
    expect(seen).toEqual([
      ['GET', undefined],
      ['GET', undefined],
    ])
  })

  it('carry calls of gRPC: unary, both streams, errors, metadata behind them', async () => {
    const server = new Server()
    server.addService(
      {
        echo: methodOf('/test.Echo/Echo', false, false),
        chat: methodOf('/test.Echo/Chat', true, true),
        fail: methodOf('/test.Echo/Fail', false, false),
      },
      {
        echo: (call: { request: Buffer }, done: (error: null, value: Buffer) => void) => done(null, call.request),
        fail: (_call: unknown, done: (error: object) => void) => {
          const metadata = new Metadata()
          metadata.set('x-why', 'because')
          done({ code: 9, details: 'not now', metadata })
        },
        chat: (call: ServerDuplexStream<Buffer, Buffer>) => {
          call.on('data', (message: Buffer) => call.write(Buffer.from(`${message.toString()}!`)))
          call.on('end', () => call.end())
        },
      },
    )
    const upstream = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      )
    })
    cleanUp(() => server.forceShutdown())
    const { port } = await serve({
      endpoints: [endpoint('web', upstream)],
      services: [{ name: 'web', protocol: 'grpc', balancer: 'round_robin' }],
    })
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
    cleanUp(() => client.close())
    const call = (path: string, message: Buffer): Promise<Buffer> =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(path, same, same, message, (error, value) =>
          error === null ? resolve(value ?? Buffer.alloc(0)) : reject(error),
        )
      })
    expect((await call('/test.Echo/Echo', Buffer.alloc(100_000, 'a'))).length).toBe(100_000)
    await expect(call('/test.Echo/Fail', Buffer.from('x'))).rejects.toMatchObject({ code: 9, details: 'not now' })
    await expect(call('/test.Echo/None', Buffer.from('x'))).rejects.toMatchObject({ code: 12 })
    const chat = client.makeBidiStreamRequest('/test.Echo/Chat', same, same)
    const received: string[] = []
    chat.on('data', (message: Buffer) => {
      received.push(message.toString())
      if (received.length < 5) chat.write(Buffer.from(`message ${received.length}`))
      else chat.end()
    })
    chat.write(Buffer.from('message 0'))
    await once(chat, 'end')
    expect(received).toEqual([0, 1, 2, 3, 4].map((index) => `message ${index}!`))
  })
})

describe('WebSockets by extended CONNECT (RFC 8441)', () => {
  const fields = requestFields(
    'CONNECT',
    '/chat',
    ...([
      ['sec-websocket-version', '13'],
      ['sec-websocket-protocol', 'chat'],
    ] as const),
  )
  const connectFields = [[':protocol', 'websocket'], ...fields] as const
  it('are carried to a service that knows the upgrade of HTTP/1.1', async () => {
    const { plane, port } = await webSockets()
    const client = new FrameClient(port)
    expect((await client.find(({ type, flags }) => type === 4 && flags === 0))?.payload.toString('hex')).toContain(
      '000800000001',
    )
    client.request(1, connectFields, false)
    // Before the answer: what comes early waits.
    client.data(1, messageOf('early'))
    await client.find(({ stream }) => stream === 1)
    expect(client.sections[0]?.fields[0]).toBe(':status: 200')
    expect(client.sections[0]?.fields).toContain('sec-websocket-protocol: chat')
    expect(client.sections[0]?.fields.join()).not.toContain('upgrade')
    client.data(1, messageOf('late'))
    await eventually(() => client.body(1).length === 2 + 5 + 2 + 4)
    expect(client.body(1).toString('latin1')).toBe('\u0081\u0005early\u0081\u0004late')
    expect([...plane.inFlight().values()]).toEqual([1])
    // A close frame with its code; the service answers with its own and ends.
    client.data(1, Buffer.from('8882 00000000 03e8'.replaceAll(' ', ''), 'hex'))
    await client.find(({ stream, flags, type }) => stream === 1 && type === 0 && (flags & 1) === 1)
    client.data(1, '', true)
    await eventually(() => plane.inFlight().size === 0)
    expect(await client.ping()).toBe(true)
  })

  it('end at the service when the client resets the stream', async () => {
    const { plane, port } = await webSockets()
    const client = new FrameClient(port)
    client.request(1, connectFields, false)
    await client.find(({ stream }) => stream === 1)
    client.send(frameOf(frame.resetFrame, 0, 1, '00000008'))
    await eventually(() => plane.inFlight().size === 0)
    expect(await client.ping()).toBe(true)
  })

  it('are answered as the service answers when it wants none', async () => {
    const { port: service } = await rawServer(answering(() => 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno'))
    const { port } = await serve({ endpoints: [endpoint('web', service)] })
    const client = new FrameClient(port)
    client.request(1, connectFields, false)
    const { fields: answer, body } = await client.response(1)
    expect([answer[0], body]).toEqual([':status: 403', 'no'])
    expect(await client.reset(1)).toBe(code.noError)
  })

  it('are not taken for open when the service answers as if it had been an ordinary request', async () => {
    const { port: service } = await rawServer(answering(() => ok))
    const { port } = await serve({ endpoints: [endpoint('web', service)] })
    const client = new FrameClient(port)
    client.request(1, connectFields, false)
    expect((await client.response(1)).fields[0]).toBe(':status: 502')
  })

  it('are reset when what the service accepts is another key', async () => {
    const { port: service } = await rawServer(
      answering(
        () =>
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: no\r\n\r\n',
      ),
    )
    const { port } = await serve({ endpoints: [endpoint('web', service)] })
    const client = new FrameClient(port)
    client.request(1, connectFields, false)
    expect(await client.reset(1)).toBe(code.cancel)
    expect(client.sections).toEqual([])
  })

  it('are not the only protocol that can be asked for, but the only one that is served', async () => {
    const { port } = await webSockets()
    const client = new FrameClient(port)
    client.request(1, [[':protocol', 'connect-udp'], ...fields], false)
    expect((await client.response(1)).fields[0]).toBe(':status: 501')
  })
})

describe('over TLS', () => {
  it('is spoken with clients that choose it, and its requests say so', async () => {
    const { port, ca } = await encrypted((request, response) => response.end(request.headers['x-forwarded-proto']))
    const client = connectHttp2(`https://localhost:${port}`, { ca })
    cleanUp(() => client.destroy())
    const { body } = await ask(client, { ':path': '/' })
    expect(body.toString()).toBe('https')
  })

  it('carries large bodies both ways', async () => {
    const { port, ca } = await encrypted((request, response) => void request.pipe(response))
    const client = connectHttp2(`https://localhost:${port}`, { ca })
    cleanUp(() => client.destroy())
    const bytes = Buffer.alloc(3_000_000, 'abcdefg')
    const answers = await Promise.all([1, 2, 3].map(() => ask(client, { ':path': '/', ':method': 'POST' }, bytes)))
    for (const { body } of answers) expect(body.equals(bytes)).toBe(true)
  })

  it('is not taken by prior knowledge from clients that chose HTTP/1.1', async () => {
    const { port, ca } = await encrypted((_, response) => response.end('ok'))
    const socket = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca, ALPNProtocols: ['http/1.1'] })
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
    socket.write(Buffer.from(frame.preface))
    await once(socket, 'close')
    expect(text).toMatch(/^HTTP\/1\.1 505 /)
  })

  const browserPath = findBrowser()
  it.skipIf(browserPath === null)('is what a browser speaks', async () => {
    const { port } = await encrypted((request, response) => {
      response.setHeader('content-type', 'text/html')
      response.end(`<p>${request.url}</p>`)
    })
    const { browser, close } = await openBrowser(browserPath as string)
    cleanUp(close)
    const page = await browser.newPage({ ignoreHTTPSErrors: true })
    await page.goto(`https://localhost:${port}/page`)
    const seen = await page.evaluate(async () => {
      const texts = await Promise.all(Array.from({ length: 30 }, async (_, index) => (await fetch(`/${index}`)).text()))
      const entries = performance.getEntries() as unknown as { nextHopProtocol?: string }[]
      return { texts, protocols: [...new Set(entries.flatMap(({ nextHopProtocol }) => nextHopProtocol ?? []))] }
    })
    expect(seen.texts).toEqual(Array.from({ length: 30 }, (_, index) => `<p>/${index}</p>`))
    expect(seen.protocols.filter((protocol) => protocol !== '')).toEqual(['h2'])
  })
})

describe('clients of others', () => {
  it('curl', async (context) => {
    context.skip(!(await has('curl', '--version')), 'curl is not installed')
    const { port } = await mirror()
    const format = ' %{http_version} %{http_code}'
    const { stdout } = await run('curl', ['-s', '--http2-prior-knowledge', '-w', format, '-d', 'hello', urlOf(port)])
    expect(stdout).toBe('hello 2 200')
  })

  it('nghttp, with padding and priorities', async (context) => {
    context.skip(!(await has('nghttp', '--version')), 'nghttp is not installed')
    const { port } = await mirror()
    const { stdout } = await run('nghttp', ['-b', '100', '-n', '-s', '-m', '20', urlOf(port)])
    expect(stdout.match(/ 200 /g)?.length).toBe(20)
  })

  it('h2load, many streams on few connections', async (context) => {
    context.skip(!(await has('h2load', '--version')), 'h2load is not installed')
    const { port } = await mirror()
    const { stdout } = await run('h2load', ['-n', '2000', '-c', '4', '-m', '50', urlOf(port)])
    expect(stdout).toContain('2000 succeeded, 0 failed, 0 errored')
  })
})

// Sections are written by hand above; this one keeps them honest.
it('sections by hand are what they say', () => {
  expect(sectionOf([['a', 'b']]).toString('hex')).toBe('0001610162')
})
