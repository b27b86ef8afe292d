import { STATUS_CODES } from 'node:http'
import { problemResponse, type Reason, reasons } from '../problem.js'
import type { ProblemPage } from '../problem-page.js'
import type { CompiledRoute } from '../route-table/compiled-route.js'
import { redirectLocation } from '../route-table/rewrite.js'
import type { CompiledEdit } from '../route-table/header-edit.js'
import { latin1 } from './chars.js'
import type { ListenerInfo } from './exchange-client.js'
import type { Head } from './head.js'
import type { Refusal } from './refusal.js'

/** What the gateway answers by itself: a redirect, a problem, or whatever a policy gives. */
export type OwnAnswer =
  | {
      readonly kind: 'response'
      /** A service has given it, some time ago: the route edits it as any other. */
      readonly isOfService?: true
      /** 200 to 599. */
      readonly status: number
      /** In their order; none that frames the message. */
      readonly headers: readonly (readonly [name: string, value: string])[]
      readonly body?: Uint8Array
    }
  | { readonly kind: 'redirect'; readonly status: number; readonly location: string }
  | {
      readonly kind: 'problem'
      readonly reason: Reason
      readonly detail: string
      /** Instead of the reason's own. */
      readonly status?: number
      readonly allow?: string
      readonly retryAfterSeconds?: number
      /** In place of the problem document. */
      readonly page?: ProblemPage
      readonly headers?: readonly (readonly [name: string, value: string])[]
    }

/** One that says what is wrong (RFC 9457). */
export type ProblemAnswer = OwnAnswer & { readonly kind: 'problem' }

const noLines = Buffer.alloc(0)

/** The request that is answered. */
export interface Answered {
  readonly requestId: string
  readonly keepAlive: boolean
  readonly isHead: boolean
  readonly route?: string
  readonly service?: string
  /** Lines that policies add to the head, `Name: value\r\n` each. */
  readonly lines?: Uint8Array
}

const reasonOfStatus: Readonly<Record<number, Reason>> = {
  400: 'bad_request',
  414: 'target_too_long',
  431: 'head_too_large',
  501: 'not_implemented',
  505: 'version_unsupported',
}

/** What a request is answered whose head cannot be served. */
export function refusalAnswer({ status, detail }: Pick<Refusal, 'status' | 'detail'>): ProblemAnswer {
  return { kind: 'problem', reason: reasonOfStatus[status] ?? 'bad_request', detail, status }
}

export function statusOf(answer: OwnAnswer): number {
  return answer.status ?? (answer.kind === 'problem' ? reasons[answer.reason].status : 500)
}

/** The whole response. */
export function answerBytes(answer: OwnAnswer, answered: Answered): Uint8Array {
  const added = answered.lines ?? noLines
  if (answer.kind === 'problem') {
    const { kind: _kind, headers = [], ...problem } = answer
    return problemResponse({ ...problem, ...answered, lines: Buffer.concat([linesOf(headers), added]) })
  }
  const headers = answer.kind === 'redirect' ? [['Location', answer.location] as const] : answer.headers
  const body = answer.kind === 'redirect' ? noLines : (answer.body ?? noLines)
  const title = STATUS_CODES[answer.status] ?? ''
  const hasDate = headers.some(([name]) => name.toLowerCase() === 'date')
  const framing = answer.status === 204 || answer.status === 304 ? '' : `Content-Length: ${body.length}\r\n`
  return Buffer.concat([
    Buffer.from(`HTTP/1.1 ${answer.status} ${title}\r\n${hasDate ? '' : `Date: ${new Date().toUTCString()}\r\n`}`),
    linesOf(headers),
    added,
    Buffer.from(`${framing}${answered.keepAlive ? '' : 'Connection: close\r\n'}\r\n`),
    answered.isHead || framing === '' ? noLines : body,
  ])
}

// oxlint-disable-next-line no-control-regex -- control characters are what must not get through.
const controls = /[\u0000-\u0008\u000a-\u001f\u007f]/g

/** Without the headers that the edit drops; its lines are written with the answer. */
export function edited(answer: OwnAnswer, edit: CompiledEdit | null): OwnAnswer {
  if (answer.kind !== 'response' || edit === null) return answer
  const headers = answer.headers.filter(([name]) => {
    const bytes = Buffer.from(name)
    return !edit.drops(bytes, 0, bytes.length)
  })
  return { ...answer, headers }
}

/** What would end the line early, or is no text of a header, is left out (RFC 9110 section 5.5). */
function linesOf(headers: readonly (readonly [name: string, value: string])[]): Buffer {
  const lines = headers.map(([name, value]) => `${name}: ${value.replace(controls, '')}\r\n`)
  return Buffer.from(lines.join(''), 'latin1')
}

/** The route's redirect for the request whose head was just read; null when the route has none. */
export function redirectOf(parser: Head, route: CompiledRoute, listener: ListenerInfo): OwnAnswer | null {
  const { redirect } = route
  if (redirect === null) return null
  const location = redirectLocation(redirect, route.prefixLength, {
    scheme: listener.isSecure ? 'https' : 'http',
    host: latin1(parser.bytes, parser.hostStart, parser.hostEnd),
    port: portOf(parser, listener),
    path: parser.path,
    pathLength: parser.pathLength,
    query: latin1(parser.bytes, parser.queryStart, parser.queryEnd),
  })
  return { kind: 'redirect', status: redirect.status, location }
}

/** Sends a request that came unencrypted to the same address on https; 308 keeps its method and body. */
export function secureRedirect(parser: Head, port: number): OwnAnswer {
  const host = latin1(parser.bytes, parser.hostStart, parser.hostEnd)
  if (host === '') return { kind: 'problem', reason: 'bad_request', detail: 'Without a Host there is no way to https.' }
  const path = latin1(parser.path, 0, parser.pathLength)
  const query = latin1(parser.bytes, parser.queryStart, parser.queryEnd)
  const place = `https://${host}${port === 443 ? '' : `:${port}`}${path}${query === '' ? '' : `?${query}`}`
  return { kind: 'redirect', status: 308, location: place }
}

/** The request in a few words, for people. */
export function describeRequest(parser: Head): string {
  const method = latin1(parser.bytes, parser.methodStart, parser.methodEnd)
  const host = latin1(parser.bytes, parser.authorityStart, parser.authorityEnd)
  return `${method} ${latin1(parser.path, 0, parser.pathLength)} on host "${host}"`
}

/** The port that the client used: the one it named, the scheme's own when it named a host only, else the listener's. */
function portOf(parser: Head, { port, isSecure }: ListenerInfo): number {
  if (parser.authorityEnd > parser.hostEnd + 1) {
    return Number(latin1(parser.bytes, parser.hostEnd + 1, parser.authorityEnd))
  }
  if (parser.authorityEnd === parser.authorityStart) return port
  return isSecure ? 443 : 80
}
