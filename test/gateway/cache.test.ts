import { createServer, type IncomingMessage, request, type RequestListener } from 'node:http'
import type { RouteSpec } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { ask as askFramed, session } from './http2-client.js'
import { Client, endpoint, eventually, exchange, httpServer, rawServer, route, serve } from './plane.js'

const cache = { maxBytes: 1_048_576, maxEntryBytes: 65_536 }

async function serveWith(listener: RequestListener, extra: Partial<RouteSpec> = {}) {
  let asked = 0
  const upstream = await httpServer((incoming, response) => {
    asked++
    listener(incoming, response)
  })
  const { port, plane } = await serve({
    endpoints: [endpoint('web', upstream.port)],
    routes: [route('web/0', 'web', '/', { cache, ...extra })],
  })
  return { port, plane, asked: () => asked }
}

interface Seen {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

function ask(port: number, headers: Record<string, string> = {}, path = '/', method = 'GET'): Promise<Seen> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => (body += text))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
      response.on('error', reject)
    })
      .on('error', reject)
      .end()
  })
}

const keeping =
  (cacheControl: string, more: Record<string, string> = {}): RequestListener =>
  (incoming, response) => {
    response.setHeader('cache-control', cacheControl)
    for (const [name, value] of Object.entries(more)) response.setHeader(name, value)
    response.end(`answer to ${incoming.url}`)
  }

const nothing = (): void => {}

const outcomeOf = ({ headers }: Seen): string => String(headers['cache-status'])

