import { ascii, targetChars, tokenChars, valueChars } from './chars.js'
import { fieldKind } from './field-kinds.js'
import { Head, longestMethod } from './head.js'
import { kinds, knownLength, knownName } from './known-names.js'
import { refusals, type Refusal } from './refusal.js'
import type { RememberedLines } from './remembered-lines.js'
import { WordBuffer } from './words.js'

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
const atFirstLine = 14

const httpSlash = ascii('HTTP/')
/** `HTTP/1.1`, as nearly every message says, in two words. */
const httpWord = 0x48545450
const slashOneWord = 0x2f312e31
/** No known name, or not looked up yet. */
const unknown = -1

/**
 * Reads the head of one request or one response (RFC 9112 sections 2 to 5) in one pass over its bytes, strictly: what is ambiguous
 * is refused. It does no I/O and may be given the head in any pieces: `parse` continues where it stopped, so the work is linear in
 * the bytes, and the outcome depends on the bytes alone and not on how they were cut (limits count bytes, not reads).
 *
 * Positions are offsets into `bytes`, which stays whatever the caller passed; when the caller has to move an unfinished head
 * elsewhere it says so with `moved`. A parser is reused for message after message and allocates nothing.
 */
export class HeadParser extends Head {
  #phase = atStart
  #at = 0
  #lineStart = 0
  #nameStart = 0
  #nameEnd = 0
  #valueStart = 0
  /** What is known of the connection's last head; null when nothing is to be, as of heads that come in pieces. */
  lines: RememberedLines | null = null
  #firstLine = 0

  /** True between the first byte of a head and its end. */
  get isUnderWay(): boolean {
    return this.#phase !== atStart
  }

  override begin(bytes: Uint8Array, start: number): void {
    super.begin(bytes, start)
    this.#at = start
    this.#phase = atStart
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
    const limit = this.start + this.limits.maxHeadBytes
    const stop = end < limit ? end : limit
    let at = this.#at
    let phase = this.#phase
    // As locals they are loaded once, not at every byte.
    const names = tokenChars
    const values = valueChars
    const wordBytes = bytes instanceof WordBuffer ? bytes : null
    const words = wordBytes === null ? null : wordBytes.words
    let known = unknown
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
        if (this.headerCount === this.limits.maxHeaders) return this.#refuse(refusals.manyHeaders)
        nameStart = at
        known = wordBytes === null ? unknown : knownName(wordBytes, at, stop)
        if (known === unknown) {
          phase = inName
        } else {
          nameEnd = at + knownLength(known)
          at = nameEnd + 1
          phase = beforeValue
        }
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
        if (words !== null) at = plainEnd(words, at, stop)
        while (at < stop && values[bytes[at]] === 1) at++
        if (at === stop) continue
        if (bytes[at] !== 0x0d) return this.#refuse(bytes[at] === 0x0a ? refusals.bareLineFeed : refusals.badValue)
        at++
        phase = afterValueReturn
        if (at === stop) continue
      }
      if (phase === afterValueReturn) {
        if (bytes[at] !== 0x0a) return this.#refuse(refusals.bareReturn)
        let valueEnd = at - 1
        while (valueEnd > valueStart && (bytes[valueEnd - 1] === 0x20 || bytes[valueEnd - 1] === 0x09)) valueEnd--
        const kind = known === unknown ? fieldKind(bytes, nameStart, nameEnd) : kinds[known]
        if (!this.add(kind, nameStart, nameEnd, valueStart, valueEnd)) return this.#refuse(this.refusal)
        at++
        known = unknown
        phase = atLine
        continue
      }
      switch (phase) {
        case afterLastReturn: {
          if (bytes[at] !== 0x0a) return this.#refuse(refusals.bareReturn)
          this.end = at + 1
          this.#at = this.end
          this.#phase = atStart
          if (!this.judge()) return refused
          if (wordBytes !== null) this.lines?.keep(this, this.#firstLine)
          return complete
        }
        case atStart: {
          if (this.lines !== null && wordBytes !== null) {
            const behind = this.lines.recognizeStart(this, wordBytes, at, stop)
            if (behind !== -1) {
              at = behind
              phase = atFirstLine
              break
            }
          }
          if (this.isRequest && bytes[at] === 0x0d) {
            at++
            phase = afterStartReturn
            break
          }
          this.#lineStart = at
          phase = this.isRequest ? inMethod : inVersion
          if (this.isRequest && tokenChars[bytes[at]] !== 1) {
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
          if (at - this.targetStart > this.limits.maxTargetBytes) return this.#refuse(refusals.longTarget)
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
            if (!isRight) return this.#refuse(this.isRequest ? refusals.badVersion : refusals.badStatusLine)
            at++
          }
          if (at - this.#lineStart < 8) break
          if (at === stop) break
          if (bytes[this.#lineStart + 5] !== 0x31) {
            return this.#refuse(this.isRequest ? refusals.otherVersion : refusals.badStatusLine)
          }
          this.minorVersion = bytes[this.#lineStart + 7] === 0x30 ? 0 : 1
          if (this.isRequest) {
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
          phase = atFirstLine
          break
        }
        case atFirstLine: {
          phase = atLine
          if (this.lines === null || wordBytes === null) break
          this.#firstLine = at
          at = this.lines.recognize(this, wordBytes, at, stop)
          if (at === -1) return this.#refuse(this.refusal)
          break
        }
      }
    }
  }

  #refuse(refusal: Refusal): number {
    this.refusal = refusal
    this.#phase = atStart
    return refused
  }
}

/**
 * Where, from `at` on, the first byte is that may not be part of a value: a control character, DEL, or beyond ASCII; or fewer than four bytes
 * before `stop`. Four bytes at a time: of a word, the lowest bit that is set is right, those above it may come of a carry.
 */
function plainEnd(words: DataView, at: number, stop: number): number {
  for (const last = stop - 7; at < last; at += 8) {
    const one = words.getInt32(at, true)
    const other = words.getInt32(at + 4, true)
    if ((oddBits(one) | oddBits(other)) !== 0) break
  }
  for (const last = stop - 3; at < last; at += 4) {
    const odd = oddBits(words.getInt32(at, true))
    if (odd !== 0) return at + ((31 - Math.clz32(odd & -odd)) >> 3)
  }
  return at
}

/** The high bits of those of four bytes that are below 0x20 or above 0x7e. */
function oddBits(word: number): number {
  return (word | (word + 0x01010101) | (word - 0x20202020)) & 0x80808080
}

function nameRefusal(byte: number, isEmpty: boolean): Refusal {
  if (byte === 0x0a) return refusals.bareLineFeed
  if ((byte === 0x20 || byte === 0x09) && !isEmpty) return refusals.spaceBeforeColon
  return refusals.badName
}
