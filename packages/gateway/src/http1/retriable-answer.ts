import { longestWaitMs, retryAfterMs } from '../resilience/backoff.js'
import { isName } from '../route-table/conditions.js'
import type { HeadParser } from './head-parser.js'
import { latin1 } from './own-answer.js'

const retryAfterName = Buffer.from('retry-after')
const idempotencyKeyName = Buffer.from('idempotency-key')

/**
 * Milliseconds that an answer asks to be waited for before the next try, 0 when it does not say; null when that is longer than a request is held
 * for, or than the `leftMs` that there are: then the client gets the answer and decides for itself.
 */
export function pauseAskedFor(parser: HeadParser, leftMs: number, unixMs: number): number | null {
  const index = indexOf(parser, retryAfterName)
  if (index === -1) return 0
  const { bytes, headers } = parser
  const ms = retryAfterMs(latin1(bytes, headers[index * 4 + 2], headers[index * 4 + 3]), unixMs) ?? 0
  return ms > longestWaitMs || ms >= leftMs ? null : ms
}

/** Whether the request names itself, so that a service that was asked twice does it once. */
export function hasIdempotencyKey(parser: HeadParser): boolean {
  const index = indexOf(parser, idempotencyKeyName)
  return index !== -1 && parser.headers[index * 4 + 3] > parser.headers[index * 4 + 2]
}

function indexOf({ bytes, headers, headerCount }: HeadParser, name: Uint8Array): number {
  for (let index = 0; index < headerCount; index++) {
    if (isName(name, bytes, headers[index * 4], headers[index * 4 + 1])) return index
  }
  return -1
}
