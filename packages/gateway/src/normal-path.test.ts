import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { normalizePath } from './normal-path.js'

function normal(path: string): string | null {
  const bytes = Buffer.from(path, 'latin1')
  const out = new Uint8Array(Math.max(1, bytes.length))
  const length = normalizePath(bytes, 0, bytes.length, out)
  return length < 0 ? null : Buffer.from(out.subarray(0, length)).toString('latin1')
}

describe('normalizePath', () => {
  it.each([
    ['', '/'],
    ['/', '/'],
    ['/users/1', '/users/1'],
    ['/users/', '/users/'],
    ['//users///1//', '/users/1/'],
    ['/%75sers/%7ealice', '/users/~alice'],
    ['/caf%c3%a9', '/caf%C3%A9'],
    ['/a%20b', '/a%20b'],
    ['/a/./b/.', '/a/b/'],
    ['/a/b/../c', '/a/c'],
    ['/a/b/..', '/a/'],
    ['/a/..', '/'],
    ['/a/%2e%2E/b', '/b'],
    ['/a//../b', '/b'],
    ['/.git/config', '/.git/config'],
    ['/..git/...', '/..git/...'],
    ['/%252e%252e/', '/%252e%252e/'],
    ['/a;v=1/b', '/a;v=1/b'],
    ['/[a]|^', '/[a]|^'],
    ['/.%3A', '/.%3A'],
  ])('%s becomes %s', (path, expected) => {
    expect(normal(path)).toBe(expected)
  })

  it.each([
    'users',
    '*',
    '/..',
    '/../etc',
    '/a/../../b',
    '/a/%2e%2e/%2e./b',
    '/%00',
    '/a%2fb',
    '/a%2Fb',
    '/a%5cb',
    '/a\\b',
    '/%',
    '/%4',
    '/%4g',
    '/%zz',
    '/a b',
    '/a\tb',
    '/a\x7f',
    '/caf\xe9',
    '/..;/admin',
    '/.;/admin',
    '/a/..;x=1',
    '/a/%2e%2e;/b',
    '/a/..%3b/b',
    '/a#b',
    '/a?b',
    '/<b>',
    '/{id}',
  ])('refuses %s', (path) => {
    expect(normal(path)).toBeNull()
  })

  const path = fc
    .array(
      fc.oneof(
        fc.constantFrom('/', '//', '.', '..', ';', '%2e', '%2E', '%41', '%c3', '%25', '%3B', 'a', 'B~'),
        fc.string({ maxLength: 3 }),
      ),
      {
        maxLength: 12,
      },
    )
    .map((parts) => `/${parts.join('')}`)

  it('is its own normal form', () => {
    fc.assert(
      fc.property(path, (text) => {
        const once = normal(text)
        fc.pre(once !== null)
        expect(normal(once)).toBe(once)
      }),
      { numRuns: 3_000 },
    )
  })

  it('never grows, and holds no dot segment, double slash or lower-case escape', () => {
    fc.assert(
      fc.property(path, (text) => {
        const form = normal(text)
        fc.pre(form !== null)
        expect(form.length).toBeLessThanOrEqual(text.length)
        expect(form).toMatch(/^\/(?!.*\/\/)/)
        expect(form.split('/')).not.toContain('.')
        expect(form.split('/')).not.toContain('..')
        expect(form).not.toMatch(/%(?![0-9A-F]{2})/)
      }),
      { numRuns: 3_000 },
    )
  })

  it('agrees with the URL parser on what both take', () => {
    const plain = fc
      .array(fc.constantFrom('a', 'b.c', '..', '.', '%2e', '%2E%2e', 'x%20y'), { maxLength: 8 })
      .map((parts) => `/${parts.join('/')}`)
    fc.assert(
      fc.property(plain, (text) => {
        const form = normal(text)
        fc.pre(form !== null)
        expect(form).toBe(new URL(text, 'http://h').pathname)
      }),
    )
  })

  it('reads a range of a larger buffer', () => {
    const bytes = Buffer.from('GET /a/../b HTTP')
    const out = new Uint8Array(16)
    expect(normalizePath(bytes, 4, 11, out)).toBe(2)
    expect(Buffer.from(out.subarray(0, 2)).toString()).toBe('/b')
  })
})
