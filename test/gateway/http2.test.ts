import { constants } from 'node:http2'
import { describe, expect, it } from 'vitest'
import { ask, FrameClient, frameOf, requestFields, session } from './http2-client.js'
import { answering, endpoint, eventually, httpServer, ok, rawServer, serve } from './plane.js'

/** A gateway before a server of node:http that answers with what it was asked. */
async function echo(): Promise<{ port: number }> {
  const { port } = await httpServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method, url, headers } = request
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() }))
    })
  })
  return serve({ endpoints: [endpoint('web', port)] })
}

describe('HTTP/2 with prior knowledge', () => {
  it('carries a request to an HTTP/1.1 service and its answer back', async () => {
    const { port } = await echo()
    const { head, body } = await ask(session(port), {
      ':path': '/users?id=1',
      'x-one': 'two',
      cookie: ['a=1', 'b=2'],
      te: 'trailers',
    })
    expect(head).toMatchObject({ ':status': 200, 'content-type': 'application/json' })
    expect(head.connection).toBe(undefined)
    expect(head['keep-alive']).toBe(undefined)
    const seen = JSON.parse(body.toString()) as { headers: Record<string, string> }
    expect(seen).toMatchObject({ method: 'GET', url: '/users?id=1' })
    expect(seen.headers).toMatchObject({
      host: `127.0.0.1:${port}`,
      'x-one': 'two',
      cookie: 'a=1; b=2',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
    })
    expect(seen.headers.te).toBe('trailers')
    expect(seen.headers['transfer-encoding']).toBe(undefined)
  })

  it.each([
    ['of a length that is told', { 'content-length': 100_000 }, 'content-length', '100000'],
    ['of a length that is not told', {}, 'transfer-encoding', 'chunked'],
  ])('carries a body %s', async (_name, headers, name, value) => {
    const { port } = await echo()
    const text = 'x'.repeat(100_000)
    const { body } = await ask(session(port), { ':path': '/', ':method': 'POST', ...headers }, text)
    const seen = JSON.parse(body.toString()) as { headers: Record<string, string>; body: string }
    expect(seen.headers[name]).toBe(value)
    expect(seen.body === text).toBe(true)
  })

  it('puts small pieces of a body together, which come in one read, in their order', async () => {
    const bodies: Buffer[] = []
    const { port: service } = await rawServer((socket) => {
      socket.on('data', (chunk: Buffer) => {
        bodies.push(chunk)
        if (chunk.toString('latin1').includes('\r\n\r\n')) return
        if (Buffer.concat(bodies.slice(1)).length === 3_010) socket.write(ok)
      })
    })
    const { port } = await serve({ endpoints: [endpoint('web', service)] })
    const client = new FrameClient(port)
    client.request(1, requestFields('POST', '/', ['content-length', '3010']), false)
    await eventually(() => bodies.length === 1)
    const pieces = Array.from('0123456789', (digit) => frameOf(0, 0, 1, Buffer.from(digit)))
    client.send(...pieces.slice(0, 5), frameOf(0, 0, 1, Buffer.alloc(3_000, 'x')), ...pieces.slice(5), frameOf(0, 1, 1))
    expect((await client.response(1)).fields[0]).toBe(':status: 200')
    expect(Buffer.concat(bodies.slice(1)).toString()).toBe(`01234${'x'.repeat(3_000)}56789`)
    expect(bodies.length).toBe(2)
  })

  it('says that there is no body where a service may expect one', async () => {
    const { port } = await echo()
    const { body } = await ask(session(port), { ':path': '/', ':method': 'POST' })
    expect(JSON.parse(body.toString())).toMatchObject({ headers: { 'content-length': '0' } })
  })

  it('carries many requests at the same time, bodies both ways', async () => {
    const { port } = await echo()
    const client = session(port)
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        ask(client, { ':path': `/${index}`, ':method': 'PUT' }, `${index}-`.repeat(index * 20)),
      ),
    )
    const seen = answers.map(({ body }) => JSON.parse(body.toString()) as { url: string; body: string })
    expect(seen.map(({ url }) => url)).toEqual(answers.map((_, index) => `/${index}`))
    expect(seen.every(({ body }, index) => body === `${index}-`.repeat(index * 20))).toBe(true)
  })

  it('tells HEAD, 204 and 304 as they are, without a body', async () => {
    const { port: service } = await rawServer(
      answering((head) => {
        if (head.startsWith('HEAD')) return 'HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n'
        if (head.includes('/204')) return 'HTTP/1.1 204 No Content\r\n\r\n'
        return 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 9\r\n\r\n'
      }),
    )
    const { port } = await serve({ endpoints: [endpoint('web', service)] })
    const client = session(port)
    expect((await ask(client, { ':path': '/', ':method': 'HEAD' })).head).toMatchObject({
      ':status': 200,
      'content-length': '1234',
    })
    expect((await ask(client, { ':path': '/204' })).head).toMatchObject({ ':status': 204 })
    expect((await ask(client, { ':path': '/304' })).head).toMatchObject({ ':status': 304, etag: '"a"' })
  })

  it('carries answers in chunks and up to the end of the connection', async () => {
    const { port: service } = await rawServer((socket) =>
      answering((head) => {
        if (head.includes('/chunks')) {
          return 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\nx-trailer: 1\r\n\r\n'
        }
        setImmediate(() => socket.end())
        return 'HTTP/1.1 200 OK\r\n\r\nto the end'
      })(socket),
    )
    const { port } = await serve({ endpoints: [endpoint('web', service)] })
    const client = session(port)
    const chunks = await ask(client, { ':path': '/chunks' })
    expect([chunks.body.toString(), chunks.head['transfer-encoding']]).toEqual(['abcdefg', undefined])
    expect((await ask(client, { ':path': '/end' })).body.toString()).toBe('to the end')
  })

  it('carries heads that need more than one frame, and what behind them is small', async () => {
    const lines = Array.from({ length: 60 }, (_, index) => `X-Large-${index}: ${String(index).repeat(400)}\r\n`).join(
      '',
    )
    const { port: service } = await rawServer(answering(() => `HTTP/1.1 200 OK\r\n${lines}Content-Length: 2\r\n\r\nok`))
    const { port } = await serve({ endpoints: [endpoint('web', service)] })
    const client = new FrameClient(port)
    for (const stream of [1, 3]) {
      client.request(stream, requestFields('GET', '/'))
      const { fields, body } = await client.response(stream)
      expect(fields).toContain(`x-large-59: ${'59'.repeat(400)}`)
      expect([fields.length, body]).toEqual([63, 'ok'])
    }
    expect(client.frames.filter(({ type }) => type === 9).length).toBeGreaterThanOrEqual(2)
  })

  it('passes interim answers', async () => {
    const { port: service } = await rawServer(
      answering(() => `HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n${ok}`),
    )
    const { port } = await serve({ endpoints: [endpoint('web', service)] })
    const client = new FrameClient(port)
    client.request(1, requestFields('GET', '/'))
    await client.response(1)
    expect(client.sections.map(({ fields }) => fields[0])).toEqual([':status: 103', ':status: 200'])
    expect(client.sections[0]?.fields).toContain('link: </a.css>')
  })

  it("gives the gateway's own answers, and goes on", async () => {
    const { port } = await serve({ endpoints: [], limits: { pendingTimeoutMs: 100 } })
    const client = session(port)
    const { head, body } = await ask(client, { ':path': '/' })
    expect(head).toMatchObject({ ':status': 503, 'content-type': 'application/problem+json' })
    expect(head.connection).toBe(undefined)
    expect(JSON.parse(body.toString())).toMatchObject({ reason: 'no_healthy_endpoint' })
    expect((await ask(client, { ':path': '/', ':method': 'HEAD' })).body.length).toBe(0)
  })

  it('reads the preface in any pieces', async () => {
    const { port } = await echo()
    const client = new FrameClient(port, { greets: false })
    const bytes = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0', 'latin1')
    for (const byte of bytes) {
      client.send(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await client.ping()).toBe(true)
  })

  it('takes it for HTTP/2 only at the beginning of a connection', async () => {
    const { port } = await echo()
    const client = new FrameClient(port, { greets: false })
    let text = ''
    client.socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
    client.send(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'))
    await client.find(() => false)
    expect(text).toContain('HTTP/1.1 200')
    expect(text).toContain('HTTP/1.1 505')
  })
})

