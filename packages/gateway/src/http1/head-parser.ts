import { hostEnd } from './authority.js'
import { ascii, equalsName, lowerCase, targetChars, tokenChars, valueChars } from './chars.js'
import * as kind from './field-kinds.js'
import { normalizePath } from '../normal-path.js'
import { refusals, type Refusal } from './refusal.js'
import type { RequestView } from './request-view.js'
import { wordBuffer, WordBuffer } from './words.js'

export interface HeadLimits {
  readonly maxTargetBytes: number
  readonly maxHeadBytes: number
  readonly maxHeaders: number
}

/** What `parse` answers. */
export const incomplete = 0
export const complete = 1
export const refused = 2

// The places in a head between two bytes; the parser can stop and go on at each of them.
const atStart = 0
const afterStartReturn = 1
const inMethod = 2
const inTarget = 3
const inVersion = 4
const inStatus = 5
const inReason = 6
const afterFirstReturn = 7
const atLine = 8
const inName = 9
const beforeValue = 10
const inValue = 11
const afterValueReturn = 12
const afterLastReturn = 13

const longestMethod = 24
const httpSlash = ascii('HTTP/')
/** `HTTP/1.1`, as nearly every message says, in two words. */
const httpWord = 0x48545450
const slashOneWord = 0x2f312e31
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
 * Reads the head of one request or one response (RFC 9112 sections 2 to 5) in one pass over its bytes, strictly: what is ambiguous
 * is refused. It does no I/O and may be given the head in any pieces: `parse` continues where it stopped, so the work is linear in
 * the bytes, and the outcome depends on the bytes alone and not on how they were cut (limits count bytes, not reads).
 *
 * Positions are offsets into `bytes`, which stays whatever the caller passed; when the caller has to move an unfinished head
 * elsewhere it says so with `moved`. A parser is reused for message after message and allocates nothing.
 */
export class HeadParser implements RequestView {
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
  expectsContinue = false
  /** The response's `Keep-Alive: timeout=`, seconds; -1 when it has none. */
  keepAliveSeconds = -1
  /** Why, after `refused`. */
  refusal: Refusal = refusals.badStart

  readonly #isRequest: boolean
  readonly #limits: HeadLimits
  #phase = atStart
  #at = 0
  #lineStart = 0
  #nameStart = 0
  #nameEnd = 0
  #valueStart = 0
  #hostIndex = -1
  #codings = 0

  constructor(isRequest: boolean, limits: HeadLimits) {
    this.#isRequest = isRequest
    this.#limits = limits
    this.bytes = new Uint8Array(0)
    this.path = wordBuffer(isRequest ? limits.maxTargetBytes + 1 : 0)
    this.headers = new Int32Array(limits.maxHeaders * 4)
    this.kinds = new Uint8Array(limits.maxHeaders)
  }

  /** True between the first byte of a head and its end. */
  get isUnderWay(): boolean {
    return this.#phase !== atStart
  }

