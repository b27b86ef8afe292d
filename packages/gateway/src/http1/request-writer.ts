import type { IdSource } from '../ids.js'
import type { CompiledEdit } from '../route-table/header-edit.js'
import type { CompiledRoute } from '../route-table/compiled-route.js'
import { writeEditedPath } from '../route-table/rewrite.js'
import { tokenChars } from './chars.js'
import { copy } from './words.js'
import * as kind from './field-kinds.js'
import type { Head } from './head.js'
import {
  chunkedLine,
  contentLengthName,
  crlf,
  forwardedForName,
  hostName,
  httpVersion,
  put,
  putAscii,
  requestIdName,
  traceparentName,
  upgradeName,
} from './text.js'

const longestRequestId = 128

/** Whose request it is, which services are told by `X-Forwarded-*`. */
export interface RequestOrigin {
  readonly remoteAddress: string
  readonly certificateLine: Uint8Array | null
  readonly listener: { readonly forwardedLines: Uint8Array | null }
}

/** Bytes that the head written by `writeRequest` needs at most. */
export function requestHeadSize(
  parser: Head,
  route: CompiledRoute,
  edit: CompiledEdit | null,
  { remoteAddress, certificateLine, listener }: RequestOrigin,
): number {
  const rewrite = route.rewrite
  const rewritten = rewrite === null ? 0 : (rewrite.host?.length ?? 0) + (rewrite.path?.value.length ?? 0)
  const edited = edit === null ? 0 : edit.lines.length
  const authority = parser.authorityEnd - parser.authorityStart
  const client = remoteAddress.length + (certificateLine?.length ?? 0) + (listener.forwardedLines?.length ?? 0)
  return parser.end - parser.start + parser.pathLength + 2 * authority + rewritten + edited + client + 512
}

/** Where `writeRequest` put the request's id in its output. */
export interface WrittenHead {
  requestIdStart: number
  requestIdEnd: number
}

/**
 * Writes the head that goes upstream and returns its length. Kept header lines are copied in runs, in their order; what follows:
 * hop-by-hop fields and those that Connection names are left out (RFC 9110 section 7.6.1), but Connection cannot name away what the gateway
 * writes itself; who the client is said to be is replaced, unless the route's own edit says otherwise; the framing stays the client's, which the parser has found unambiguous, in its plain spelling.
 */
export function writeRequest(
  parser: Head,
  route: CompiledRoute,
  edit: CompiledEdit | null,
  client: RequestOrigin,
  keepsUpgrade: boolean,
  ids: IdSource,
  out: Uint8Array,
  written: WrittenHead,
): number {
  const bytes = parser.bytes
  let to = copy(bytes, parser.methodStart, parser.methodEnd, out, 0)
  out[to++] = 0x20
  const rewrite = route.rewrite
  if (rewrite !== null && rewrite.path !== null) {
    to = writeEditedPath(rewrite.path, route.prefixLength, parser.path, parser.pathLength, out, to)
  } else {
    to = copy(parser.path, 0, parser.pathLength, out, to)
  }
  if (parser.queryEnd !== parser.queryStart) to = copy(bytes, parser.queryStart - 1, parser.queryEnd, out, to)
  to = put(out, to, httpVersion)
  to = put(out, to, hostName)
  if (rewrite !== null && rewrite.host !== null) to = put(out, to, rewrite.host)
  else to = copy(bytes, parser.authorityStart, parser.authorityEnd, out, to)
  to = put(out, to, crlf)
  const { forwardedLines } = client.listener
  to = writeKeptLines(parser, edit, forwardedLines !== null, out, to)
  const ownStart = to
  if (forwardedLines !== null) {
    if (client.certificateLine !== null) to = put(out, to, client.certificateLine)
    to = put(out, to, forwardedForName)
    to = putAscii(out, to, client.remoteAddress)
    to = put(out, to, forwardedLines)
    to = copy(bytes, parser.authorityStart, parser.authorityEnd, out, to)
    to = put(out, to, crlf)
  }
  to = put(out, to, traceparentName)
  to = writeTraceparent(parser, ids, out, to)
  to = put(out, to, crlf)
  if (edit !== null) to = dropLines(edit, out, ownStart, to)
  to = put(out, to, requestIdName)
  written.requestIdStart = to
  to = writeRequestId(parser, ids, out, to)
  written.requestIdEnd = to
  to = put(out, to, crlf)
  if (keepsUpgrade) {
    const field = parser.upgradeIndex * 4
    to = put(out, to, upgradeName)
    to = copy(bytes, parser.headers[field + 2], parser.headers[field + 3], out, to)
    to = put(out, to, crlf)
  }
  if (edit !== null) to = put(out, to, edit.lines)
  return put(out, to, crlf)
}

/** Leaves those of the gateway's own lines out that the route's edit replaces or does not want; returns the offset behind the others. */
function dropLines(edit: CompiledEdit, out: Uint8Array, start: number, end: number): number {
  let to = start
  for (let at = start; at < end;) {
    const lineStart = at
    while (out[at] !== 0x3a) at++
    const isDropped = edit.drops(out, lineStart, at)
    while (out[at] !== 0x0a) at++
    at++
    if (!isDropped) {
      out.copyWithin(to, lineStart, at)
      to += at - lineStart
    }
  }
  return to
}

