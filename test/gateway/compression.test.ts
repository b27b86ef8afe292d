import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { request, type IncomingMessage } from 'node:http'
import type { CompressionSpec } from '@pando/model'
import { HttpDataPlane } from '@pando/gateway'
import { describe, expect, it } from 'vitest'
import { Client, endpoint, eventually, exchange, httpServer, rawServer, route, serve } from './plane.js'

const compress: CompressionSpec = { codings: ['br', 'gzip'], types: ['application/json', 'text/*'], minBytes: 100 }
const body = JSON.stringify(Array.from({ length: 20_000 }, (_, id) => ({ id, name: `name ${id % 7}` })))

async function serveWith(listener: Parameters<typeof httpServer>[0], extra: Partial<CompressionSpec> = {}) {
  const upstream = await httpServer(listener)
  return serve({
    endpoints: [endpoint('web', upstream.port)],
    routes: [route('web/0', 'web', '/', { compress: { ...compress, ...extra } })],
  })
}

async function fetchRaw(port: number, headers: Record<string, string>, method = 'GET', path = '/') {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, method, headers, agent: false }, resolve).on('error', reject).end()
  })
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }
}

const json = 'application/json'
/** Bodies in chunks that have ended. */
const ends = (text: string): number => (text.match(/\r\n0\r\n\r\n/g) ?? []).length
const nothing = (): void => {}

/** The body of an answer in chunks, latin1. */
function joinChunks(answer: string): Buffer {
  const chunks: Buffer[] = []
  for (let at = answer.indexOf('\r\n\r\n') + 4; ;) {
    const lineEnd = answer.indexOf('\r\n', at)
    const size = Number.parseInt(answer.slice(at, lineEnd), 16)
    if (size === 0) return Buffer.concat(chunks)
    chunks.push(Buffer.from(answer.slice(lineEnd + 2, lineEnd + 2 + size), 'latin1'))
    at = lineEnd + 2 + size + 2
  }
}

