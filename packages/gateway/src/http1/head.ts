import { hostEnd } from './authority.js'
import { ascii, equalsName, lowerCase, tokenChars } from './chars.js'
import * as kind from './field-kinds.js'
import { normalizePath } from '../normal-path.js'
import { refusals, type Refusal } from './refusal.js'
import type { RequestView } from './request-view.js'
import { wordBuffer } from './words.js'

export interface HeadLimits {
  readonly maxTargetBytes: number
  readonly maxHeadBytes: number
  readonly maxHeaders: number
}

/** In bytes: no method that anyone serves is longer. */
export const longestMethod = 24

const chunkedToken = ascii('chunked')
const closeToken = ascii('close')
const keepAliveToken = ascii('keep-alive')
const upgradeToken = ascii('upgrade')
const continueToken = ascii('100-continue')
const timeoutPrefix = ascii('timeout=')
const connectMethod = ascii('CONNECT')
const optionsMethod = ascii('OPTIONS')
const httpScheme = ascii('http://')
const httpsScheme = ascii('https://')

/**
 * What the head of one request or one response says, and whether that can be served (RFC 9112 sections 3 to 6): what is ambiguous cannot.
 * Whoever reads the head, from the bytes of HTTP/1.1 or from the fields of HTTP/2, fills it in: `begin`, the places in its first line,
 * `add` for each field in their order, `judge`.
 *
 * Places are offsets into `bytes`. A head is used for message after message and allocates nothing.
 */
export class Head implements RequestView {
  bytes: Uint8Array
  /** Where the head begins and, once complete, the offset behind its empty line. */
  start = 0
  end = 0
  methodStart = 0
  methodEnd = 0
  targetStart = 0
  targetEnd = 0
  path: Uint8Array
  pathLength = 0
  queryStart = 0
  queryEnd = 0
  hostStart = 0
  hostEnd = 0
  /** The host with its port, as it is to be forwarded: the target's in absolute form, else the Host header's. */
  authorityStart = 0
  authorityEnd = 0
  headerCount = 0
  headers: Int32Array
  /** What each header means, by index: the constants of `field-kinds.ts`. */
  kinds: Uint8Array
  /** The x of HTTP/1.x. */
  minorVersion = 1
  status = 0
  reasonStart = 0
  reasonEnd = 0
  /** Declared body length, -1 when there is no Content-Length. */
  contentLength = -1
  isChunked = false
  /** Connection options (RFC 9110 section 7.6.1). `hasOtherOption`: it names further fields that concern this connection only. */
  hasClose = false
  hasKeepAlive = false
  hasUpgradeOption = false
  hasOtherOption = false
  /** Index of the Upgrade header and others that are wanted by index; -1 when absent, of repeated ones the last. */
  upgradeIndex = -1
  requestIdIndex = -1
  traceparentIndex = -1
  dateIndex = -1
  teIndex = -1
  trailerIndex = -1
  expectsContinue = false
  /** The response's `Keep-Alive: timeout=`, seconds; -1 when it has none. */
  keepAliveSeconds = -1
  /** Why it cannot be served. */
  refusal: Refusal = refusals.badStart
  protected readonly isRequest: boolean
  readonly limits: HeadLimits
  #hostIndex = -1
  #codings = 0

  constructor(isRequest: boolean, limits: HeadLimits) {
    this.isRequest = isRequest
    this.limits = limits
    this.bytes = new Uint8Array(0)
    this.path = wordBuffer(isRequest ? limits.maxTargetBytes + 1 : 0)
    this.headers = new Int32Array(limits.maxHeaders * 4)
    this.kinds = new Uint8Array(limits.maxHeaders)
  }

  /** Begins a head at `bytes[start]`. */
  begin(bytes: Uint8Array, start: number): void {
    this.bytes = bytes
    this.start = start
    this.headerCount = 0
    this.contentLength = -1
    this.isChunked = false
    this.hasClose = false
    this.hasKeepAlive = false
    this.hasUpgradeOption = false
    this.hasOtherOption = false
    this.upgradeIndex = -1
    this.requestIdIndex = -1
    this.traceparentIndex = -1
    this.dateIndex = -1
    this.teIndex = -1
    this.trailerIndex = -1
    this.expectsContinue = false
    this.keepAliveSeconds = -1
    this.queryStart = 0
    this.queryEnd = 0
    this.hostStart = 0
    this.hostEnd = 0
    this.authorityStart = 0
    this.authorityEnd = 0
    this.#hostIndex = -1
    this.#codings = 0
  }