describe('a cached route', () => {
  it('gives an answer that is fresh again, with its age, and asks for others', async () => {
    const { port, asked } = await serveWith(keeping('max-age=60', { 'x-own': '1' }))
    const first = await ask(port)
    expect(outcomeOf(first)).toBe('pando; fwd=miss')
    const second = await ask(port)
    expect(outcomeOf(second)).toMatch(/^pando; hit; ttl=\d+$/)
    expect(second).toMatchObject({
      status: 200,
      body: 'answer to /',
      headers: { age: expect.stringMatching(/^\d+$/), 'x-own': '1' },
    })
    expect(second.headers.date).toBe(first.headers.date)
    expect(asked()).toBe(1)
    expect((await ask(port, {}, '/?a=1')).body).toBe('answer to /?a=1')
    expect((await ask(port, { host: 'other.example' })).body).toBe('answer to /')
    expect(asked()).toBe(3)
    const head = await ask(port, {}, '/', 'HEAD')
    expect([head.body, head.headers['content-length']]).toEqual(['', '11'])
    expect(asked()).toBe(3)
  })

  it.each([
    ['no word', ''],
    ['no-store', 'no-store'],
    ['private', 'private, max-age=60'],
  ])('keeps nothing with %s', async (_, cacheControl) => {
    const { port, asked } = await serveWith(keeping(cacheControl))
    for (let index = 0; index < 3; index++) await ask(port)
    expect(asked()).toBe(3)
  })

  it('gives nobody what was made for another', async () => {
    const { port, asked } = await serveWith((incoming, response) => {
      const who = incoming.headers.authorization ?? incoming.headers.cookie ?? 'nobody'
      response.setHeader('cache-control', incoming.url === '/all' ? 'public, max-age=60' : 'max-age=60').end(who)
    })
    expect((await ask(port, { authorization: 'Basic a' })).body).toBe('Basic a')
    expect((await ask(port)).body).toBe('nobody')
    expect((await ask(port, { cookie: 's=1' })).body).toBe('s=1')
    expect((await ask(port, { authorization: 'Basic b' })).body).toBe('Basic b')
    expect((await ask(port)).body).toBe('nobody')
    expect(asked()).toBe(4)
    expect((await ask(port, { authorization: 'Basic a' }, '/all')).body).toBe('Basic a')
    expect((await ask(port, { cookie: 's=1' }, '/all')).body).toBe('Basic a')
  })

  it('gives nobody an answer to a request that had a body', async () => {
    const { port, asked } = await serveWith((incoming, response) => {
      let body = ''
      incoming.on('data', (bytes: Buffer) => (body += bytes.toString()))
      incoming.on('end', () => response.setHeader('cache-control', 'max-age=60').end(`made of "${body}"`))
    })
    const get = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n'
    expect(await exchange(port, `${get}Content-Length: 4\r\n\r\nevil`)).toContain('made of "evil"')
    expect(await exchange(port, `${get}Transfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n`)).toContain('evil')
    expect(await exchange(port, `${get}\r\n`)).toContain('made of ""')
    expect(await exchange(port, `${get}Content-Length: 0\r\n\r\n`)).toContain('made of ""')
    expect(asked()).toBe(3)
  })

  it('tells answers apart by what they vary by', async () => {
    const { port, asked } = await serveWith((incoming, response) => {
      response.setHeader('cache-control', 'max-age=60').setHeader('vary', 'Accept-Language, X-Absent')
      response.end(incoming.headers['accept-language'])
    })
    for (const language of ['en', 'ko', 'en', 'ko']) {
      expect((await ask(port, { 'accept-language': language })).body).toBe(language)
    }
    expect(asked()).toBe(2)
  })

  it('asks whether a kept answer still holds, and keeps the connection for it', async () => {
    let connections = 0
    let version = 1
    let etags: (string | undefined)[] = []
    const origin = createServer((incoming, response) => {
      etags.push(incoming.headers['if-none-match'])
      const etag = `"v${version}"`
      response.setHeader('cache-control', 'no-cache').setHeader('etag', etag)
      if (incoming.headers['if-none-match'] === etag) response.writeHead(304).end()
      else response.end(`version ${version}`)
    }).on('connection', () => connections++)
    await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve))
    const address = origin.address()
    const { port } = await serve({
      endpoints: [endpoint('web', typeof address === 'object' && address !== null ? address.port : 0)],
      routes: [route('web/0', 'web', '/', { cache })],
    })
    expect((await ask(port)).body).toBe('version 1')
    const held = await ask(port)
    expect([held.status, held.body]).toEqual([200, 'version 1'])
    expect(outcomeOf(held)).toContain('hit; detail=validated')
    // The client has it too: it gets 304, the service was asked with the cache's own tag.
    const known = await ask(port, { 'if-none-match': '"x", "v1"' })
    expect([known.status, known.body]).toEqual([304, ''])
    version = 2
    expect((await ask(port)).body).toBe('version 2')
    expect(etags).toEqual([undefined, '"v1"', '"v1"', '"v1"'])
    expect(connections).toBe(1)
    etags = []
    origin.closeAllConnections()
    await new Promise((resolve) => origin.close(resolve))
  })

  it('does what a request says of caches', async () => {
    const { port, asked } = await serveWith(keeping('max-age=60'))
    const missing = await ask(port, { 'cache-control': 'only-if-cached' })
    expect([missing.status, JSON.parse(missing.body).reason]).toEqual([504, 'not_cached'])
    await ask(port, { 'cache-control': 'no-store' })
    await ask(port)
    expect(asked()).toBe(2)
    expect((await ask(port, { 'cache-control': 'only-if-cached' })).status).toBe(200)
    await ask(port, { 'cache-control': 'no-cache' })
    await ask(port, { pragma: 'no-cache' })
    await ask(port, { range: 'bytes=0-1' })
    expect(asked()).toBe(5)
  })

  it('answers HEAD by what it keeps of GET, and keeps no answer to HEAD', async () => {
    const { port, asked } = await serveWith(keeping('max-age=60', { etag: '"v"' }))
    const head = (headers: Record<string, string> = {}) => ask(port, headers, '/', 'HEAD')
    for (let index = 0; index < 2; index++) expect(outcomeOf(await head())).toBe('pando; fwd=miss')
    expect((await ask(port)).body).toBe('answer to /')
    expect(asked()).toBe(3)
    const kept = await head()
    expect([kept.status, kept.body, kept.headers['content-length'], kept.headers.etag]).toEqual([200, '', '11', '"v"'])
    expect(outcomeOf(kept)).toMatch(/^pando; hit; ttl=\d+$/)
    expect((await head({ 'if-none-match': '"v"' })).status).toBe(304)
    const framed = await askFramed(session(port), {
      ':method': 'HEAD',
      ':path': '/',
      ':authority': `127.0.0.1:${port}`,
    })
    expect([framed.head[':status'], framed.head['content-length'], framed.body.length]).toEqual([200, '11', 0])
    expect((await ask(port)).body).toBe('answer to /')
    expect(asked()).toBe(3)
  })

  it('lets HEAD wait for the answer to GET that is on its way', async () => {
    let release = nothing
    const { plane, port, asked } = await serveWith((incoming, response) => {
      release = () => keeping('max-age=60')(incoming, response)
    })
    const underWay = () =>
      plane.metrics().families.find(({ name }) => name === 'pando_gateway_requests_in_flight')?.series[0]?.values[0]
    const get = ask(port)
    await eventually(() => asked() === 1)
    const head = ask(port, {}, '/', 'HEAD')
    await eventually(() => underWay() === 2)
    release()
    expect([(await get).body, outcomeOf(await head)]).toEqual(['answer to /', expect.stringContaining('hit')])
    expect(asked()).toBe(1)
  })

  it.each([
    ['another tag', { etag: '"w"' }, true],
    ['another date', { 'last-modified': 'Mon, 02 Mar 2026 00:00:00 GMT' }, true],
    ['another length', { 'content-length': '12' }, true],
    ['nothing new', {}, false],
    ['no validators', { etag: '', 'last-modified': '' }, false],
    ['an error', { status: '500', etag: '"w"' }, false],
  ])('forgets an answer to GET when one to HEAD has %s', async (_, more, isForgotten) => {
    const { port, asked } = await serveWith((incoming, response) => {
      const { status = '200', ...headers } = incoming.method === 'HEAD' ? (more as Record<string, string>) : {}
      const own = { etag: '"v"', 'last-modified': 'Sun, 01 Mar 2026 00:00:00 GMT', 'content-length': '11' }
      response.statusCode = Number(status)
      const given = Object.entries({ ...own, ...headers }).filter(([, value]) => value !== '')
      keeping('max-age=60', Object.fromEntries(given))(incoming, response)
    })
    await ask(port)
    await ask(port, { 'cache-control': 'no-cache' }, '/', 'HEAD')
    expect(asked()).toBe(2)
    expect(outcomeOf(await ask(port))).toContain(isForgotten ? 'fwd=miss' : 'hit')
  })

  it('forgets what a request may have changed', async () => {
    const { port, asked } = await serveWith(keeping('max-age=60'))
    await ask(port)
    await ask(port, {}, '/', 'POST')
    await ask(port)
    await ask(port)
    expect(asked()).toBe(3)
  })

  it('asks once for many at a time, and not for each other where nothing is kept', async () => {
    const waiting: (() => void)[] = []
    const { port, asked } = await serveWith((incoming, response) => {
      const control = incoming.url === '/kept' ? 'max-age=60' : 'no-store'
      waiting.push(() => response.setHeader('cache-control', control).end('one'))
    })
    const many = (path: string) => Promise.all(Array.from({ length: 20 }, () => ask(port, {}, path)))
    const kept = many('/kept')
    await eventually(() => waiting.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 100))
    waiting[0]?.()
    expect((await kept).map(({ body }) => body)).toEqual(Array.from({ length: 20 }, () => 'one'))
    expect(asked()).toBe(1)
    const unkept = many('/unkept')
    await eventually(() => waiting.length === 2)
    waiting[1]?.()
    await eventually(() => waiting.length === 21)
    for (const answer of waiting.slice(2)) answer()
    expect(await unkept).toHaveLength(20)
  })

  it('asks once whether an answer still holds, however many want it', async () => {
    let release = nothing
    const { port, asked } = await serveWith((incoming, response) => {
      response.setHeader('cache-control', 'max-age=0').setHeader('etag', '"v"')
      if (incoming.headers['if-none-match'] === undefined) response.end('kept')
      else release = () => response.writeHead(304, { 'cache-control': 'max-age=60' }).end()
    })
    await ask(port)
    const many = Promise.all(Array.from({ length: 10 }, () => ask(port)))
    await eventually(() => asked() === 2)
    await new Promise((resolve) => setTimeout(resolve, 100))
    release()
    expect((await many).map(({ body }) => body)).toEqual(Array.from({ length: 10 }, () => 'kept'))
    expect(asked()).toBe(2)
  })

  it('lets those that wait go on when the one that asks goes away', async () => {
    let count = 0
    const { port } = await serveWith((_, response) => {
      if (++count > 1) keeping('max-age=60')(_, response)
    })
    const first = new Client(port)
    first.send('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
    await eventually(() => count === 1)
    const second = ask(port, { host: '127.0.0.1' })
    const third = new Client(port)
    third.send('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
    await new Promise((resolve) => setTimeout(resolve, 50))
    // One that waits goes too: it takes nothing with it.
    third.socket.resetAndDestroy()
    first.socket.resetAndDestroy()
    expect((await second).body).toBe('answer to /')
    expect(outcomeOf(await ask(port, { host: '127.0.0.1' }))).toContain('hit')
  })

  it('keeps no part of an answer, and none whose end cannot be told, nor one that is too large', async () => {
    const replies = [
      'HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 100\r\n\r\npart',
      'HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\r\nuntil it closes',
      `HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 70000\r\n\r\n${'x'.repeat(70_000)}`,
      `HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n11170\r\n${'x'.repeat(70_000)}\r\n0\r\n\r\n`,
    ]
    let asked = 0
    const upstream = await rawServer((socket) => {
      socket.once('data', () => {
        socket.end(replies[asked++])
      })
    })
    const { port } = await serve({
      endpoints: [endpoint('web', upstream.port)],
      routes: [route('web/0', 'web', '/', { cache })],
    })
    for (let index = 1; index <= replies.length; index++) {
      await exchange(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
      expect(asked).toBe(index)
    }
  })

  it('keeps what the service gave, and lets the route edit it each time', async () => {
    const { port, asked } = await serveWith(keeping('max-age=60', { 'access-control-allow-origin': '*', 'x-a': '1' }), {
      cors: {
        origins: ['https://a.example', 'https://b.example'],
        methods: ['GET'],
        headers: [],
        exposeHeaders: [],
        maxAgeSeconds: 1,
        hasCredentials: false,
      },
      filters: [{ type: 'responseHeaders', set: { 'x-b': '2' }, add: {}, remove: ['x-a'] }],
    })
    for (const origin of ['https://a.example', 'https://b.example']) {
      const { headers } = await ask(port, { origin })
      expect(headers).toMatchObject({ 'access-control-allow-origin': origin, 'x-b': '2' })
      expect(headers['x-a']).toBeUndefined()
    }
    expect(asked()).toBe(1)
  })
})

it('a route without it asks each time', async () => {
  let asked = 0
  const upstream = await httpServer((incoming, response) => {
    asked++
    keeping('max-age=60')(incoming, response)
  })
  const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
  expect((await ask(port)).headers['cache-status']).toBeUndefined()
  await ask(port)
  expect(asked).toBe(2)
})
