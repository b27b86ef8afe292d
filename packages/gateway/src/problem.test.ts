import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { problemResponse, type Reason, reasons } from './problem.js'

function parse(bytes: Uint8Array): { line: string; headers: Record<string, string>; body: string } {
  const text = Buffer.from(bytes)
  const end = text.indexOf('\r\n\r\n')
  const [line = '', ...lines] = text.toString('latin1', 0, end).split('\r\n')
  const headers = Object.fromEntries(
    lines.map((each) => [each.slice(0, each.indexOf(':')).toLowerCase(), each.slice(each.indexOf(':') + 2)]),
  )
  return { line, headers, body: text.toString('utf8', end + 4) }
}

describe('problemResponse', () => {
  it('names status, reason, route and request', () => {
    const { line, headers, body } = parse(
      problemResponse({
        reason: 'no_healthy_endpoint',
        detail: 'users has 2 endpoints, none healthy',
        route: 'users/0',
        service: 'users',
        requestId: 'abc',
        retryAfterSeconds: 0.4,
        keepAlive: true,
      }),
    )
    expect(line).toBe('HTTP/1.1 503 Service Unavailable')
    expect(headers).toMatchObject({
      'content-type': 'application/problem+json',
      'retry-after': '1',
      'x-request-id': 'abc',
    })
    expect(headers['connection']).toBeUndefined()
    expect(headers['content-length']).toBe(String(Buffer.byteLength(body)))
    expect(JSON.parse(body)).toMatchObject({
      type: 'urn:pando:gateway:no_healthy_endpoint',
      status: 503,
      code: 'unavailable',
      reason: 'no_healthy_endpoint',
      detail: 'users has 2 endpoints, none healthy',
      route: 'users/0',
      requestId: 'abc',
    })
  })

  it('closes where it is told to, lists methods, and leaves the body out for HEAD', () => {
    const bytes = problemResponse({ reason: 'method_not_allowed', allow: 'GET, PUT', keepAlive: false, isHead: true })
    const { line, headers, body } = parse(bytes)
    expect(line).toBe('HTTP/1.1 405 Method Not Allowed')
    expect(headers).toMatchObject({ connection: 'close', allow: 'GET, PUT' })
    expect(Number(headers['content-length'])).toBeGreaterThan(0)
    expect(body).toBe('')
  })

  it('has a status line for every reason', () => {
    for (const reason of Object.keys(reasons) as Reason[]) {
      expect(parse(problemResponse({ reason, keepAlive: true })).line).toMatch(/^HTTP\/1\.1 [45]\d\d [A-Z](?!rror$)/)
    }
  })

  it('lets hostile text into the body only, escaped', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (detail, requestId) => {
        const bytes = problemResponse({ reason: 'no_route', detail, route: detail, requestId, keepAlive: true })
        const { headers, body } = parse(bytes)
        expect(JSON.parse(body)).toMatchObject({ detail, route: detail, requestId })
        expect(headers['content-length']).toBe(String(Buffer.byteLength(body)))
        expect(headers['x-request-id'] ?? 'none').toMatch(/^[\x21-\x7e]+$/)
      }),
    )
    const split = parse(problemResponse({ reason: 'no_route', requestId: 'a\r\nSet-Cookie: b', keepAlive: true }))
    expect(split.headers['set-cookie']).toBeUndefined()
  })
})
