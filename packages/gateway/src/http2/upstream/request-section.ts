import { ascii, equalsName, isSpace } from '../../http1/chars.js'
import { fieldOverhead, type HpackEncoder } from '../hpack/encoder.js'

const hostLine = ascii('Host: ')
const teName = ascii('te')
const trailers = ascii('trailers')
/** Belong to a connection of HTTP/1.1 (RFC 9113 section 8.2.2). */
const ofConnection = ['connection', 'transfer-encoding', 'upgrade', 'keep-alive', 'proxy-connection'].map(ascii)
const [methodName, schemeName, authorityName, pathName] = [':method', ':scheme', ':authority', ':path'].map(ascii)
const http = ascii('http')

/** Encodes the fields behind a body, `lines` of `name: value\r\n`; returns the offset behind it in `out`, which has `sectionSize` bytes. */
export function encodeTrailers(encoder: HpackEncoder, lines: Uint8Array, out: Uint8Array): number {
  return encodeLines(encoder, lines, 0, lines.length, out, encoder.begin(out, 0))
}

/** Bytes that the section of a head of so many bytes needs at most: no line of it is shorter than five. */
export function sectionSize(headLength: number): number {
  return headLength + Math.ceil(headLength / 5) * fieldOverhead + 128
}

/**
 * Encodes the head of a request, `bytes[0, length)` as the gateway writes it for HTTP/1.1, as a field section of HTTP/2 (RFC 9113 section 8.3.1).
 * `takesTrailers` adds `te: trailers`. Returns the offset behind it in `out`, which has `sectionSize` bytes.
 */
export function encodeRequest(
  encoder: HpackEncoder,
  bytes: Uint8Array,
  length: number,
  takesTrailers: boolean,
  out: Uint8Array,
): number {
  const methodEnd = bytes.indexOf(0x20)
  const pathEnd = bytes.indexOf(0x20, methodEnd + 1)
  const lineEnd = bytes.indexOf(0x0a, pathEnd) + 1
  let to = encoder.begin(out, 0)
  to = encoder.field(out, to, methodName, 0, methodName.length, bytes, 0, methodEnd)
  to = encoder.field(out, to, schemeName, 0, schemeName.length, http, 0, http.length)
  // The host is the first line of every head that the gateway writes.
  const hostEnd = bytes.indexOf(0x0d, lineEnd)
  to = encoder.field(out, to, authorityName, 0, authorityName.length, bytes, lineEnd + hostLine.length, hostEnd)
  to = encoder.field(out, to, pathName, 0, pathName.length, bytes, methodEnd + 1, pathEnd)
  to = encodeLines(encoder, bytes, hostEnd + 2, length, out, to)
  return takesTrailers ? encoder.field(out, to, teName, 0, teName.length, trailers, 0, trailers.length) : to
}

/** Up to an empty line or the end. */
function encodeLines(
  encoder: HpackEncoder,
  bytes: Uint8Array,
  at: number,
  length: number,
  out: Uint8Array,
  to: number,
): number {
  while (at < length && bytes[at] !== 0x0d) {
    const nameEnd = bytes.indexOf(0x3a, at)
    const next = bytes.indexOf(0x0d, nameEnd)
    let start = nameEnd + 1
    let end = next
    while (start < end && isSpace(bytes[start])) start++
    while (end > start && isSpace(bytes[end - 1])) end--
    if (isCarried(bytes, at, nameEnd)) to = encoder.field(out, to, bytes, at, nameEnd, bytes, start, end)
    at = next + 2
  }
  return to
}

function isCarried(bytes: Uint8Array, start: number, end: number): boolean {
  for (let index = 0; index < ofConnection.length; index++) {
    if (equalsName(bytes, start, end, ofConnection[index])) return false
  }
  return true
}
