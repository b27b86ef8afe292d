import type { ClientHttp2Session } from 'node:http2'
import { gunzipSync } from 'node:zlib'
import type { RouteSpec } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { ask, session } from './http2-client.js'
import { endpoint, eventually, httpServer, route, serve } from './plane.js'

const body = 'a line of text\n'.repeat(1_000)

/** A gateway with one route, asked over HTTP/2 with prior knowledge. */
async function sessionWith(traffic: Partial<RouteSpec>) {
  let asked = 0
  const upstream = await httpServer((incoming, response) => {
    asked++
    response.setHeader('content-type', 'text/plain').setHeader('cache-control', 'max-age=60').setHeader('etag', '"v"')
    incoming.resume().on('end', () => response.end(incoming.method === 'POST' ? 'posted' : body))
  })
  const { port } = await serve({
    endpoints: [endpoint('web', upstream.port)],
    routes: [route('web/0', 'web', '/', traffic)],
  })
  return { client: session(port), asked: () => asked }
}

/** One request for `/`. */
async function askRoot(client: ClientHttp2Session, headers: Record<string, string> = {}, sent?: string) {
  const { head, body: received } = await ask(client, { ':path': '/', ...headers }, sent)
  return { status: head[':status'] ?? 0, headers: head, body: received }
}

describe('over HTTP/2', () => {
  it('answers are compressed, many at a time on one connection', async () => {
    const compress = { codings: ['gzip'] as const, types: ['text/plain'], minBytes: 100 }
    const { client } = await sessionWith({ compress })
    const answers = await Promise.all(Array.from({ length: 10 }, () => askRoot(client, { 'accept-encoding': 'gzip' })))
    for (const answer of answers) {
      expect(answer.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding', etag: 'W/"v"' })
      expect(gunzipSync(answer.body).toString()).toBe(body)
    }
  })

  it('answers are kept, given again, and 304 where the client has them', async () => {
    const { client, asked } = await sessionWith({ cache: { maxBytes: 1_000_000, maxEntryBytes: 100_000 } })
    expect((await askRoot(client)).body.toString()).toBe(body)
    const again = await askRoot(client)
    expect([again.body.toString(), again.headers['cache-status']]).toEqual([body, expect.stringContaining('hit')])
    const known = await askRoot(client, { 'if-none-match': '"v"' })
    expect([known.status, known.body.length]).toEqual([304, 0])
    expect(asked()).toBe(1)
  })

  it('limits, preflights and mirrors are the same', async () => {
    const copies: string[] = []
    const shadow = await httpServer((incoming, response) => {
      let text = ''
      incoming.setEncoding('utf8').on('data', (piece: string) => (text += piece))
      incoming.on('end', () => {
        copies.push(text)
        response.end()
      })
    })
    const upstream = await httpServer(
      (incoming, response) => void incoming.resume().on('end', () => response.end('ok')),
    )
    const limit = { name: 'default', requests: 2, periodMs: 86_400_000, burst: 2, isShared: true } as const
    const { port } = await serve({
      endpoints: [endpoint('web', upstream.port), endpoint('shadow', shadow.port)],
      routes: [
        route('web/0', 'web', '/', {
          rateLimit: { limits: [{ ...limit, key: { kind: 'address' } }], hasHeaders: true },
          mirror: { service: 'shadow', percent: 100, maxBodyBytes: 1_000 },
          cors: {
            origins: ['https://shop.example'],
            methods: ['POST'],
            headers: [],
            exposeHeaders: [],
            maxAgeSeconds: 1,
            hasCredentials: false,
          },
        }),
      ],
    })
    const client = session(port)
    const origin = 'https://shop.example'
    const preflight = await askRoot(client, { ':method': 'OPTIONS', origin, 'access-control-request-method': 'POST' })
    expect([preflight.status, preflight.headers['access-control-allow-origin']]).toEqual([204, origin])
    const posted = await askRoot(client, { ':method': 'POST', origin }, 'a body of unknown length')
    expect([posted.status, posted.headers['ratelimit']]).toEqual([200, '"default";r=1;t=43200'])
    await askRoot(client, { ':method': 'POST' }, 'another')
    expect((await askRoot(client, { ':method': 'POST' }, 'too many')).status).toBe(429)
    await eventually(() => copies.length === 2)
    expect(copies.toSorted()).toEqual(['a body of unknown length', 'another'])
  })
})
