import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HttpDataPlane } from '@pando/gateway'
import { Client, endpoint, table } from '../gateway/plane.js'
import { headLimits, readHead } from './heads.js'
import { requestCases } from './request-cases.js'

interface Seen {
  readonly line: string
  readonly headers: readonly string[]
  readonly body: string
  readonly trailers: readonly string[]
}

/** What Node's own parser, in its strict mode and independent of ours, has made of what came upstream. */
const seen: Seen[] = []
const faults: string[] = []
let upstream: Server
let plane: HttpDataPlane
let port = 0

beforeAll(async () => {
  upstream = createServer({ insecureHTTPParser: false, requireHostHeader: false }, (request, response) => {
    let body = ''
    request.setEncoding('latin1')
    request.on('data', (text: string) => (body += text))
    request.on('end', () => {
      seen.push({
        line: `${request.method} ${request.url}`,
        headers: request.rawHeaders,
        body,
        trailers: request.rawTrailers,
      })
      response.end('served')
    })
  })
  upstream.on('clientError', (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket) => {
    const { code = '', rawPacket } = error
    // A connection that the gateway gave up, as its client sent half a body, is no fault of what it sent; nor is a head that is whole
    // and right but for a method that Node does not know.
    const isUnknownMethod =
      code === 'HPE_INVALID_METHOD' &&
      /^[\w-]+ \/\S* HTTP\/1\.1\r\nHost: h\r\n/.test(rawPacket?.toString('latin1') ?? '')
    if (code.startsWith('HPE_') && code !== 'HPE_INVALID_EOF_STATE' && !isUnknownMethod)
      faults.push(`${code} ${String(rawPacket)}`)
    socket.destroy()
  })
  // CONNECT and upgrades would come here, and must not.
  upstream.on('connect', (request, socket) => {
    faults.push(`CONNECT ${request.url}`)
    socket.destroy()
  })
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  plane = new HttpDataPlane()
  const limits = { ...headLimits, maxRetries: 0, pendingTimeoutMs: 200 }
  const web = { name: 'web', protocol: 'http', balancer: 'round_robin', requestTrailers: true } as const
  const endpoints = [endpoint('web', (upstream.address() as AddressInfo).port)]
  await plane.apply(table({ endpoints, services: [web], limits }))
  port = plane.address('edge')?.port ?? 0
})

afterAll(async () => {
  await plane.close(0)
  upstream.closeAllConnections()
  upstream.close()
})

/** Sends the pieces one after the other, ends, and returns all that comes back. */
async function ask(pieces: readonly string[]): Promise<string> {
  const client = new Client(port)
  for (const piece of pieces) {
    client.send(piece)
    if (pieces.length > 1) await new Promise((resolve) => setImmediate(resolve))
  }
  client.socket.end()
  const text = await client.ended()
  client.socket.destroy()
  return text
}

/** Methods that Node's parser knows; others it refuses, which is its right. */
const known = /^(\r\n)?(GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH) /

describe('request heads, over real connections', () => {
  // At the beginning of a connection the preface of HTTP/2 begins one.
  const refusedOnes = requestCases.filter(({ status, head }) => status !== 200 && !head.startsWith('PRI * '))

  it.each(refusedOnes)('$name: $status', async ({ head, status, code }) => {
    const before = seen.length
    const text = await ask([head])
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(text).toContain('\r\nContent-Type: application/problem+json\r\n')
    expect(text).toContain('\r\nConnection: close\r\n')
    expect(JSON.parse(text.slice(text.indexOf('\r\n\r\n')))).toMatchObject({ status })
    expect(code).toBeDefined()
    expect(seen.length).toBe(before)
  })

  it.each(requestCases.filter(({ status, head }) => status === 200 && known.test(head)))(
    '$name: served',
    async ({ head }) => {
      const before = seen.length
      const body = /chunked/i.test(head) ? '0\r\n\r\n' : ''
      expect(await ask([head + body])).toMatch(/^HTTP\/1\.1 200 /)
      expect(await ask(Array.from(head + body))).toMatch(/^HTTP\/1\.1 200 /)
      expect(seen.length).toBe(before + 2)
      expect(faults).toEqual([])
    },
  )
})