  /** Whether the Connection header names the field of this index. Only asked when it names anything out of the ordinary. */
  isNominated(index: number): boolean {
    const bytes = this.bytes
    const headers = this.headers
    const nameStart = headers[index * 4]
    const nameEnd = headers[index * 4 + 1]
    for (let other = 0; other < this.headerCount; other++) {
      if (this.kinds[other] !== kind.connection) continue
      let at = headers[other * 4 + 2]
      const end = headers[other * 4 + 3]
      while (at < end) {
        const tokenStart = at
        while (at < end && tokenChars[bytes[at]] === 1) at++
        if (at - tokenStart === nameEnd - nameStart && sameName(bytes, tokenStart, nameStart, nameEnd)) return true
        at++
      }
    }
    return false
  }

  /**
   * Takes the next field, which means `fieldKind`; the value is without white space around it. There is room for `limits.maxHeaders`. False when
   * it cannot be served; `refusal` says why.
   */
  add(fieldKind: number, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): boolean {
    const index = this.headerCount++
    const headers = this.headers
    const field = index * 4
    headers[field] = nameStart
    headers[field + 1] = nameEnd
    headers[field + 2] = valueStart
    headers[field + 3] = valueEnd
    this.kinds[index] = fieldKind
    if (fieldKind === kind.plain) return true
    const bytes = this.bytes
    switch (fieldKind) {
      case kind.host:
        if (!this.isRequest) {
          this.kinds[index] = kind.plain
          return true
        }
        if (this.#hostIndex !== -1) return this.refuse(refusals.twoHosts)
        this.#hostIndex = index
        return true
      case kind.contentLength:
        return this.#addContentLength(valueStart, valueEnd)
      case kind.transferEncoding:
        if (++this.#codings > 1) return this.refuse(refusals.twoCodings)
        if (!equalsName(bytes, valueStart, valueEnd, chunkedToken)) return this.refuse(refusals.unknownCoding)
        this.isChunked = true
        return true
      case kind.connection:
        this.#addConnectionOptions(valueStart, valueEnd)
        return true
      case kind.upgrade:
        this.upgradeIndex = index
        return true
      case kind.expect:
        if (equalsName(bytes, valueStart, valueEnd, continueToken)) this.expectsContinue = true
        return true
      case kind.requestId:
        this.requestIdIndex = index
        return true
      case kind.traceparent:
        this.traceparentIndex = index
        return true
      case kind.date:
        this.dateIndex = index
        return true
      case kind.te:
        this.teIndex = index
        return true
      case kind.trailer:
        this.trailerIndex = index
        return true
      case kind.keepAlive:
        if (!this.isRequest) this.#addKeepAlive(valueStart, valueEnd)
        return true
    }
    return true
  }

  #addContentLength(start: number, end: number): boolean {
    if (this.contentLength !== -1) return this.refuse(refusals.twoLengths)
    // Fifteen digits stay exact in a double and are more than any disk holds.
    if (start === end || end - start > 15) return this.refuse(refusals.badLength)
    let length = 0
    for (let at = start; at < end; at++) {
      const digit = this.bytes[at] - 0x30
      if (digit < 0 || digit > 9) return this.refuse(refusals.badLength)
      length = length * 10 + digit
    }
    this.contentLength = length
    return true
  }

  #addConnectionOptions(start: number, end: number): void {
    const bytes = this.bytes
    let at = start
    while (at < end) {
      while (at < end && (bytes[at] === 0x20 || bytes[at] === 0x09 || bytes[at] === 0x2c)) at++
      const tokenStart = at
      while (at < end && bytes[at] !== 0x2c) at++
      let tokenEnd = at
      while (tokenEnd > tokenStart && (bytes[tokenEnd - 1] === 0x20 || bytes[tokenEnd - 1] === 0x09)) tokenEnd--
      if (tokenStart === tokenEnd) continue
      if (equalsName(bytes, tokenStart, tokenEnd, keepAliveToken)) this.hasKeepAlive = true
      else if (equalsName(bytes, tokenStart, tokenEnd, closeToken)) this.hasClose = true
      else if (equalsName(bytes, tokenStart, tokenEnd, upgradeToken)) this.hasUpgradeOption = true
      else this.hasOtherOption = true
    }
  }

