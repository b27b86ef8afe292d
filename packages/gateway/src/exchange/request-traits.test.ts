import { expect, it } from 'vitest'
import { complete, HeadParser } from '../http1/head-parser.js'
import { RequestTraits } from './request-traits.js'

function traitsOf(head: string, hasBody = false): RequestTraits {
  const bytes = Buffer.from(`${head.replaceAll('\n', '\r\n')}\r\n\r\n`)
  const parser = new HeadParser(true, { maxTargetBytes: 1024, maxHeadBytes: 1024, maxHeaders: 16 })
  parser.begin(bytes, 0)
  expect(parser.parse(bytes.length)).toBe(complete)
  const traits = new RequestTraits()
  traits.begin(parser, hasBody)
  return traits
}

it.each([
  ['GET / HTTP/1.1\nHost: a', true],
  ['GET / HTTP/1.1\nHost: a\nConnection: close', false],
  ['GET / HTTP/1.0\nHost: a', false],
  ['GET / HTTP/1.0\nHost: a\nConnection: keep-alive', true],
])('whether the client connection stays after %j is its own to say (RFC 9112 section 9.3): %s', (head, keepsClient) => {
  expect(traitsOf(head)).toMatchObject({ keepsClient })
})

it('what is done twice as it is done once may be sent again (RFC 9110 section 9.2.2)', () => {
  expect(traitsOf('PUT / HTTP/1.1\nHost: a')).toMatchObject({ isIdempotent: true, isHead: false })
  expect(traitsOf('HEAD / HTTP/1.1\nHost: a')).toMatchObject({ isIdempotent: true, isHead: true })
  expect(traitsOf('POST / HTTP/1.1\nHost: a')).toMatchObject({ isIdempotent: false })
})

it('a request with a body is not upgraded, and one without has nothing to wait for', () => {
  const head = 'GET / HTTP/1.1\nHost: a\nConnection: upgrade\nUpgrade: x\nExpect: 100-continue'
  expect(traitsOf(head, true)).toMatchObject({ wantsUpgrade: false, expectsContinue: true })
  expect(traitsOf(head, false)).toMatchObject({ wantsUpgrade: true, expectsContinue: false })
})
