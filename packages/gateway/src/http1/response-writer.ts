import type { CompiledEdit } from '../route-table/header-edit.js'
import { copy } from './words.js'
import * as kind from './field-kinds.js'
import type { Head } from './head.js'
import { chunkedLine, closeLine, crlf, keepAliveLine, put, statusLine, upgradeName } from './text.js'

/** How the head that goes to the client differs from the upstream's. One object a worker, filled anew for each response. */
export class ResponseShape {
  edit: CompiledEdit | null = null
  /** The body will be sent in chunks. */
  isChunked = false
  /** Content-Length is kept: also without a body (HEAD, 304), not with 1xx and 204, which have none (RFC 9110 section 8.6). */
  keepsLength = true
  connection: 'implied' | 'close' | 'keep-alive' | 'upgrade' = 'implied'
  /** A Date line for a response without one (RFC 9110 section 6.6.1); null leaves it out. */
  date: Uint8Array | null = null
}

/** Bytes that `writeResponse` needs at most. */
export function responseHeadSize(parser: Head, edit: CompiledEdit | null): number {
  return parser.end - parser.start + (edit === null ? 0 : edit.lines.length) + 256
}

/** Writes the head that goes to the client at the start of `out` and returns its length. Kept lines are copied in runs, in their order. */
export function writeResponse(parser: Head, shape: ResponseShape, out: Uint8Array): number {
  const { bytes, status } = parser
  let to = put(out, 0, statusLine)
  out[to++] = 0x30 + ((status / 100) | 0)
  out[to++] = 0x30 + (((status / 10) | 0) % 10)
  out[to++] = 0x30 + (status % 10)
  out[to++] = 0x20
  to = copy(bytes, parser.reasonStart, parser.reasonEnd, out, to)
  to = put(out, to, crlf)
  to = writeKeptLines(parser, shape, out, to)
  if (shape.date !== null && parser.dateIndex === -1 && shape.edit?.hasDate !== true) to = put(out, to, shape.date)
  if (shape.isChunked) to = put(out, to, chunkedLine)
  if (shape.connection === 'close') to = put(out, to, closeLine)
  else if (shape.connection === 'keep-alive') to = put(out, to, keepAliveLine)
  else if (shape.connection === 'upgrade' && parser.upgradeIndex !== -1) {
    const field = parser.upgradeIndex * 4
    to = put(out, to, upgradeName)
    to = copy(bytes, parser.headers[field + 2], parser.headers[field + 3], out, to)
    to = put(out, to, crlf)
  }
  if (shape.edit !== null) to = put(out, to, shape.edit.lines)
  return put(out, to, crlf)
}

function writeKeptLines(parser: Head, shape: ResponseShape, out: Uint8Array, to: number): number {
  const { bytes, headers, kinds, headerCount } = parser
  const { edit, keepsLength } = shape
  const checksConnection = parser.hasOtherOption
  let runStart = -1
  for (let index = 0; index < headerCount; index++) {
    const lineStart = headers[index * 4]
    if (
      isKept(kinds[index], keepsLength) &&
      (edit === null || !edit.drops(bytes, lineStart, headers[index * 4 + 1])) &&
      (!checksConnection || kinds[index] !== kind.plain || !parser.isNominated(index))
    ) {
      if (runStart === -1) runStart = lineStart
    } else if (runStart !== -1) {
      to = copy(bytes, runStart, lineStart, out, to)
      runStart = -1
    }
  }
  return runStart === -1 ? to : copy(bytes, runStart, parser.end - 2, out, to)
}

/** Whether a client gets a field of this kind: not what is about one connection, nor a length that no longer holds. */
export function isKept(fieldKind: number, keepsLength: boolean): boolean {
  switch (fieldKind) {
    case kind.connection:
    case kind.transferEncoding:
    case kind.upgrade:
    case kind.hop:
    case kind.keepAlive:
    case kind.te:
    case kind.trailer:
      return false
    case kind.contentLength:
      return keepsLength
    default:
      return true
  }
}
