import { pushbackMs } from '../grpc/grpc-status.js'
import { longestWaitMs, retryAfterMs } from '../resilience/backoff.js'
import { isName } from '../route-table/conditions.js'
import type { Head } from '../http1/head.js'
import { latin1 } from '../http1/chars.js'

const retryAfterName = Buffer.from('retry-after')
const idempotencyKeyName = Buffer.from('idempotency-key')

/** What is to be waited before the next try: so long at least, or exactly. */
export interface AskedPause {
  readonly ms: number
  readonly isExact: boolean
}

/** The answer says nothing of it. */
export const noPause: AskedPause = { ms: 0, isExact: false }

/**
 * What an answer asks to be waited for before the next try: one of gRPC by its pushback, others by Retry-After. Null when it wants no other try, or one
 * later than a request is held for, or than the `leftMs` that there are: then the client gets the answer and decides for itself.
 */
export function pauseAskedFor(
  parser: Head,
  { isCall, leftMs, unixMs }: { isCall: boolean; leftMs: number; unixMs: number },
): AskedPause | null {
  const asked = isCall ? pushback(parser) : retryAfter(parser, unixMs)
  return asked === null || asked.ms > longestWaitMs || asked.ms >= leftMs ? null : asked
}

function pushback(parser: Head): AskedPause | null {
  const ms = pushbackMs(parser)
  if (ms === 'never') return null
  return ms === null ? noPause : { ms, isExact: true }
}

function retryAfter(parser: Head, unixMs: number): AskedPause {
  const index = indexOf(parser, retryAfterName)
  if (index === -1) return noPause
  const { bytes, headers } = parser
  const ms = retryAfterMs(latin1(bytes, headers[index * 4 + 2], headers[index * 4 + 3]), unixMs) ?? 0
  return { ms, isExact: false }
}

/** Whether the request names itself, so that a service that was asked twice does it once. */
export function hasIdempotencyKey(parser: Head): boolean {
  const index = indexOf(parser, idempotencyKeyName)
  return index !== -1 && parser.headers[index * 4 + 3] > parser.headers[index * 4 + 2]
}

function indexOf({ bytes, headers, headerCount }: Head, name: Uint8Array): number {
  for (let index = 0; index < headerCount; index++) {
    if (isName(name, bytes, headers[index * 4], headers[index * 4 + 1])) return index
  }
  return -1
}
