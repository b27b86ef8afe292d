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
})

it('is off unless a route asks for it', async () => {
  const upstream = await httpServer((_, response) => response.setHeader('content-type', json).end(body))
  const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] }, new HttpDataPlane())
  expect((await fetchRaw(port, { 'accept-encoding': 'gzip' })).headers).not.toHaveProperty('content-encoding')
})
