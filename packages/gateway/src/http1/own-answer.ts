import { problemResponse, type Reason, reasons } from '../problem.js'
import type { CompiledRoute } from '../route-table/compiled-route.js'
import { redirectLocation } from '../route-table/rewrite.js'
import type { HeadParser } from './head-parser.js'

/** What the gateway answers by itself: a redirect or a problem. */
export type OwnAnswer =
  | { readonly kind: 'redirect'; readonly status: number; readonly location: string }
  | {
      readonly kind: 'problem'
      readonly reason: Reason
      readonly detail: string
      /** Instead of the reason's own. */
      readonly status?: number
      readonly allow?: string
      readonly retryAfterSeconds?: number
    }

/** The request that is answered. */
export interface Answered {
  readonly requestId: string
  readonly keepAlive: boolean
  readonly isHead: boolean
  readonly route?: string
  readonly service?: string
}

export function statusOf(answer: OwnAnswer): number {
  return answer.status ?? (answer.kind === 'problem' ? reasons[answer.reason].status : 500)
}

/** The whole response. */
export function answerBytes(answer: OwnAnswer, answered: Answered): Uint8Array {
  if (answer.kind === 'problem') {
    const { kind: _kind, ...problem } = answer
    return problemResponse({ ...problem, ...answered })
  }
  const close = answered.keepAlive ? '' : 'Connection: close\r\n'
  return Buffer.from(
    `HTTP/1.1 ${answer.status} Redirect\r\nDate: ${new Date().toUTCString()}\r\nLocation: ${answer.location}\r\n` +
      `Content-Length: 0\r\n${close}\r\n`,
    'latin1',
  )
}

/** The route's redirect for the request whose head was just read; null when the route has none. */
export function redirectOf(parser: HeadParser, route: CompiledRoute, listenerPort: number): OwnAnswer | null {
  const { redirect } = route
  if (redirect === null) return null
  const location = redirectLocation(redirect, route.prefixLength, {
    scheme: 'http',
    host: latin1(parser.bytes, parser.hostStart, parser.hostEnd),
    port: portOf(parser, listenerPort),
    path: parser.path,
    pathLength: parser.pathLength,
    query: latin1(parser.bytes, parser.queryStart, parser.queryEnd),
  })
  return { kind: 'redirect', status: redirect.status, location }
}

/** The request in a few words, for people. */
export function describeRequest(parser: HeadParser): string {
  const method = latin1(parser.bytes, parser.methodStart, parser.methodEnd)
  const host = latin1(parser.bytes, parser.authorityStart, parser.authorityEnd)
  return `${method} ${latin1(parser.path, 0, parser.pathLength)} on host "${host}"`
}

export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
}

/** The port that the client used: the one it named, the scheme's own when it named a host only, else the listener's. */
function portOf(parser: HeadParser, listenerPort: number): number {
  if (parser.authorityEnd > parser.hostEnd + 1) {
    return Number(latin1(parser.bytes, parser.hostEnd + 1, parser.authorityEnd))
  }
  return parser.authorityEnd > parser.authorityStart ? 80 : listenerPort
}
