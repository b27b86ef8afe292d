import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseRedisUrl } from './redis-address.js'
import { encodeCommand, RespError, RespParser } from './resp-parser.js'

describe('replies', () => {
  const text = '+PONG\r\n:42\r\n$-1\r\n$5\r\nh\r\nlo\r\n*3\r\n:1\r\n$1\r\n7\r\n*0\r\n-NOSCRIPT no\r\n:-3\r\n'
  const expected = ['PONG', 42, null, 'h\r\nlo', [1, '7', []], new RespError('NOSCRIPT no'), -3]

  it('are read in whatever pieces they come', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: text.length })), (cuts) => {
        const parser = new RespParser()
        const replies = []
        let from = 0
        for (const to of [...cuts.toSorted((a, b) => a - b), text.length]) {
          replies.push(...parser.push(Buffer.from(text.slice(from, to))))
          from = to
        }
        expect(replies).toEqual(expected)
      }),
    )
  })

  it.each([
    'HTTP/1.1 400 Bad Request\r\n',
    ':x\r\n',
    '$999999999\r\n',
    '*5000\r\n',
    '*1\r\n'.repeat(9),
    `+${'x'.repeat(70_000)}`,
  ])('that are none end it: %j', (wrong) => {
    expect(() => new RespParser().push(Buffer.from(wrong))).toThrow(/Redis protocol|too large/)
  })

  it('to commands are asked for in bytes, not letters', () => {
    expect(encodeCommand(['GET', 'ü']).toString()).toBe('*2\r\n$3\r\nGET\r\n$2\r\nü\r\n')
  })
})

describe('the address of a store', () => {
  it.each([
    ['redis://localhost', { host: 'localhost', port: 6379, isSecure: false, user: '', password: '', database: 0 }],
    [
      'rediss://u:p%40ss@[::1]:7000/3\n',
      { host: '::1', port: 7000, isSecure: true, user: 'u', password: 'p@ss', database: 3 },
    ],
    ['redis://:only@h/', { host: 'h', port: 6379, isSecure: false, user: '', password: 'only', database: 0 }],
  ])('%s', (text, expected) => {
    expect(parseRedisUrl(text)).toEqual(expected)
  })

  it.each(['secret', 'http://user:secret@h', 'redis://:secret@h/x', 'redis:///secret'])(
    '%s is none, and is not repeated',
    (text) => {
      expect(() => parseRedisUrl(text)).toThrow(/^the address of the store (?!.*secret)/)
    },
  )
})