describe('what one side does to the other', () => {
  it('ends the request at the service when the client resets the stream', async () => {
    const service = await rawServer((socket) => socket.resume())
    const { port } = await serve({ endpoints: [endpoint('web', service.port)] })
    const stream = session(port).request({ ':path': '/' })
    stream.on('error', () => {})
    await eventually(() => service.sockets.length === 1)
    stream.close(constants.NGHTTP2_CANCEL)
    await eventually(() => service.sockets[0]?.destroyed === true || service.sockets[0]?.readableEnded === true)
    expect(service.sockets.length).toBe(1)
  })

  it('resets the stream, and only that, when the service breaks off in the middle of an answer', async () => {
    const { port: service } = await rawServer((socket) =>
      answering((head) => {
        if (head.includes('/whole')) return ok
        setTimeout(() => socket.destroy(), 20)
        return 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc'
      })(socket),
    )
    const { port } = await serve({ endpoints: [endpoint('web', service)] })
    const client = session(port)
    await expect(ask(client, { ':path': '/broken' })).rejects.toThrow(/NGHTTP2_INTERNAL_ERROR/)
    expect((await ask(client, { ':path': '/whole' })).body.toString()).toBe('ok')
  })

  it('stops reading the service when the client reads slowly, and loses nothing', async () => {
    const size = 8 * 1024 * 1024
    let written = 0
    const { port: service } = await rawServer((socket) => {
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
        const chunk = Buffer.alloc(16 * 1024, 'z')
        const go = (): void => {
          while (written < size) {
            written += chunk.length
            if (!socket.write(chunk)) break
          }
          if (written < size) socket.once('drain', go)
        }
        go()
      })
    })
    const { port } = await serve({ endpoints: [endpoint('web', service)] })
    const client = new FrameClient(port, { settings: '0004 00000400' })
    client.request(1, requestFields('GET', '/'))
    await eventually(() => client.body(1).length === 1024)
    for (let again = 0; again < 20; again++) await client.ping()
    expect(client.body(1).length).toBe(1024)
    // What the kernel holds of it may be much, all of it cannot be.
    expect(written).toBeLessThan(size)
    client.send(Buffer.concat([windowUpdate(0, size), windowUpdate(1, size)]))
    await client.response(1)
    expect(client.body(1).length).toBe(size)
  })

  it('lets the client send no more than the service takes', async () => {
    const size = 32 * 1024 * 1024
    let read = 0
    const service = await rawServer((socket) => {
      socket.pause()
      socket.on('data', (chunk: Buffer) => {
        read += chunk.length
        if (read > size) socket.end(ok)
      })
    })
    const { port } = await serve({ endpoints: [endpoint('web', service.port)] })
    const client = new FrameClient(port)
    client.request(1, requestFields('POST', '/', ['content-length', String(size)]), false)
    const upload = { client, size, sent: 0 }
    await sendAsAllowed(upload)
    expect(upload.sent).toBeLessThan(size)
    // The connection's window is open: other streams could send.
    expect(client.window(0, 65_535)).toBeGreaterThan(upload.sent + 16 * 1024)
    service.sockets[0]?.resume()
    while (upload.sent < upload.size) {
      await sendAsAllowed(upload)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect((await client.response(1)).fields[0]).toBe(':status: 200')
  })
})

/** Sends data on stream 1 as long as its window is open. */
async function sendAsAllowed(upload: { client: FrameClient; size: number; sent: number }): Promise<void> {
  const { client, size } = upload
  const chunk = Buffer.alloc(16 * 1024)
  while (upload.sent < size && client.window(1, 128 * 1024) > upload.sent + chunk.length) {
    client.data(1, chunk, upload.sent + chunk.length === size)
    upload.sent += chunk.length
    // More pings would be taken for a flood.
    if (upload.sent % (4 * chunk.length) === 0 && !(await client.ping())) throw new Error('the connection has ended')
  }
}

function windowUpdate(stream: number, increment: number): Buffer {
  const bytes = Buffer.from('000004080000000000', 'hex')
  bytes.writeUInt32BE(stream, 5)
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(increment)
  return Buffer.concat([bytes, payload])
}
