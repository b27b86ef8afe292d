import { ascii, lowerCase, targetChars, tokenChars } from '../http1/chars.js'
import * as kinds from '../http1/field-kinds.js'
import { type Head, longestMethod } from '../http1/head.js'
import { type Refusal, refusals } from '../http1/refusal.js'
import { copy } from '../http1/words.js'
import { mayTrail } from '../http1/trailer-fields.js'
import { crlf, httpVersion, put } from '../http1/text.js'
import type { FieldSink } from './hpack/decoder.js'
import * as field from './hpack/field-class.js'
import { LineBuffer } from './hpack/line-buffer.js'
import { makeKey } from './web-socket-handshake.js'

const hostName = ascii('host: ')
const cookieName = ascii('cookie: ')
const getMethod = ascii('GET')
const optionsMethod = ascii('OPTIONS')
const connectMethod = ascii('CONNECT')
const http = ascii('http')
const https = ascii('https')
const webSocket = ascii('websocket')
const chunked = ascii('transfer-encoding: chunked\r\n')
const noContent = ascii('content-length: 0\r\n')
const connectionUpgrade = ascii('connection: Upgrade\r\n')
const upgradeWebSocket = ascii('upgrade: websocket\r\n')
const keyName = ascii('sec-websocket-key: ')
const colon = 0x3a
const pseudoCount = 6
/** Behind a place at the front that no value can have: 0 says that there is none. */
const firstAt = 1

/**
 * Makes the head of an HTTP/1.1 request out of the fields of an HTTP/2 one, checked as RFC 9113 sections 8.2 and 8.3 ask. All that
 * HTTP/1.1 has rules for (host, target, lengths) is left to the `Head` that they are given to: it is the same for both.
 *
 *     lines   [ :method: GET | :path: / | … ][ GET / HTTP/1.1 | host: … | kept lines | cookie: … | framing | ]
 *               pseudo-header fields           ^ start
 */
export class RequestSection implements FieldSink {
  readonly lines: LineBuffer
  /** What the request says. Its bytes are those of `lines`, from `start` on. */
  head: Head
  start = 0
  /** What is wrong with the request; empty when it is well formed. */
  fault = ''
  /** Why the request, well formed as it is, is not served. */
  refusal: Refusal | null = null
  /** Of an extended CONNECT (RFC 8441) for a WebSocket, whose head is that of an upgrade: the key of its handshake; else empty. */
  webSocketKey = ''
  /** An extended CONNECT for something else. */
  hasUnknownProtocol = false
  /** Of trailers, those that go on. */
  trailerCount = 0
  readonly #cookies = new LineBuffer()
  /** Where the value of each pseudo-header field begins and ends in `lines`, by its class; 0 when it is absent. */
  readonly #starts = new Int32Array(pseudoCount + 1)
  readonly #ends = new Int32Array(pseudoCount + 1)
  #hasHead = false
  #hasHost = false
  #hasLength = false
  #isTrailer = false

  /** `head`: for before the first `begin`. */
  constructor(lines: LineBuffer, head: Head) {
    this.lines = lines
    this.head = head
  }

  /** Begins a request, to be filled into `head`, or trailers, which must not have pseudo-header fields (RFC 9113 section 8.1). */
  begin(head: Head, isTrailer: boolean): void {
    this.head = head
    this.lines.length = firstAt
    this.start = 0
    this.fault = ''
    this.refusal = null
    this.webSocketKey = ''
    this.hasUnknownProtocol = false
    this.trailerCount = 0
    this.#cookies.length = 0
    this.#starts.fill(0)
    this.#hasHead = false
    this.#hasHost = false
    this.#hasLength = false
    this.#isTrailer = isTrailer
  }

