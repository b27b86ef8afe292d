import type { Head } from '../http1/head.js'
import { headerValue } from '../http1/head-values.js'
import { isOptions, isTrace } from '../http1/methods.js'
import type { OwnAnswer } from '../http1/own-answer.js'
import { CompiledEdit } from '../route-table/header-edit.js'

/** No chain of proxies is longer, so a larger number is taken for this one (RFC 9110 section 7.6.2 lets a recipient have a largest). */
const largest = 1_000_000
const fieldName = Buffer.from('max-forwards')

const unreadable: OwnAnswer = {
  kind: 'problem',
  reason: 'bad_request',
  detail: 'Max-Forwards is not one whole number.',
}
/** What came may hold credentials, and a page that gets it back could read them. */
const noTrace: OwnAnswer = {
  kind: 'problem',
  reason: 'not_implemented',
  detail: 'Max-Forwards ends at the gateway, which does not send requests of TRACE back.',
}

/**
 * How often an OPTIONS or TRACE may still be sent on (RFC 9110 section 7.6.2). Infinity: it does not say, or its method has no use for it; NaN: it
 * says something else.
 */
export function forwardsLeft(parser: Head): number {
  if (!isOptions(parser) && !isTrace(parser)) return Infinity
  const value = headerValue(parser, 'max-forwards')
  if (value === null) return Infinity
  return /^[0-9]+$/.test(value) ? Math.min(Number(value), largest) : Number.NaN
}

/** What a request gets that is sent on no more. `allow`: the methods that its target takes; null when that is not known. */
export function answerOfLast(parser: Head, left: number, allow: string | null): OwnAnswer {
  if (Number.isNaN(left)) return unreadable
  if (isTrace(parser)) return noTrace
  return { kind: 'response', status: 204, headers: allow === null ? [] : [['Allow', allow]] }
}

/** `left` as the next recipient gets it, in place of what came; null when none is sent. */
export function forwardsEdit(left: number): CompiledEdit | null {
  return left === Infinity ? null : new CompiledEdit([fieldName], Buffer.from(`Max-Forwards: ${left - 1}\r\n`))
}