  /** Begins a head at `bytes[start]`. */
  begin(bytes: Uint8Array, start: number): void {
    this.bytes = bytes
    this.start = start
    this.#at = start
    this.#phase = atStart
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

  /** Says that the unfinished head now begins at `bytes[0]`, its bytes in the same order. */
  moved(bytes: Uint8Array): void {
    const by = this.start
    this.bytes = bytes
    this.start = 0
    this.end -= by
    this.methodStart -= by
    this.methodEnd -= by
    this.targetStart -= by
    this.targetEnd -= by
    // 0 says that there is no query yet. Its end, and where the host is, are found when the head is whole.
    if (this.queryStart !== 0) this.queryStart -= by
    this.reasonStart -= by
    this.reasonEnd -= by
    this.#at -= by
    this.#lineStart -= by
    this.#nameStart -= by
    this.#nameEnd -= by
    this.#valueStart -= by
    for (let index = 0; index < this.headerCount * 4; index++) this.headers[index] -= by
  }

  /** Goes on until the head is complete, refused, or `end` is reached. */
  parse(end: number): number {
    const bytes = this.bytes
    const limit = this.start + this.#limits.maxHeadBytes
    const stop = end < limit ? end : limit
    let at = this.#at
    let phase = this.#phase
    // As locals they are loaded once, not at every byte.
    const names = tokenChars
    const values = valueChars
    const words = bytes instanceof WordBuffer ? bytes.words : null
    const lastWord = stop - 3
    let nameStart = this.#nameStart
    let nameEnd = this.#nameEnd
    let valueStart = this.#valueStart
    for (;;) {
      if (at >= stop) {
        // The head's last byte may be the last that the limit allows, so running into the limit here means that more would follow.
        if (at >= limit) return this.#refuse(refusals.longHead)
        this.#at = at
        this.#phase = phase
        this.#nameStart = nameStart
        this.#nameEnd = nameEnd
        this.#valueStart = valueStart
        return incomplete
      }
      // The four steps of a header line follow one another without going round the loop.
      if (phase === atLine) {
        const byte = bytes[at]
        if (byte === 0x0d) {
          at++
          phase = afterLastReturn
          continue
        }
        if (byte === 0x20 || byte === 0x09) return this.#refuse(refusals.foldedLine)
        if (this.headerCount === this.#limits.maxHeaders) return this.#refuse(refusals.manyHeaders)
        nameStart = at
        phase = inName
      }
      if (phase === inName) {
        while (at < stop && names[bytes[at]] === 1) at++
        if (at === stop) continue
        const byte = bytes[at]
        if (byte !== 0x3a || at === nameStart) return this.#refuse(nameRefusal(byte, at === nameStart))
        nameEnd = at
        at++
        phase = beforeValue
      }
      if (phase === beforeValue) {
        while (at < stop && (bytes[at] === 0x20 || bytes[at] === 0x09)) at++
        if (at === stop) continue
        valueStart = at
        phase = inValue
      }
      if (phase === inValue) {
        if (words !== null) while (at < lastWord && isPlainWord(words.getInt32(at, true))) at += 4
        while (at < stop && values[bytes[at]] === 1) at++
        if (at === stop) continue
        if (bytes[at] !== 0x0d) return this.#refuse(bytes[at] === 0x0a ? refusals.bareLineFeed : refusals.badValue)
        at++
        phase = afterValueReturn
        if (at === stop) continue
      }
      if (phase === afterValueReturn) {
        if (bytes[at] !== 0x0a) return this.#refuse(refusals.bareReturn)
        if (!this.#addHeader(nameStart, nameEnd, valueStart, at - 1)) return refused
        at++
        phase = atLine
        continue
      }
      switch (phase) {
        case afterLastReturn: {
          if (bytes[at] !== 0x0a) return this.#refuse(refusals.bareReturn)
          this.end = at + 1
          this.#at = this.end
          this.#phase = atStart
          return this.#finish()
        }
        case atStart: {
          if (this.#isRequest && bytes[at] === 0x0d) {
            at++
            phase = afterStartReturn
            break
          }
          this.#lineStart = at
          phase = this.#isRequest ? inMethod : inVersion
          if (this.#isRequest && tokenChars[bytes[at]] !== 1) {
            return this.#refuse(bytes[at] === 0x0a ? refusals.bareLineFeed : refusals.badStart)
          }
          this.methodStart = at
          break
        }
        case afterStartReturn: {
          // One empty line before the request line is tolerated (RFC 9112 section 2.2), no more.
          if (bytes[at] !== 0x0a) return this.#refuse(refusals.bareReturn)
          at++
          this.#lineStart = at
          this.methodStart = at
          phase = inMethod
          break
        }
        case inMethod: {
          // After an empty line the first byte of the method may come in a later piece.
          if (at === this.methodStart && tokenChars[bytes[at]] !== 1) return this.#refuse(refusals.badStart)
          while (at < stop && tokenChars[bytes[at]] === 1) at++
          if (at - this.methodStart > longestMethod) return this.#refuse(refusals.longMethod)
          if (at === stop) break
          if (bytes[at] !== 0x20) return this.#refuse(refusals.badMethod)
          this.methodEnd = at
          at++
          this.targetStart = at
          this.queryStart = 0
          phase = inTarget
          break
        }
        case inTarget: {
          for (;;) {
            while (at < stop && targetChars[bytes[at]] === 1) at++
            if (at === stop || targetChars[bytes[at]] !== 2) break
            at++
            if (this.queryStart === 0) this.queryStart = at
          }
          if (at - this.targetStart > this.#limits.maxTargetBytes) return this.#refuse(refusals.longTarget)
          if (at === stop) break
          if (bytes[at] !== 0x20 || at === this.targetStart) return this.#refuse(refusals.badTarget)
          this.targetEnd = at
          at++
          this.#lineStart = at
          phase = inVersion
          break
        }
        case inVersion: {
          if (
            words !== null &&
            at === this.#lineStart &&
            stop - at > 8 &&
            words.getInt32(at) === httpWord &&
            words.getInt32(at + 4) === slashOneWord
          ) {
            at += 8
          }
          // Any other `HTTP/x.y`, byte by byte: a wrong one is refused at its first wrong byte.
          while (at < stop && at - this.#lineStart < 8) {
            const offset = at - this.#lineStart
            const byte = bytes[at]
            const isRight =
              offset < 5 ? byte === httpSlash[offset] : offset === 6 ? byte === 0x2e : byte >= 0x30 && byte <= 0x39
            if (!isRight) return this.#refuse(this.#isRequest ? refusals.badVersion : refusals.badStatusLine)
            at++
          }
          if (at - this.#lineStart < 8) break
          if (at === stop) break
          if (bytes[this.#lineStart + 5] !== 0x31) {
            return this.#refuse(this.#isRequest ? refusals.otherVersion : refusals.badStatusLine)
          }
          this.minorVersion = bytes[this.#lineStart + 7] === 0x30 ? 0 : 1
          if (this.#isRequest) {
            if (bytes[at] !== 0x0d) return this.#refuse(refusals.badVersion)
            phase = afterFirstReturn
          } else {
            if (bytes[at] !== 0x20) return this.#refuse(refusals.badStatusLine)
            this.status = 0
            this.#lineStart = at + 1
            phase = inStatus
          }
          at++
          break
        }
        case inStatus: {
          while (at < stop && at - this.#lineStart < 3) {
            const digit = bytes[at] - 0x30
            if (digit < 0 || digit > 9) return this.#refuse(refusals.badStatusLine)
            this.status = this.status * 10 + digit
            at++
          }
          if (at - this.#lineStart < 3 || at === stop) break
          if (this.status < 100 || this.status > 599) return this.#refuse(refusals.badStatus)
          // The space before an absent reason is required, and often missing; leaving it out is not ambiguous.
          if (bytes[at] === 0x20) at++
          else if (bytes[at] !== 0x0d) return this.#refuse(refusals.badStatusLine)
          this.reasonStart = at
          phase = inReason
          break
        }
        case inReason: {
          while (at < stop && valueChars[bytes[at]] === 1) at++
          if (at === stop) break
          if (bytes[at] !== 0x0d) return this.#refuse(refusals.badStatusLine)
          this.reasonEnd = at
          at++
          phase = afterFirstReturn
          break
        }
        case afterFirstReturn: {
          if (bytes[at] !== 0x0a) return this.#refuse(refusals.bareReturn)
          at++
          phase = atLine
          break
        }
      }
    }
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

  #refuse(refusal: Refusal): number {
    this.refusal = refusal
    this.#phase = atStart
    return refused
  }

  /** False when the header cannot be served; `refusal` says why. */
  #addHeader(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): boolean {
    const bytes = this.bytes
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === 0x20 || bytes[valueEnd - 1] === 0x09)) valueEnd--
    const index = this.headerCount++
    const headers = this.headers
    const field = index * 4
    headers[field] = nameStart
    headers[field + 1] = nameEnd
    headers[field + 2] = valueStart
    headers[field + 3] = valueEnd
    const fieldKind = kind.fieldKind(bytes, nameStart, nameEnd)
    this.kinds[index] = fieldKind
    switch (fieldKind) {
      case kind.plain:
        return true
      case kind.host:
        if (!this.#isRequest) {
          this.kinds[index] = kind.plain
          return true
        }
        if (this.#hostIndex !== -1) return this.#fail(refusals.twoHosts)
        this.#hostIndex = index
        return true
      case kind.contentLength:
        return this.#addContentLength(valueStart, valueEnd)
      case kind.transferEncoding:
        if (++this.#codings > 1) return this.#fail(refusals.twoCodings)
        if (!equalsName(bytes, valueStart, valueEnd, chunkedToken)) return this.#fail(refusals.unknownCoding)
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
      case kind.keepAlive:
        if (!this.#isRequest) this.#addKeepAlive(valueStart, valueEnd)
        return true
    }
    return true
  }

  #fail(refusal: Refusal): false {
    this.#refuse(refusal)
    return false
  }

  #addContentLength(start: number, end: number): boolean {
    if (this.contentLength !== -1) return this.#fail(refusals.twoLengths)
    // Fifteen digits stay exact in a double and are more than any disk holds.
    if (start === end || end - start > 15) return this.#fail(refusals.badLength)
    let length = 0
    for (let at = start; at < end; at++) {
      const digit = this.bytes[at] - 0x30
      if (digit < 0 || digit > 9) return this.#fail(refusals.badLength)
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

  /** What can only be judged when the head is whole. */
  #finish(): number {
    if (this.isChunked) {
      if (this.contentLength !== -1) return this.#refuse(refusals.bothFramings)
      if (this.minorVersion === 0) return this.#refuse(refusals.oldChunked)
    }
    return this.#isRequest ? this.#finishTarget() : complete
  }

  #finishTarget(): number {
    const bytes = this.bytes
    if (this.#methodIs(connectMethod)) return this.#refuse(refusals.connect)
    const hostIndex = this.#hostIndex
    if (hostIndex === -1) {
      if (this.minorVersion !== 0) return this.#refuse(refusals.noHost)
    } else {
      this.authorityStart = this.headers[hostIndex * 4 + 2]
      this.authorityEnd = this.headers[hostIndex * 4 + 3]
      this.hostStart = this.authorityStart
      this.hostEnd = hostEnd(bytes, this.authorityStart, this.authorityEnd)
      if (this.hostEnd < 0) return this.#refuse(refusals.badHost)
    }
    let pathStart = this.targetStart
    const first = bytes[pathStart]
    if (first === 0x2a && this.targetEnd - pathStart === 1) {
      if (!this.#methodIs(optionsMethod)) return this.#refuse(refusals.badTarget)
      this.path[0] = 0x2a
      this.pathLength = 1
      return complete
    }
    const hasQuery = this.queryStart !== 0
    const pathEnd = hasQuery ? this.queryStart - 1 : this.targetEnd
    if (first !== 0x2f) {
      pathStart = this.#takeAuthority(pathEnd)
      if (pathStart < 0) return refused
    }
    if (hasQuery) this.queryEnd = this.targetEnd
    this.pathLength = normalizePath(bytes, pathStart, pathEnd, this.path)
    if (this.pathLength < 0) return this.#refuse(refusals.badTarget)
    return complete
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
    this.#refuse(refusal)
    return -1
  }

  #methodIs(method: Uint8Array): boolean {
    if (this.methodEnd - this.methodStart !== method.length) return false
    for (let index = 0; index < method.length; index++) {
      if (this.bytes[this.methodStart + index] !== method[index]) return false
    }
    return true
  }
}

/** Whether none of four bytes is a control character or DEL: such are always part of a value, but for a tab, which may be. */
function isPlainWord(word: number): boolean {
  const withoutDel = word ^ 0x7f7f7f7f
  return ((((word - 0x20202020) & ~word) | ((withoutDel - 0x01010101) & ~withoutDel)) & 0x80808080) === 0
}

function nameRefusal(byte: number, isEmpty: boolean): Refusal {
  if (byte === 0x0a) return refusals.bareLineFeed
  if ((byte === 0x20 || byte === 0x09) && !isEmpty) return refusals.spaceBeforeColon
  return refusals.badName
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