describe('what goes upstream', () => {
  const lines = fc.constantFrom(
    'GET /a HTTP/1.1\r\n',
    'POST /b?c HTTP/1.1\r\n',
    'PUT http://h/ HTTP/1.1\r\n',
    'HEAD / HTTP/1.0\r\n',
  )
  const headers = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.constantFrom(
        'Content-Length: 3\r\n',
        'Content-Length: 0\r\n',
        'Content_Length: 9\r\n',
        'Transfer-Encoding: chunked\r\n',
        'Transfer-Encoding:\tchunked \r\n',
        'Connection: Content-Length\r\n',
        'Connection: Transfer-Encoding, keep-alive\r\n',
        'Connection: keep-alive, Host\r\n',
        'Trailer: X\r\n',
        'X: \xe4\r\n',
        'X_Forwarded-For: 1\r\n',
      ),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        'Host: h\r\n',
        'content-length : 3\r\n',
        'Transfer-Encoding: chunked, identity\r\n',
        'Expect: 100-continue\r\n',
        'X: y\r\n z\r\n',
        '\n',
        '\r',
      ),
    },
  )
  const bodies = fc.constantFrom(
    '',
    '',
    '"bc',
    '3\r\nabc\r\n0\r\n\r\n',
    '3;x=y\r\nabc\r\n0\r\nX: y\r\n\r\n',
    '0\r\nX:\r\nContent-Length: 9\r\nTransfer_Encoding: chunked\r\n\r\n',
    '0\r\n\r\n',
    '-1\r\n',
    'GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n',
  )
  const pieces = fc
    .array(fc.tuple(lines, fc.array(headers, { maxLength: 3 }), bodies), { minLength: 1, maxLength: 3 })
    .map((requests) => requests.flatMap(([line, more, body]) => [line, 'Host: h\r\n', ...more, '\r\n', body]))

  it('is always one whole request a request, for a parser that shares nothing with ours', async () => {
    await fc.assert(
      fc.asyncProperty(pieces, fc.boolean(), async (parts, isCut) => {
        const text = parts.join('')
        const before = seen.length
        faults.length = 0
        const answer = await ask(isCut ? parts : [text])
        expect(faults).toEqual([])
        const asked = seen.slice(before)
        // Never more than the client can have meant: as many as there are request lines in it.
        expect(asked.length).toBeLessThanOrEqual((text.match(/HTTP\/1\.[01]\r\n/g) ?? []).length)
        for (const { headers, trailers } of asked) {
          expect(trailers.filter((_, index) => index % 2 === 0 && trailers[index] !== 'X')).toEqual([])
          const names = headers.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())
          expect(names.filter((name) => name === 'content-length' || name === 'transfer-encoding').length).toBeLessThan(
            2,
          )
          expect(names.filter((name) => name === 'host')).toHaveLength(1)
          expect(names.filter((name) => name === 'x-forwarded-for')).toHaveLength(1)
          // Trailers come in chunks only.
          expect(!names.includes('trailer') || names.includes('transfer-encoding')).toBe(true)
          expect(names).not.toContain('content_length')
        }
        // Whatever the client sent, it got an answer unless it sent nothing whole.
        const first = readHead(text)
        expect(answer !== '' || first.outcome !== 'refused').toBe(true)
      }),
      { numRuns: 400 },
    )
    // Enough of it was served for this to have said something.
    expect(seen.length).toBeGreaterThan(40)
    expect(seen.some(({ trailers }) => trailers.includes('X'))).toBe(true)
  })

  it('is the body that the client sent, however it was cut and chunked', async () => {
    const bytes = fc.uint8Array({ maxLength: 300 }).map((data) => Buffer.from(data).toString('latin1'))
    await fc.assert(
      fc.asyncProperty(
        fc.array(bytes, { maxLength: 5 }),
        fc.array(fc.nat(2000), { maxLength: 5 }),
        fc.boolean(),
        async (parts, points, isChunked) => {
          const data = parts.join('')
          const chunks = parts.filter(Boolean).map((part) => `${part.length.toString(16)};e\r\n${part}\r\n`)
          const framing = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${data.length}`
          const text = `POST /x HTTP/1.1\r\nHost: h\r\n${framing}\r\n\r\n${isChunked ? `${chunks.join('')}0\r\nT: v\r\n\r\n` : data}`
          const cuts = [0, ...points.map((point) => point % text.length).sort((a, b) => a - b), text.length]
          const before = seen.length
          const answer = await ask(cuts.slice(1).map((cut, index) => text.slice(cuts[index], cut)))
          expect(answer).toMatch(/^HTTP\/1\.1 200 /)
          expect(seen.slice(before).map(({ line, body }) => ({ line, body }))).toEqual([
            { line: 'POST /x', body: data },
          ])
        },
      ),
      { numRuns: 150 },
    )
    expect(faults).toEqual([])
  })

  it('ends with the trailers that the client sent, however they were cut and spaced', async () => {
    const space = fc.constantFrom('', ' ', '\t', ' \t ')
    const name = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^`|~-]{1,12}$/).map((text) => `Z-${text}`)
    const value = fc.stringMatching(/^[!-~\x80-\xff]([\t -~\x80-\xff]{0,40}[!-~\x80-\xff])?$|^$/)
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(name, space, value, space), { maxLength: 8 }),
        fc.array(fc.nat(2000), { maxLength: 5 }),
        async (trailers, points) => {
          const lines = trailers.map(([field, before, text, behind]) => `${field}:${before}${text}${behind}\r\n`)
          const text = `POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n${lines.join('')}\r\n`
          const cuts = [0, ...points.map((point) => point % text.length).sort((a, b) => a - b), text.length]
          const before = seen.length
          const answer = await ask(cuts.slice(1).map((cut, index) => text.slice(cuts[index], cut)))
          expect(answer).toMatch(/^HTTP\/1\.1 200 /)
          const expected = trailers.flatMap(([field, , content]) => [field, content])
          expect(seen.slice(before).map(({ body, trailers: received }) => [body, received])).toEqual([['a', expected]])
        },
      ),
      { numRuns: 150 },
    )
    expect(faults).toEqual([])
  })
})
