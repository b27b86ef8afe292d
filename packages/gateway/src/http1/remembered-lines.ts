import type { Head } from './head.js'
import { copy, wordBuffer, type WordBuffer } from './words.js'

/** What is kept of one head; what is behind is read as ever. */
const mostStartBytes = 128
const mostBytes = 1024
const mostLines = 32
/** So many heads in a row that are new are remembered, then one of so many: where no two are alike, keeping them is all that it would do. */
const mostStrangers = 4
const everyStranger = 8
/** Connections that are remembered at a time, and with it all that is kept: 1.5 KB each. */
const mostRemembered = 256

/**
 * The first field lines of the head that came last over one connection, as the parser has read them. Those of the next head are mostly the same, and
 * comparing them, eight bytes at a time, takes a fraction of reading them: what HTTP/2 has HPACK's dynamic table for.
 *
 * A line means the same wherever it stands, so the outcome does not depend on what is remembered: the lines go through `Head.add` as those do that have
 * been read, and the first one that differs is read, with all behind it.
 */
export class RememberedLines {
  /** The connection that they are of. */
  owner = 0
  readonly #bytes = wordBuffer(mostBytes)
  /** Of each line: where its name begins and ends, and its value, from the first line's beginning on. One more says where the last line ends. */
  readonly #places = new Int32Array(mostLines * 4 + 1)
  readonly #kinds = new Uint8Array(mostLines)
  #count = 0
  readonly #start = wordBuffer(mostStartBytes)
  #startLength = 0
  #isSameStart = false
  #methodStart = 0
  #methodEnd = 0
  #targetStart = 0
  #targetEnd = 0
  #queryStart = 0
  #minorVersion = 0
  #status = 0
  #reasonStart = 0
  #reasonEnd = 0
  /** The head had more than is kept. */
  #isCut = false
  #recognized = 0
  /** Heads in a row that had little in common with the one before. Of a connection that is new here, the second is the first to be remembered. */
  #strangers = 0

  /** Begins anew, with another connection. */
  begin(owner: number): void {
    this.owner = owner
    this.#count = 0
    this.#startLength = 0
    this.#isCut = false
    this.#strangers = everyStranger - 2
  }

  /**
   * Fills in what the first line says when `bytes[at, stop)` begins with the remembered one, and returns the offset behind it; -1 when it is
   * another.
   */
  recognizeStart(head: Head, bytes: WordBuffer, at: number, stop: number): number {
    const length = this.#startLength
    this.#isSameStart =
      length > 0 && length <= stop - at && sameLength(bytes.words, at, this.#start.words, length) === length
    if (!this.#isSameStart) return -1
    head.methodStart = at + this.#methodStart
    head.methodEnd = at + this.#methodEnd
    head.targetStart = at + this.#targetStart
    head.targetEnd = at + this.#targetEnd
    head.queryStart = this.#queryStart === 0 ? 0 : at + this.#queryStart
    head.minorVersion = this.#minorVersion
    head.status = this.#status
    head.reasonStart = at + this.#reasonStart
    head.reasonEnd = at + this.#reasonEnd
    return at + length
  }

  /**
   * Adds the lines to the head that `bytes[at, stop)`, where its first line is to begin, has in common with the remembered ones, and returns the offset
   * behind them; -1 when the head cannot be served (`Head.refusal`).
   */
  recognize(head: Head, bytes: WordBuffer, at: number, stop: number): number {
    const places = this.#places
    const end = places[this.#count * 4]
    const same = sameLength(bytes.words, at, this.#bytes.words, end < stop - at ? end : stop - at)
    let line = 0
    for (; line < this.#count && places[line * 4 + 4] <= same; line++) {
      const place = line * 4
      const kind = this.#kinds[line]
      if (!head.add(kind, at + places[place], at + places[place + 1], at + places[place + 2], at + places[place + 3])) {
        return -1
      }
    }
    this.#recognized = line
    return at + places[line * 4]
  }

  /** Remembers the lines of the head that has been read since `recognize`, the first of which begins at `start`. */
  keep(head: Head, start: number): void {
    const { headers, headerCount, kinds } = head
    if (!this.#isSameStart) this.#keepStart(head, start)
    const recognized = this.#recognized
    if (recognized === headerCount || (this.#isCut && recognized === this.#count)) return
    if (2 * recognized >= headerCount) this.#strangers = 0
    else if (++this.#strangers > mostStrangers && this.#strangers % everyStranger !== 0) return
    const places = this.#places
    const count = headerCount < mostLines ? headerCount : mostLines
    let line = 0
    for (; line < count; line++) {
      const place = line * 4
      const lineEnd = (line + 1 < headerCount ? headers[place + 4] : head.end - 2) - start
      if (lineEnd > mostBytes) break
      places[place] = headers[place] - start
      places[place + 1] = headers[place + 1] - start
      places[place + 2] = headers[place + 2] - start
      places[place + 3] = headers[place + 3] - start
      places[place + 4] = lineEnd
      this.#kinds[line] = kinds[line]
    }
    this.#count = line
    this.#isCut = line < headerCount
    if (line > 0) copy(head.bytes, start, start + places[line * 4], this.#bytes, 0)
  }

  #keepStart(head: Head, end: number): void {
    const { start } = head
    const length = end - start
    if (length > mostStartBytes) return
    this.#startLength = length
    this.#methodStart = head.methodStart - start
    this.#methodEnd = head.methodEnd - start
    this.#targetStart = head.targetStart - start
    this.#targetEnd = head.targetEnd - start
    this.#queryStart = head.queryStart === 0 ? 0 : head.queryStart - start
    this.#minorVersion = head.minorVersion
    this.#status = head.status
    this.#reasonStart = head.reasonStart - start
    this.#reasonEnd = head.reasonEnd - start
    copy(head.bytes, start, end, this.#start, 0)
  }
}

/** The lines of the connections of one worker, for those that have shown themselves last. What one has sent is never compared with what another sends. */
export class LineMemory {
  readonly #slots: (RememberedLines | null)[] = Array.from({ length: mostRemembered }, () => null)

  of(owner: number): RememberedLines {
    const lines = (this.#slots[owner % mostRemembered] ??= new RememberedLines())
    if (lines.owner !== owner) lines.begin(owner)
    return lines
  }
}

/**
 * How many of the first `length` bytes are the same, as far as whole words of eight tell. They are compared as doubles, the widest that there is without an
 * allocation: two that are equal have the same bytes but for zeros, of which lines have none, and those that are no numbers are equal to nothing.
 */
function sameLength(words: DataView, at: number, remembered: DataView, length: number): number {
  let same = 0
  for (const last = length - 15; same < last; same += 16) {
    if (words.getFloat64(at + same, true) !== remembered.getFloat64(same, true)) return same
    if (words.getFloat64(at + same + 8, true) !== remembered.getFloat64(same + 8, true)) return same + 8
  }
  if (length < 8) return 0
  const last = length - 8
  if (same <= last) {
    if (words.getFloat64(at + same, true) !== remembered.getFloat64(same, true)) return same
    same += 8
  }
  // The last word may have some of the bytes before it once more.
  return words.getFloat64(at + last, true) === remembered.getFloat64(last, true) ? length : same
}