  #addKeepAlive(start: number, end: number): void {
    const length = timeoutPrefix.length
    for (let at = start; at + length < end; at++) {
      if (!equalsName(this.bytes, at, at + length, timeoutPrefix)) continue
      let seconds = 0
      for (let digit = at + length; digit < end && seconds < 1e6; digit++) {
        const value = this.bytes[digit] - 0x30
        if (value < 0 || value > 9) break
        seconds = seconds * 10 + value
      }
      this.keepAliveSeconds = seconds
      return
    }
  }

  /** What can only be judged when the head is whole: its framing, and where a request wants to go. False as `add`. */
  judge(): boolean {
    if (this.isChunked) {
      if (this.contentLength !== -1) return this.refuse(refusals.bothFramings)
      if (this.minorVersion === 0) return this.refuse(refusals.oldChunked)
    }
    return !this.isRequest || this.#judgeTarget()
  }

  #judgeTarget(): boolean {
    const bytes = this.bytes
    if (this.#methodIs(connectMethod)) return this.refuse(refusals.connect)
    const hostIndex = this.#hostIndex
    if (hostIndex === -1) {
      if (this.minorVersion !== 0) return this.refuse(refusals.noHost)
    } else {
      this.authorityStart = this.headers[hostIndex * 4 + 2]
      this.authorityEnd = this.headers[hostIndex * 4 + 3]
      this.hostStart = this.authorityStart
      this.hostEnd = hostEnd(bytes, this.authorityStart, this.authorityEnd)
      if (this.hostEnd < 0) return this.refuse(refusals.badHost)
    }
    let pathStart = this.targetStart
    const first = bytes[pathStart]
    if (first === 0x2a && this.targetEnd - pathStart === 1) {
      if (!this.#methodIs(optionsMethod)) return this.refuse(refusals.badTarget)
      this.path[0] = 0x2a
      this.pathLength = 1
      return true
    }
    const hasQuery = this.queryStart !== 0
    const pathEnd = hasQuery ? this.queryStart - 1 : this.targetEnd
    if (first !== 0x2f) {
      pathStart = this.#takeAuthority(pathEnd)
      if (pathStart < 0) return false
    }
    if (hasQuery) this.queryEnd = this.targetEnd
    this.pathLength = normalizePath(bytes, pathStart, pathEnd, this.path)
    if (this.pathLength < 0) return this.refuse(refusals.badTarget)
    return true
  }

  /** Absolute form (RFC 9112 section 3.2.2): the target's authority counts and Host must say the same. Returns where the path begins, or -1. */
  #takeAuthority(pathEnd: number): number {
    const bytes = this.bytes
    const start = this.targetStart
    let authority = start + httpScheme.length
    if (!equalsPrefix(bytes, start, this.targetEnd, httpScheme)) {
      if (!equalsPrefix(bytes, start, this.targetEnd, httpsScheme)) return this.#refuseAuthority(refusals.badTarget)
      authority = start + httpsScheme.length
    }
    let pathStart = authority
    while (pathStart < pathEnd && bytes[pathStart] !== 0x2f) pathStart++
    const end = hostEnd(bytes, authority, pathStart)
    if (end < 0 || end === authority) return this.#refuseAuthority(refusals.badHost)
    if (this.#hostIndex !== -1) {
      const length = pathStart - authority
      if (
        this.authorityEnd - this.authorityStart !== length ||
        !sameName(bytes, this.authorityStart, authority, pathStart)
      ) {
        return this.#refuseAuthority(refusals.otherHost)
      }
    }
    this.authorityStart = authority
    this.authorityEnd = pathStart
    this.hostStart = authority
    this.hostEnd = end
    return pathStart
  }

  #refuseAuthority(refusal: Refusal): -1 {
    this.refuse(refusal)
    return -1
  }

  #methodIs(method: Uint8Array): boolean {
    if (this.methodEnd - this.methodStart !== method.length) return false
    for (let index = 0; index < method.length; index++) {
      if (this.bytes[this.methodStart + index] !== method[index]) return false
    }
    return true
  }

  protected refuse(refusal: Refusal): false {
    this.refusal = refusal
    return false
  }
}

function equalsPrefix(bytes: Uint8Array, start: number, end: number, prefix: Uint8Array): boolean {
  return end - start >= prefix.length && equalsName(bytes, start, start + prefix.length, prefix)
}

/** Whether the bytes at `start` are those of `[otherStart, otherEnd)` without regard to case. */
function sameName(bytes: Uint8Array, start: number, otherStart: number, otherEnd: number): boolean {
  for (let at = otherStart; at < otherEnd; at++) {
    if (lowerCase[bytes[start++]] !== lowerCase[bytes[at]]) return false
  }
  return true
}
