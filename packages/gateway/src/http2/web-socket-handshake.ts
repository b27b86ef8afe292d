import { createHash, randomBytes } from 'node:crypto'
import type { Head } from '../http1/head.js'
import { latin1 } from '../http1/chars.js'

const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** A Sec-WebSocket-Key (RFC 6455 section 4.1): over HTTP/2 the client has none (RFC 8441 section 5), and the service wants one. */
export function makeKey(): string {
  return randomBytes(16).toString('base64')
}

/** Whether the service's answer belongs to the key (RFC 6455 section 4.2.2). */
export function accepts(parser: Head, key: string): boolean {
  const wanted = createHash('sha1')
    .update(key + guid)
    .digest('base64')
  const index = acceptIndex(parser)
  if (index === -1) return false
  return latin1(parser.bytes, parser.headers[index * 4 + 2], parser.headers[index * 4 + 3]) === wanted
}

function acceptIndex(parser: Head): number {
  for (let index = 0; index < parser.headerCount; index++) {
    const name = latin1(parser.bytes, parser.headers[index * 4], parser.headers[index * 4 + 1])
    if (name.toLowerCase() === 'sec-websocket-accept') return index
  }
  return -1
}