  onField(fieldClass: number, start: number, nameEnd: number, end: number): void {
    if (fieldClass === field.plain && this.#hasHead) {
      this.#keep(kinds.plain, start, nameEnd, end)
      return
    }
    if ((fieldClass & field.badName) !== 0) this.#fail('A name has a character that it must not have.')
    else if ((fieldClass & field.badValue) !== 0) this.#fail('A value has a character that it must not have.')
    const kind = fieldClass & field.fieldMask
    if (kind >= field.methodField && kind <= field.unknownPseudo) {
      this.#addPseudo(kind, nameEnd + 2, end - 2)
      return
    }
    if (this.#isTrailer) {
      if (kind === field.connectionField) this.#fail('A trailer is a field of HTTP/1.1 connections.')
      if (kind === field.plain && mayTrail(this.lines.bytes, start, nameEnd)) this.trailerCount++
      else this.lines.length = start
      return
    }
    if (!this.#hasHead) {
      const shift = this.#writeHead(start, end)
      start += shift
      nameEnd += shift
      end += shift
    }
    switch (kind) {
      case field.connectionField:
        this.#fail('A field of HTTP/1.1 connections is not allowed.')
        return
      case field.hostField:
        if (!this.#takesHost(start, nameEnd + 2, end - 2)) return
        break
      case field.contentLengthField:
        this.#hasLength = true
        break
      case field.cookieField:
        this.#addCookie(start, nameEnd + 2, end - 2)
        return
    }
    this.#keep(field.kindOf(fieldClass), start, nameEnd, end)
  }

  /** The trailers that go on, `name: value\r\n` each; null when there are none. */
  takeTrailers(): Buffer | null {
    const { bytes, length } = this.lines
    return this.trailerCount === 0 ? null : Buffer.from(bytes.subarray(firstAt, length))
  }

  /** Completes the head, unless there is a fault. */
  finish(isEndStream: boolean): void {
    if (this.#isTrailer) return
    if (!this.#hasHead) this.#writeHead(this.lines.length, this.lines.length)
    if (this.fault !== '') return
    const { head, lines } = this
    if (this.#cookies.length > 0) this.#append(kinds.plain, cookieName, this.#cookies.bytes, this.#cookies.length)
    if (this.webSocketKey !== '') {
      this.#append(kinds.connection, connectionUpgrade)
      this.#append(kinds.upgrade, upgradeWebSocket)
      this.#append(kinds.plain, keyName, ascii(this.webSocketKey), this.webSocketKey.length)
    } else if (!isEndStream && !this.#hasLength) {
      this.#append(kinds.transferEncoding, chunked)
    } else if (isEndStream && !this.#hasLength && lines.bytes[this.start] === 0x50) {
      // POST, PUT, PATCH: RFC 9110 section 8.6 wants it said that there is no content.
      this.#append(kinds.contentLength, noContent)
    }
    lines.reserve(crlf.length)
    lines.length = put(lines.bytes, lines.length, crlf)
    head.bytes = lines.bytes
    head.end = lines.length
    if (this.refusal !== null) return
    if (head.end - head.start > head.limits.maxHeadBytes) this.refusal = refusals.longHead
    else if (!head.judge()) this.refusal = head.refusal
  }

  /** Puts a line behind the others: a whole one, or one that begins so and has `value[0, length)`, into the head as well. */
  #append(kind: number, line: Uint8Array, value: Uint8Array | null = null, length = 0): void {
    const { lines } = this
    const start = lines.length
    lines.reserve(line.length + length + crlf.length)
    let to = put(lines.bytes, start, line)
    if (value !== null) {
      to = copy(value, 0, length, lines.bytes, to)
      to = put(lines.bytes, to, crlf)
    }
    lines.length = to
    this.#keep(kind, start, start + line.indexOf(colon), to)
  }

  /** Takes the line `name: value` at `[start, end)` into the head. */
  #keep(kind: number, start: number, nameEnd: number, end: number): void {
    const { head } = this
    if (this.fault !== '' || this.refusal !== null) return
    // It may have moved since the line before it.
    head.bytes = this.lines.bytes
    if (head.headerCount === head.limits.maxHeaders) this.refusal = refusals.manyHeaders
    else if (!head.add(kind, start, nameEnd, nameEnd + 2, end - 2)) this.refusal = head.refusal
  }

  #addPseudo(kind: number, start: number, end: number): void {
    if (this.#isTrailer || this.#hasHead) this.#fail('A pseudo-header field stands behind others.')
    else if (kind > field.protocolField) this.#fail('A pseudo-header field is not one of requests.')
    else if (this.#starts[kind] !== 0) this.#fail('A pseudo-header field occurs twice.')
    this.#starts[Math.min(kind, pseudoCount)] = start
    this.#ends[Math.min(kind, pseudoCount)] = end
  }

  /** Crumbs (RFC 9113 section 8.2.3) become one line again; empty ones say nothing, and behind the last one white space would be left. */
  #addCookie(lineStart: number, start: number, end: number): void {
    const cookies = this.#cookies
    this.lines.length = lineStart
    if (start === end) return
    cookies.reserve(end - start + 2)
    if (cookies.length > 0) {
      cookies.bytes[cookies.length++] = 0x3b
      cookies.bytes[cookies.length++] = 0x20
    }
    cookies.length = copy(this.lines.bytes, start, end, cookies.bytes, cookies.length)
  }

  /** Whether a Host is kept: beside `:authority` it must say the same (RFC 9113 section 8.3.1), and it is one line then. */
  #takesHost(lineStart: number, start: number, end: number): boolean {
    if (this.#hasHost) this.#fail('Host occurs twice.')
    this.#hasHost = true
    if (this.#starts[field.authorityField] === 0) return true
    if (!this.#isSame(field.authorityField, start, end)) this.#fail('Host differs from :authority.')
    this.lines.length = lineStart
    return false
  }

  /** Writes the request line and Host in front of the line `[at, end)`, the first that is kept; returns by how much that has moved. */
  #writeHead(at: number, end: number): number {
    this.#hasHead = true
    this.#check()
    const { lines } = this
    this.start = at
    if (this.fault !== '') return 0
    const size =
      this.#length(field.methodField) + this.#length(field.pathField) + this.#length(field.authorityField) + 64
    lines.reserve(size + end - at)
    const out = lines.bytes
    out.copyWithin(at + size, at, end)
    const to = this.#writeFirstLines(at)
    out.copyWithin(to, at + size, at + size + end - at)
    lines.length = to + end - at
    return to - at
  }

  /** Writes the request line and Host at `start`, and begins the head with them; returns the offset behind them. */
  #writeFirstLines(start: number): number {
    const starts = this.#starts
    const ends = this.#ends
    const { head } = this
    const out = this.lines.bytes
    head.begin(out, start)
    head.minorVersion = 1
    head.methodStart = start
    let to = start
    if (this.webSocketKey !== '') to = put(out, to, getMethod)
    else to = copy(out, starts[field.methodField], ends[field.methodField], out, to)
    head.methodEnd = to
    out[to++] = 0x20
    const target = starts[field.pathField] === 0 ? field.authorityField : field.pathField
    head.targetStart = to
    to = copy(out, starts[target], ends[target], out, to)
    head.targetEnd = to
    head.queryStart = this.#queryStart()
    if (head.methodEnd - start > longestMethod) this.refusal = refusals.longMethod
    else if (to - head.targetStart > head.limits.maxTargetBytes) this.refusal = refusals.longTarget
    to = put(out, to, httpVersion)
    if (starts[field.authorityField] === 0) return to
    const lineStart = to
    to = put(out, to, hostName)
    to = copy(out, starts[field.authorityField], ends[field.authorityField], out, to)
    to = put(out, to, crlf)
    this.#keep(kinds.host, lineStart, lineStart + hostName.length - 2, to)
    return to
  }

  /** Behind the target's `?`; 0 when it has none. */
  #queryStart(): number {
    const { targetStart, targetEnd } = this.head
    const { bytes } = this.lines
    for (let at = targetStart; at < targetEnd; at++) if (bytes[at] === 0x3f) return at + 1
    return 0
  }

  /** RFC 9113 sections 8.3.1 and 8.5, RFC 8441 section 4. */
  #check(): void {
    const starts = this.#starts
    const isConnect = this.#is(field.methodField, connectMethod)
    const hasProtocol = starts[field.protocolField] !== 0
    if (starts[field.methodField] === 0) this.#fail(':method is missing.')
    else if (!this.#isMadeOf(field.methodField, tokenChars)) this.#fail(':method is not a token.')
    else if (hasProtocol && !isConnect) this.#fail(':protocol is only for CONNECT.')
    else if (isConnect && !hasProtocol) this.#checkPlainConnect()
    else if (starts[field.schemeField] === 0) this.#fail(':scheme is missing.')
    else if (!this.#is(field.schemeField, http) && !this.#is(field.schemeField, https)) {
      this.#fail(':scheme is neither http nor https.')
    } else if (starts[field.pathField] === 0) this.#fail(':path is missing.')
    else if (!this.#isPath()) this.#fail(':path is not a path.')
    else if (starts[field.authorityField] !== 0 && this.#length(field.authorityField) === 0) {
      this.#fail(':authority is empty.')
    } else if (hasProtocol) {
      if (starts[field.authorityField] === 0) this.#fail(':authority is missing.')
      this.hasUnknownProtocol = !this.#is(field.protocolField, webSocket)
      if (!this.hasUnknownProtocol) this.webSocketKey = makeKey()
    }
  }

  #checkPlainConnect(): void {
    const starts = this.#starts
    if (starts[field.schemeField] !== 0 || starts[field.pathField] !== 0) this.#fail('CONNECT has :scheme or :path.')
    else if (starts[field.authorityField] === 0) this.#fail('CONNECT has no :authority.')
    else if (!this.#isMadeOf(field.authorityField, targetChars)) this.#fail(':authority is not one.')
  }

  #isPath(): boolean {
    const first = this.lines.bytes[this.#starts[field.pathField]]
    if (this.#length(field.pathField) === 0 || !this.#isMadeOf(field.pathField, targetChars)) return false
    if (first === 0x2f) return true
    return first === 0x2a && this.#length(field.pathField) === 1 && this.#is(field.methodField, optionsMethod)
  }

  #isMadeOf(kind: number, chars: Uint8Array): boolean {
    const { bytes } = this.lines
    const end = this.#ends[kind]
    for (let at = this.#starts[kind]; at < end; at++) if (chars[bytes[at]] === 0) return false
    return this.#starts[kind] < end
  }

  #is(kind: number, value: Uint8Array): boolean {
    const start = this.#starts[kind]
    if (start === 0 || this.#length(kind) !== value.length) return false
    for (let index = 0; index < value.length; index++) {
      if (this.lines.bytes[start + index] !== value[index]) return false
    }
    return true
  }

  #isSame(kind: number, start: number, end: number): boolean {
    const { bytes } = this.lines
    let at = this.#starts[kind]
    if (this.#length(kind) !== end - start) return false
    for (let other = start; other < end; other++) if (lowerCase[bytes[at++]] !== lowerCase[bytes[other]]) return false
    return true
  }

  #length(kind: number): number {
    return this.#starts[kind] === 0 ? 0 : this.#ends[kind] - this.#starts[kind]
  }

  /** The first fault is told. */
  #fail(fault: string): void {
    if (this.fault === '') this.fault = fault
  }
}
