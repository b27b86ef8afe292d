import type { CorsSpec } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { addedLines, type AskedRequest, verdictOf } from '../policy/policy-request.suite.js'
import { CorsOrigins } from './cors-origins.js'
import { CorsPolicy } from './cors-policy.js'

const spec: CorsSpec = {
  origins: ['https://shop.example', 'https://*.shop.example', 'http://localhost:5173'],
  methods: ['GET', 'PUT'],
  headers: ['content-type', 'x-team'],
  exposeHeaders: ['x-total'],
  maxAgeSeconds: 600,
  hasCredentials: true,
}
const policy = new CorsPolicy(spec)
const open = new CorsPolicy({ ...spec, origins: ['*'], methods: ['*'], headers: ['*'], hasCredentials: false })

const preflight = (origin: string, method = 'PUT', headers?: string): AskedRequest => ({
  method: 'OPTIONS',
  headers: {
    origin,
    'access-control-request-method': method,
    ...(headers === undefined ? {} : { 'access-control-request-headers': headers }),
  },
})

const upgrade = (origin: string) =>
  verdictOf(policy, { host: 'api.example', headers: { origin, upgrade: 'websocket' } })?.answer

describe('origins', () => {
  const origins = new CorsOrigins(spec.origins)
  it.each([
    ['https://shop.example', true],
    ['https://a.shop.example', true],
    ['https://a.b.shop.example', true],
    ['http://localhost:5173', true],
    ['http://shop.example', false],
    ['https://shop.example:8443', false],
    ['https://evilshop.example', false],
    ['https://.shop.example', false],
    ['https://shop.example.evil.example', false],
    ['https://evil.example/.shop.example', false],
    ['https://evil.example#.shop.example', false],
    ['https://evil.example:80@a.shop.example', false],
    ['null', false],
    ['', false],
  ])('%s: %s', (origin, isAllowed) => {
    expect(origins.allow(origin)).toBe(isAllowed)
  })
})

describe('a preflight', () => {
  it('is answered without the service', () => {
    expect(verdictOf(policy, preflight('https://shop.example', 'PUT', 'Content-Type, x-team'))).toEqual({
      answer: {
        kind: 'response',
        status: 204,
        headers: [
          ['Access-Control-Allow-Origin', 'https://shop.example'],
          ['Access-Control-Allow-Credentials', 'true'],
          ['Access-Control-Allow-Methods', 'GET, PUT'],
          ['Access-Control-Allow-Headers', 'content-type, x-team'],
          ['Access-Control-Max-Age', '600'],
          ['Vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'],
        ],
      },
    })
  })

  it('of a route for everybody names what was asked for, and no credentials', () => {
    expect(verdictOf(open, preflight('https://any.example', 'PURGE', 'x-a, X-B'))?.answer).toMatchObject({
      headers: [
        ['Access-Control-Allow-Origin', '*'],
        ['Access-Control-Allow-Methods', 'PURGE'],
        ['Access-Control-Allow-Headers', 'x-a, x-b'],
        ['Access-Control-Max-Age', '600'],
        ['Vary', expect.any(String)],
      ],
    })
  })

  it.each([
    ['another origin', policy, preflight('https://evil.example')],
    ['another method', policy, preflight('https://shop.example', 'DELETE')],
    ['another header', policy, preflight('https://shop.example', 'PUT', 'x-team, x-admin')],
    ['a method that is none', open, preflight('https://any.example', 'PUT\r\nx')],
    ['a header that is none', open, preflight('https://any.example', 'PUT', 'x y')],
  ])('of %s is refused by name', (_, of, asked) => {
    expect(verdictOf(of, asked)?.answer).toMatchObject({ kind: 'problem', reason: 'cors_denied' })
  })
})

describe('a request', () => {
  it('of an allowed origin may be read by it', () => {
    const verdict = verdictOf(policy, { headers: { origin: 'https://a.shop.example' } })
    expect(addedLines(verdict)).toEqual([
      'Access-Control-Allow-Origin: https://a.shop.example',
      'Access-Control-Allow-Credentials: true',
      'Access-Control-Expose-Headers: x-total',
      'Vary: Origin',
    ])
    const name = Buffer.from('Access-Control-Allow-Origin')
    expect(verdict?.response?.drops(name, 0, name.length)).toBe(true)
  })

  it.each([
    ['of another origin', { headers: { origin: 'https://evil.example' } }],
    ['without an origin', {}],
    ['of two origins', { headers: { origin: ['https://shop.example', 'https://evil.example'] } }],
    ['OPTIONS that is no preflight', { method: 'OPTIONS', headers: { origin: 'https://evil.example' } }],
  ])('%s passes, and what it varies by is said', (_, asked) => {
    const verdict = verdictOf(policy, asked)
    expect(verdict?.answer).toBeUndefined()
    expect(addedLines(verdict)).toEqual(['Vary: Origin'])
  })

  it('needs no Vary where every origin gets the same', () => {
    expect(addedLines(verdictOf(open, { headers: { origin: 'https://any.example' } }))).toEqual([
      'Access-Control-Allow-Origin: *',
      'Access-Control-Expose-Headers: x-total',
    ])
    expect(addedLines(verdictOf(open))).toEqual([])
  })

  it('to upgrade is refused when another origin makes it, as browsers let it through', () => {
    expect(upgrade('https://evil.example')).toMatchObject({ reason: 'cors_denied' })
    expect(upgrade('https://shop.example')).toBeUndefined()
    expect(upgrade('https://api.example')).toBeUndefined()
    expect(upgrade('https://api.example.evil.example')).toMatchObject({ reason: 'cors_denied' })
  })
})

it('a table that lets every origin act as the user is not made', () => {
  expect(() => new CorsPolicy({ ...spec, origins: ['*'] })).toThrow('credentials')
})
