import { equalsName, isSpace, latin1 } from './chars.js'
import { connection, fieldKind, plain } from './field-kinds.js'
import { fieldName } from './field-name.js'
import type { Head } from './head.js'
import type { FieldsView } from './request-view.js'
import { crlf, lastChunkLine } from './text.js'

/**
 * Beside those that mean something to the gateway: what says who asks or who may, where to, what a body is made of, or how a message is to be
 * handled has no place behind it (RFC 9110 section 6.5.1), where whoever judged the head has not seen it. The last lines are those that programs
 * take for some of it.
 */
const misplaced: ReadonlySet<string> = new Set(
  [
    'authorization cookie proxy-authenticate proxy-authorization set-cookie www-authenticate',
    'content-disposition content-encoding content-language content-location content-range content-security-policy content-type',
    'if-match if-modified-since if-none-match if-range if-unmodified-since range',
    'accept accept-charset accept-encoding accept-language cache-control from max-forwards origin pragma prefer referer user-agent',
    'age expires location retry-after strict-transport-security vary via warning',
    'client-ip proxy remote-user true-client-ip x-client-ip x-http-method x-http-method-override x-method-override',
    'x-original-host x-original-url x-remote-user x-rewrite-url',
  ].flatMap((names) => names.split(' ')),
)

/** They say something of the bytes of a body, which are others once the body has been encoded. */
const ofBytes: ReadonlySet<string> = new Set(['content-digest', 'content-md5', 'digest', 'etag', 'repr-digest'])

/** Of CORS, and what browsers say of a request. */
const misplacedPrefix = /^(access-control|sec)-/

const colon = Buffer.from(': ')
const trailersName = Buffer.from('trailers')

/** Whether the field whose name is `bytes[start, end)` may go on as a trailer. */
export function mayTrail(bytes: Uint8Array, start: number, end: number): boolean {
  if (fieldKind(bytes, start, end) !== plain) return false
  const name = fieldName(bytes, start, end)
  return !misplaced.has(name) && !misplacedPrefix.test(name)
}

export function isOfBytes(name: string): boolean {
  return ofBytes.has(name)
}

/** Of trailers, `name: value\r\n` each, those that may go on and are wanted by their `fieldName`; null when there are none. */
export function keptTrailers(lines: Uint8Array, isWanted: (name: string) => boolean): Uint8Array | null {
  const kept: Uint8Array[] = []
  for (let at = 0; at < lines.length;) {
    const nameEnd = lines.indexOf(0x3a, at)
    const end = lines.indexOf(0x0a, nameEnd) + 1
    if (mayTrail(lines, at, nameEnd) && isWanted(fieldName(lines, at, nameEnd))) kept.push(lines.subarray(at, end))
    at = end
  }
  return kept.length === 0 ? null : Buffer.concat(kept)
}

/** The names of the fields of a head of so many bytes, as `fieldName` gives them. */
export function namesOf(head: Uint8Array, length: number): Set<string> {
  const names = new Set<string>()
  for (let at = head.indexOf(0x0a) + 1; at < length && head[at] !== 0x0d; at = head.indexOf(0x0a, at) + 1) {
    names.add(fieldName(head, at, head.indexOf(0x3a, at)))
  }
  return names
}

/** The fields of a head as lines, `name: value\r\n` each; null when it has none. */
export function linesOf({ bytes, headers, headerCount }: Head): Uint8Array | null {
  if (headerCount === 0) return null
  const lines: Uint8Array[] = []
  for (let index = 0; index < headerCount * 4; index += 4) {
    lines.push(
      Buffer.from(bytes.subarray(headers[index], headers[index + 1])),
      colon,
      Buffer.from(bytes.subarray(headers[index + 2], headers[index + 3])),
      crlf,
    )
  }
  return Buffer.concat(lines)
}

/** Lines, `name: value\r\n` each, as the fields of a head are read. */
export function fieldsOf(lines: Uint8Array): FieldsView {
  const places: number[] = []
  for (let at = 0; at < lines.length;) {
    const nameEnd = lines.indexOf(0x3a, at)
    const lineEnd = lines.indexOf(0x0d, nameEnd)
    places.push(at, nameEnd, nameEnd + colon.length, lineEnd)
    at = lineEnd + crlf.length
  }
  return { bytes: lines, headers: Int32Array.from(places), headerCount: places.length / 4 }
}

/** The end of a body in chunks (RFC 9112 section 7.1.2). */
export function endOfChunks(trailers: Uint8Array): Uint8Array {
  return Buffer.concat([lastChunkLine, trailers, crlf])
}

/** Whether a TE header says `trailers` (RFC 9110 section 10.1.4): whoever sent it drops none. */
export function takesTrailers({ bytes, headers, teIndex }: Head): boolean {
  return (
    teIndex !== -1 &&
    listed(bytes, headers, teIndex).some(([start, end]) => equalsName(bytes, start, end, trailersName))
  )
}

/** What Connection names, as `fieldName` gives it; none of that goes on, be it a header or a trailer (RFC 9110 section 7.6.1). */
export function nominatedNames({ bytes, headers, kinds, headerCount }: Head): Set<string> {
  const names = new Set<string>()
  for (let index = 0; index < headerCount; index++) {
    if (kinds[index] !== connection) continue
    for (const [start, end] of listed(bytes, headers, index)) names.add(fieldName(bytes, start, end))
  }
  return names
}

/** `Trailer: …\r\n` with those of the names in a head's Trailer that may come and are wanted; empty when there are none. */
export function trailerLine({ bytes, headers, trailerIndex }: Head, isWanted: (name: string) => boolean): string {
  if (trailerIndex === -1) return ''
  const names = listed(bytes, headers, trailerIndex)
    .filter(([start, end]) => mayTrail(bytes, start, end) && isWanted(fieldName(bytes, start, end)))
    .map(([start, end]) => latin1(bytes, start, end))
    .filter((name) => /^[\w!#$%&'*+.^`|~-]+$/.test(name))
  return names.length === 0 ? '' : `Trailer: ${names.join(', ')}\r\n`
}

/** Where the members of a header's list begin and end (RFC 9110 section 5.6.1), without white space around them. */
function listed(bytes: Uint8Array, headers: Int32Array, index: number): (readonly [start: number, end: number])[] {
  const members: (readonly [number, number])[] = []
  const valueEnd = headers[index * 4 + 3]
  for (let at = headers[index * 4 + 2]; at < valueEnd; at++) {
    const comma = bytes.indexOf(0x2c, at)
    const next = comma === -1 || comma > valueEnd ? valueEnd : comma
    let end = next
    while (at < end && isSpace(bytes[at])) at++
    while (end > at && isSpace(bytes[end - 1])) end--
    if (at < end) members.push([at, end])
    at = next
  }
  return members
}
