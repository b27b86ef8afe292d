import { expect, it } from 'vitest'
import { byChunks, byClose, byLength, noBody } from '../http1/body.js'
import { complete, HeadParser } from '../http1/head-parser.js'
import { framingOf, keepsConnection } from './response-head.js'

function read(head: string): HeadParser {
  const bytes = Buffer.from(`${head.replaceAll('\n', '\r\n')}\r\n\r\n`)
  const parser = new HeadParser(false, { maxTargetBytes: 0, maxHeadBytes: 1024, maxHeaders: 16 })
  parser.begin(bytes, 0)
  expect(parser.parse(bytes.length)).toBe(complete)
  return parser
}

it.each([
  ['HTTP/1.1 200 OK\nContent-Length: 3', byLength],
  ['HTTP/1.1 200 OK\nContent-Length: 0', byLength],
  ['HTTP/1.1 200 OK\nTransfer-Encoding: chunked', byChunks],
  ['HTTP/1.1 200 OK', byClose],
  ['HTTP/1.1 204 No Content', noBody],
  ['HTTP/1.1 304 Not Modified\nContent-Length: 3', noBody],
])('the end of the body of %j is known (RFC 9112 section 6.3)', (head, framing) => {
  const parser = read(head)
  expect(framingOf(parser, false, false)).toBe(framing)
  expect(framingOf(parser, true, false)).toBe(noBody)
  expect(framingOf(parser, false, true)).toBe(framing === noBody ? noBody : byClose)
})

it.each([
  ['HTTP/1.1 200 OK\nContent-Length: 3', true],
  ['HTTP/1.1 200 OK\nContent-Length: 3\nConnection: close', false],
  ['HTTP/1.0 200 OK\nContent-Length: 3', false],
  ['HTTP/1.0 200 OK\nContent-Length: 3\nConnection: keep-alive', true],
  ['HTTP/1.1 200 OK', false],
])('whether the connection stays after %j is known (RFC 9112 section 9.3): %s', (head, isKept) => {
  const parser = read(head)
  expect(keepsConnection(parser, framingOf(parser, false, false))).toBe(isKept)
})