describe('a route that compresses', () => {
  it.each([
    ['br', brotliDecompressSync],
    ['gzip', gunzipSync],
  ] as const)('gives %s to who asks for it, of bodies with and without a length', async (coding, decompress) => {
    const { port } = await serveWith((asked, response) => {
      response.setHeader('content-type', json).setHeader('etag', '"v1"').setHeader('vary', 'Cookie')
      if (asked.url === '/length') response.setHeader('content-length', body.length)
      response.end(body)
    })
    for (const path of ['/length', '/chunked']) {
      const answer = await fetchRaw(port, { 'accept-encoding': coding }, 'GET', path)
      expect(answer.headers).toMatchObject({
        'content-encoding': coding,
        etag: 'W/"v1"',
        vary: 'Cookie, Accept-Encoding',
        'transfer-encoding': 'chunked',
      })
      expect(answer.headers['content-length']).toBeUndefined()
      expect(answer.body.length).toBeLessThan(body.length / 4)
      expect(decompress(answer.body).toString()).toBe(body)
    }
  })

  it('leaves what does not qualify as it is, and says what the answer would depend on', async () => {
    const { port } = await serveWith((asked, response) => {
      response.setHeader('content-type', asked.url === '/png' ? 'image/png' : json).setHeader('etag', '"v1"')
      response.end(asked.url === '/small' ? '{}' : body)
    })
    const small = await fetchRaw(port, { 'accept-encoding': 'gzip' }, 'GET', '/small')
    expect(small.headers).toMatchObject({ etag: '"v1"', vary: 'Accept-Encoding', 'content-length': '2' })
    const unasked = await fetchRaw(port, {})
    expect(unasked.headers).toMatchObject({ etag: '"v1"', vary: 'Accept-Encoding' })
    expect(unasked.body.toString()).toBe(body)
    const picture = await fetchRaw(port, { 'accept-encoding': 'gzip' }, 'GET', '/png')
    expect(picture.headers.vary).toBeUndefined()
    const head = await fetchRaw(port, { 'accept-encoding': 'gzip' }, 'HEAD')
    expect([head.headers['content-encoding'], head.body.length]).toEqual([undefined, 0])
  })

  it('leaves as it is what the client wants so, and what a digest was made of', async () => {
    const { port } = await serveWith((asked, response) => {
      if (asked.url !== '/') response.setHeader(asked.url?.slice(1) ?? '', 'sha-256=:abc=:')
      response.setHeader('content-type', json).end(body)
    })
    const asIs: [Record<string, string>, string][] = [
      [{ 'accept-encoding': 'gzip', 'cache-control': 'max-age=0, no-transform' }, '/'],
      [{ 'accept-encoding': 'gzip;q=0.5, identity' }, '/'],
      [{ 'accept-encoding': 'gzip' }, '/content-digest'],
      [{ 'accept-encoding': 'gzip' }, '/repr-digest'],
      [{ 'accept-encoding': 'gzip' }, '/content-md5'],
    ]
    for (const [headers, path] of asIs) {
      const answer = await fetchRaw(port, headers, 'GET', path)
      expect(answer.headers['content-encoding']).toBeUndefined()
      expect(answer.body.toString()).toBe(body)
    }
    const refused = await fetchRaw(port, { 'accept-encoding': 'gzip, identity;q=0' })
    expect(refused.headers['content-encoding']).toBe('gzip')
  })

  it('offers no parts of what it compresses, and knows it again by its weak ETag', async () => {
    const { port } = await serveWith((asked, response) => {
      response.setHeader('etag', '"v1"').setHeader('accept-ranges', 'bytes')
      if (asked.headers['if-none-match']?.includes('"v1"') === true) return void response.writeHead(304).end()
      if (asked.headers.range !== undefined) {
        response.writeHead(206, { 'content-type': json, 'content-range': `bytes 0-999/${body.length}` })
        return void response.end(body.slice(0, 1_000))
      }
      response.setHeader('content-type', json).end(body)
    })
    const encoding = { 'accept-encoding': 'gzip' }
    const whole = await fetchRaw(port, encoding)
    expect(whole.headers).toMatchObject({ etag: 'W/"v1"', 'content-encoding': 'gzip' })
    expect(whole.headers['accept-ranges']).toBeUndefined()
    const unchanged = await fetchRaw(port, { ...encoding, 'if-none-match': 'W/"v1"' })
    expect(unchanged.status).toBe(304)
    expect(unchanged.headers).toMatchObject({ etag: 'W/"v1"', vary: 'Accept-Encoding' })
    expect(unchanged.headers['content-encoding']).toBeUndefined()
    const unchangedPlain = await fetchRaw(port, { 'if-none-match': '"v1"' })
    expect(unchangedPlain.headers).toMatchObject({ etag: '"v1"', vary: 'Accept-Encoding' })
    const part = await fetchRaw(port, { ...encoding, range: 'bytes=0-999' })
    expect(part.headers).toMatchObject({ etag: '"v1"', 'accept-ranges': 'bytes' })
    expect([part.status, part.body.toString()]).toEqual([206, body.slice(0, 1_000)])
  })

  it('keeps the connection for the next request, and the one to the service too', async () => {
    let connections = 0
    const { port } = await serveWith((_, response) => {
      if (response.socket !== null && response.socket.bytesWritten === 0) connections++
      response.setHeader('content-type', json).end(body)
    })
    const client = new Client(port)
    for (let index = 1; index <= 5; index++) {
      client.send('GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n')
      await client.until((text) => ends(text) === index)
    }
    expect(connections).toBe(1)
  })

  it('gives small bodies one after the other, also to a client that does not wait, however they come', async () => {
    const bodies = Array.from({ length: 6 }, (_, turn) => JSON.stringify(Array.from({ length: 200 }, () => ({ turn }))))
    const { port } = await serveWith((asked, response) => {
      const turn = Number(asked.url?.slice(1))
      const text = bodies[turn] as string
      response.setHeader('content-type', json)
      if (turn % 3 > 0) response.setHeader('content-length', text.length)
      if (turn % 3 < 2) return void response.end(text)
      response.write(text.slice(0, 500))
      setImmediate(() => response.end(text.slice(500)))
    })
    const socket = new Client(port)
    socket.send(bodies.map((_, turn) => `GET /${turn} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n`).join(''))
    const text = await socket.until((received) => ends(received) === bodies.length)
    const answers = text.split('HTTP/1.1 200 OK\r\n').slice(1)
    expect(answers.map((answer) => gunzipSync(joinChunks(answer)).toString())).toEqual(bodies)
  })

  it('passes on what has come while more is waited for', async () => {
    let finish = nothing
    const { port } = await serveWith((_, response) => {
      response.setHeader('content-type', 'text/plain')
      response.write('the first part')
      finish = () => response.end(' and the last')
    })
    const response = await new Promise<IncomingMessage>((resolve) => {
      request({ port, host: '127.0.0.1', headers: { 'accept-encoding': 'gzip' }, agent: false }, resolve).end()
    })
    const chunks: Buffer[] = []
    response.on('data', (chunk: Buffer) => chunks.push(chunk))
    const text = (): string => {
      try {
        return gunzipSync(Buffer.concat(chunks), { finishFlush: 2 }).toString()
      } catch {
        return ''
      }
    }
    await eventually(() => text() === 'the first part')
    finish()
    await eventually(() => text() === 'the first part and the last')
    expect(response.headers['content-encoding']).toBe('gzip')
  })

  it('reads a service no faster than its client reads, and lets go of both when the client leaves', async () => {
    let written = 0
    let isClosed = false
    const noise = Buffer.alloc(65_536)
    for (let at = 0; at < noise.length; at++) noise[at] = (at * 2_654_435_761) >>> 13
    const { port } = await serveWith((_, response) => {
      response.setHeader('content-type', 'text/plain')
      const more = (): void => {
        while (!response.destroyed && written < 256 * 1_048_576) {
          written += noise.length
          for (let at = 0; at < 4_096; at++) noise[(at * 16) % noise.length] = Math.floor(Math.random() * 256)
          if (!response.write(noise)) return void response.once('drain', more)
        }
      }
      response.on('close', () => (isClosed = true))
      more()
    })
    const client = new Client(port)
    client.socket.pause()
    client.send('GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n')
    let last = -1
    // It has stalled when nothing more was taken for a while.
    for (let still = 0; still < 20; await new Promise((resolve) => setTimeout(resolve, 25))) {
      still = written === last ? still + 1 : 0
      last = written
    }
    expect(written).toBeGreaterThan(0)
    expect(written).toBeLessThan(200 * 1_048_576)
    client.socket.destroy()
    await eventually(() => isClosed)
  })

  it('breaks off what the service breaks off', async () => {
    const upstream = await rawServer((socket) => {
      socket.on('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5000\r\n\r\nonly a part')
        setTimeout(() => socket.destroy(), 20)
      })
    })
    const { port, plane } = await serve({
      endpoints: [endpoint('web', upstream.port)],
      routes: [route('web/0', 'web', '/', { compress })],
    })
    const text = await exchange(port, 'GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n')
    expect(text).not.toContain('\r\n0\r\n\r\n')
    const cut = plane.metrics().families.find(({ name }) => name === 'pando_gateway_answers_cut_total')
    expect(cut?.series[0]?.values).toEqual([1])
  })

  it('gives the whole of an answer that ends with its connection', async () => {
    const upstream = await rawServer((socket) => {
      socket.on('data', () => socket.end(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n${body}`))
    })
    const { port } = await serve({
      endpoints: [endpoint('web', upstream.port)],
      routes: [route('web/0', 'web', '/', { compress })],
    })
    const answer = await fetchRaw(port, { 'accept-encoding': 'gzip' })
    expect(gunzipSync(answer.body).toString()).toBe(body)
  })

  it.each([{}, { etag: '"v1"' }])('names one coding where the service said that there was none: %j', async (more) => {
    const { port } = await serveWith((_, response) => {
      response.writeHead(200, { 'content-type': json, 'content-encoding': 'identity', ...more }).end(body)
    })
    const { headers, body: sent } = await fetchRaw(port, { 'accept-encoding': 'gzip' })
    expect(headers['content-encoding']).toBe('gzip')
    expect(gunzipSync(sent).toString()).toBe(body)
  })

  it('compresses for no HTTP/1.0 client, which knows no chunks', async () => {
    const { port } = await serveWith((_, response) => response.setHeader('content-type', json).end(body))
    const text = await exchange(port, 'GET / HTTP/1.0\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n')
    expect(text).not.toMatch(/content-encoding/i)
    expect(text).toContain(body)
  })

  it('has a bound: beyond it answers go as they are', async () => {
    const held: (() => void)[] = []
    const { port } = await serveWith((_, response) => {
      response.setHeader('content-type', 'text/plain')
      response.write('x')
      held.push(() => response.end())
    })
    const clients = Array.from({ length: 66 }, () => {
      const client = new Client(port)
      client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAccept-Encoding: gzip\r\n\r\n')
      return client
    })
    const texts = await Promise.all(clients.map((client) => client.until((text) => text.includes('\r\n\r\n'))))
    expect(texts.filter((text) => /content-encoding: gzip/i.test(text))).toHaveLength(64)
    for (const end of held) end()
    for (const client of clients) expect(await client.ended()).toContain('\r\n0\r\n\r\n')
    // Their places are free again.
    const client = new Client(port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n')
    expect(await client.until((text) => text.includes('\r\n\r\n'))).toMatch(/content-encoding: gzip/i)
  }, 30_000)

  it.each([
    ['of a length that is told', { 'content-length': 5_000 }],
    ['of an unknown length', {}],
  ])(
    'has room again when clients leave in the middle of answers %s',
    async (_, length) => {
      let closed = 0
      const { port } = await serveWith((asked, response) => {
        response.writeHead(200, { 'content-type': 'text/plain', ...(asked.url === '/' ? length : {}) })
        if (asked.url !== '/') return void response.end(body)
        response.on('close', () => closed++)
        response.write('x'.repeat(1_000))
      })
      const clients = Array.from({ length: 64 }, () => {
        const client = new Client(port)
        client.send('GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n')
        return client
      })
      await Promise.all(clients.map((client) => client.until((text) => text.includes('\r\n\r\n'))))
      const codingNow = async (): Promise<unknown> =>
        (await fetchRaw(port, { 'accept-encoding': 'gzip' }, 'GET', '/whole')).headers['content-encoding']
      expect(await codingNow()).toBeUndefined()
      // One that only ends its sending still gets its answer.
      for (const client of clients) client.socket.resetAndDestroy()
      await eventually(() => closed === 64)
      expect(await codingNow()).toBe('gzip')
    },
    30_000,
  )
})

it('is off unless a route asks for it', async () => {
  const upstream = await httpServer((_, response) => response.setHeader('content-type', json).end(body))
  const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] }, new HttpDataPlane())
  expect((await fetchRaw(port, { 'accept-encoding': 'gzip' })).headers).not.toHaveProperty('content-encoding')
})