function writeKeptLines(
  parser: Head,
  edit: CompiledEdit | null,
  replacesIdentity: boolean,
  out: Uint8Array,
  to: number,
): number {
  const { bytes, headers, kinds, headerCount } = parser
  const checksConnection = parser.hasOtherOption
  const isAllKept = edit === null && !checksConnection
  let runStart = -1
  for (let index = 0; index < headerCount; index++) {
    const lineStart = headers[index * 4]
    if (isAllKept && kinds[index] === kind.plain) {
      if (runStart === -1) runStart = lineStart
    } else if (isOddFraming(parser, index)) {
      if (runStart !== -1) to = copy(bytes, runStart, lineStart, out, to)
      runStart = -1
      to = writeFraming(parser, index, out, to)
    } else if (
      isKept(kinds[index], replacesIdentity) &&
      (edit === null || !edit.drops(bytes, lineStart, headers[index * 4 + 1])) &&
      (!checksConnection || kinds[index] !== kind.plain || !parser.isNominated(index))
    ) {
      if (runStart === -1) runStart = lineStart
    } else if (runStart !== -1) {
      to = copy(bytes, runStart, lineStart, out, to)
      runStart = -1
    }
  }
  // The head ends with an empty line, which is not part of the last run.
  return runStart === -1 ? to : copy(bytes, runStart, parser.end - 2, out, to)
}

/**
 * Whether the line says how the body ends in a spelling (letters, white space) that is right and that yet not every server reads so: some do not
 * know `chunked` in capitals or with a tab behind it, and would find the next request in the middle of this one.
 */
function isOddFraming({ bytes, headers, kinds }: Head, index: number): boolean {
  const fieldKind = kinds[index]
  if (fieldKind !== kind.contentLength && fieldKind !== kind.transferEncoding) return false
  const nameEnd = headers[index * 4 + 1]
  const start = headers[index * 4 + 2]
  const end = headers[index * 4 + 3]
  if (start !== nameEnd + 2 || bytes[start - 1] !== 0x20 || bytes[end] !== 0x0d) return true
  if (fieldKind === kind.contentLength) return false
  // The parser lets only "chunked" pass: it is plain when no letter is a capital.
  for (let at = start; at < end; at++) if ((bytes[at] & 0x20) === 0) return true
  return false
}

function writeFraming(parser: Head, index: number, out: Uint8Array, to: number): number {
  if (parser.kinds[index] === kind.transferEncoding) return put(out, to, chunkedLine)
  to = put(out, to, contentLengthName)
  to = copy(parser.bytes, parser.headers[index * 4 + 2], parser.headers[index * 4 + 3], out, to)
  return put(out, to, crlf)
}

function isKept(fieldKind: number, replacesIdentity: boolean): boolean {
  switch (fieldKind) {
    case kind.plain:
    case kind.contentLength:
    case kind.transferEncoding:
    case kind.expect:
    case kind.date:
      return true
    case kind.identity:
      return !replacesIdentity
    default:
      return false
  }
}

/** The client's own when it is a token of sane length (RFC 9110 section 5.6.2), else a new one. */
function writeRequestId(parser: Head, ids: IdSource, out: Uint8Array, to: number): number {
  const index = parser.requestIdIndex
  if (index !== -1) {
    const start = parser.headers[index * 4 + 2]
    const end = parser.headers[index * 4 + 3]
    if (end > start && end - start <= longestRequestId && isToken(parser.bytes, start, end)) {
      return copy(parser.bytes, start, end, out, to)
    }
  }
  return ids.writeRequestId(out, to)
}

function isToken(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (tokenChars[bytes[at]] !== 1) return false
  return true
}

/** W3C Trace Context section 3.2: a valid one keeps its trace id and flags and gets a new parent id; else a new trace begins, sampled. */
function writeTraceparent(parser: Head, ids: IdSource, out: Uint8Array, to: number): number {
  const index = parser.traceparentIndex
  if (index !== -1) {
    const start = parser.headers[index * 4 + 2]
    if (isTraceparent(parser.bytes, start, parser.headers[index * 4 + 3])) {
      to = copy(parser.bytes, start + 3, start + 36, out, to)
      to = ids.writeSpanId(out, to)
      return copy(parser.bytes, start + 52, start + 55, out, to)
    }
  }
  to = ids.writeTraceId(out, to)
  out[to++] = 0x2d
  to = ids.writeSpanId(out, to)
  out[to++] = 0x2d
  out[to++] = 0x30
  out[to++] = 0x31
  return to
}

/** `00-` 32 hex `-` 16 hex `-` 2 hex, in lower case, neither id all zero. */
function isTraceparent(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== 55 || bytes[start] !== 0x30 || bytes[start + 1] !== 0x30) return false
  if (bytes[start + 2] !== 0x2d || bytes[start + 35] !== 0x2d || bytes[start + 52] !== 0x2d) return false
  return (
    isHexId(bytes, start + 3, start + 35) &&
    isHexId(bytes, start + 36, start + 52) &&
    isLowerHex(bytes, start + 53, end)
  )
}

function isLowerHex(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at]
    if (!((byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66))) return false
  }
  return true
}

function isHexId(bytes: Uint8Array, start: number, end: number): boolean {
  if (!isLowerHex(bytes, start, end)) return false
  for (let at = start; at < end; at++) if (bytes[at] !== 0x30) return true
  return false
}
