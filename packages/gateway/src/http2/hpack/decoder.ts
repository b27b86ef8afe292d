import { copy } from '../../http1/words.js'
import { DynamicTable, entryOverhead } from './dynamic-table.js'
import { checkValue, classifyName, nameMask } from './field-class.js'
import { decodeHuffman, mostDecoded } from './huffman-decoder.js'
import type { LineBuffer } from './line-buffer.js'
import {
  staticBytes,
  staticClasses,
  staticCount,
  staticLengths,
  staticNameLengths,
  staticStarts,
} from './static-table.js'

/** Who takes the fields of a section, in their order. */
export interface FieldSink {
  /**
   * One field, whose line `name: value\r\n` stands last in the line buffer, at `[start, end)`. To keep it out, set the buffer's length
   * back to `start`. `fieldClass`: see field-class.ts.
   */
  onField(fieldClass: number, start: number, nameEnd: number, end: number): void
}

/** What `decode` answers. */
export const decoded = 0
/** The section is larger than allowed: the sink has only its beginning. The table is as it should be, and the connection can go on. */
export const tooLarge = 1
/** Not HPACK: the two sides' tables differ from here on, so the connection cannot go on (COMPRESSION_ERROR). */
export const invalid = 2
/** Many times larger than allowed; it was not read to its end (ENHANCE_YOUR_CALM). */
export const hostile = 3

/** A section that is larger than allowed is still read, for the table's sake, but only up to so many times the limit. */
const hostileFactor = 4
/** Integers above 2^28 are of no use here: nothing is that large. */
const mostShift = 21

/**
 * Decodes the field sections of one direction of one connection (RFC 7541) into HTTP/1.1 lines. What a section costs is bounded by its
 * limit and its own bytes: once it is over the limit nothing is written for it any more, however large the entries are that it repeats.
 */
export class HpackDecoder {
  readonly #table: DynamicTable
  /** What we allow the peer: our SETTINGS_HEADER_TABLE_SIZE. */
  #maxTableSize: number
  /** The peer has acknowledged a smaller table and must begin its next section with an update (RFC 9113 section 4.3.1). */
  #needsUpdate = false
  #bytes: Uint8Array = staticBytes
  #at = 0
  #end = 0
  #listSize = 0

  constructor(maxTableSize: number) {
    this.#maxTableSize = maxTableSize
    this.#table = new DynamicTable(maxTableSize)
  }

  /** Of the dynamic table, as RFC 7541 section 4.1 counts. */
  get tableSize(): number {
    return this.#table.size
  }

  /** Of the last section, as far as it was read: RFC 9113 section 6.5.2, SETTINGS_MAX_HEADER_LIST_SIZE. */
  get listSize(): number {
    return this.#listSize
  }

  /** Our new SETTINGS_HEADER_TABLE_SIZE, once the peer has acknowledged it. */
  limitTable(bytes: number): void {
    if (bytes < this.#table.maxSize) this.#needsUpdate = true
    this.#maxTableSize = bytes
  }

  /** Reads the whole section `bytes[at, end)`. Its lines go behind what is in `lines`. */
  decode(
    bytes: Uint8Array,
    at: number,
    end: number,
    { lines, sink, maxListSize }: { lines: LineBuffer; sink: FieldSink; maxListSize: number },
  ): number {
    this.#bytes = bytes
    this.#at = at
    this.#end = end
    this.#listSize = 0
    if (!this.#readUpdates()) return invalid
    const hostileSize = maxListSize * hostileFactor
    while (this.#at < end) {
      const byte = bytes[this.#at]
      if (byte >= 0x80) {
        const index = this.#readInteger(0x7f)
        if (index <= 0 || !this.#repeat(index, lines, sink, maxListSize)) return invalid
      } else if (byte >= 0x40) {
        if (!this.#readLiteral(0x3f, true, lines, sink, maxListSize)) return invalid
      } else if (byte >= 0x20) {
        // A size update stands at the beginning of a section only (RFC 7541 section 4.2).
        return invalid
      } else if (!this.#readLiteral(0x0f, false, lines, sink, maxListSize)) {
        return invalid
      }
      if (this.#listSize > hostileSize) return hostile
    }
    return this.#listSize > maxListSize ? tooLarge : decoded
  }

  #readUpdates(): boolean {
    while (this.#at < this.#end && (this.#bytes[this.#at] & 0xe0) === 0x20) {
      const size = this.#readInteger(0x1f)
      if (size < 0 || size > this.#maxTableSize) return false
      this.#table.resize(size)
      this.#needsUpdate = false
    }
    return !this.#needsUpdate
  }

  /** An indexed field (RFC 7541 section 6.1). */
  #repeat(index: number, lines: LineBuffer, sink: FieldSink, maxListSize: number): boolean {
    const table = this.#table
    let source = staticBytes
    let lineStart = 0
    let nameLength = 0
    let length = 0
    let fieldClass = 0
    if (index <= staticCount) {
      lineStart = staticStarts[index]
      nameLength = staticNameLengths[index]
      length = staticLengths[index]
      fieldClass = staticClasses[index]
    } else {
      const age = index - staticCount - 1
      if (age >= table.count) return false
      source = table.data
      lineStart = table.start(age)
      nameLength = table.nameLength(age)
      length = table.lineLength(age)
      fieldClass = table.fieldClass(age)
    }
    this.#listSize += length - 4 + entryOverhead
    if (this.#listSize > maxListSize) return true
    lines.reserve(length)
    const start = lines.length
    lines.length = copy(source, lineStart, lineStart + length, lines.bytes, start)
    sink.onField(fieldClass, start, start + nameLength, lines.length)
    return true
  }

  /** A literal field (RFC 7541 section 6.2); `mask` covers the index of its name. */
  #readLiteral(mask: number, isIndexed: boolean, lines: LineBuffer, sink: FieldSink, maxListSize: number): boolean {
    const table = this.#table
    const start = lines.length
    const index = this.#readInteger(mask)
    if (index < 0) return false
    let nameEnd = start
    let fieldClass = 0
    if (index === 0) {
      nameEnd = this.#readString(lines, start)
      if (nameEnd < 0) return false
      fieldClass = classifyName(lines.bytes, start, nameEnd)
    } else {
      let source = staticBytes
      let from = 0
      let length = 0
      if (index <= staticCount) {
        from = staticStarts[index]
        length = staticNameLengths[index]
        fieldClass = staticClasses[index]
      } else {
        const age = index - staticCount - 1
        if (age >= table.count) return false
        source = table.data
        from = table.start(age)
        length = table.nameLength(age)
        fieldClass = table.fieldClass(age)
      }
      fieldClass &= nameMask
      lines.reserve(length)
      nameEnd = copy(source, from, from + length, lines.bytes, start)
    }
    const valueStart = nameEnd + 2
    const valueEnd = this.#readString(lines, valueStart)
    if (valueEnd < 0) return false
    const end = valueEnd + 2
    const { bytes } = lines
    bytes[nameEnd] = 0x3a
    bytes[nameEnd + 1] = 0x20
    bytes[valueEnd] = 0x0d
    bytes[valueEnd + 1] = 0x0a
    fieldClass |= checkValue(fieldClass, bytes, valueStart, valueEnd)
    if (isIndexed) table.add(bytes, start, nameEnd - start, end - start, fieldClass)
    this.#listSize += end - start - 4 + entryOverhead
    if (this.#listSize > maxListSize) return true
    lines.length = end
    sink.onField(fieldClass, start, nameEnd, end)
    return true
  }

  /** A string (RFC 7541 section 5.2), written to `lines` at `to`, with room for what ends a line. Returns the offset behind it, or -1. */
  #readString(lines: LineBuffer, to: number): number {
    if (this.#at >= this.#end) return -1
    const isHuffman = this.#bytes[this.#at] >= 0x80
    const length = this.#readInteger(0x7f)
    if (length < 0 || length > this.#end - this.#at) return -1
    const start = this.#at
    this.#at = start + length
    lines.reserve(to - lines.length + (isHuffman ? mostDecoded(length) : length) + 4)
    return isHuffman
      ? decodeHuffman(this.#bytes, start, this.#at, lines.bytes, to)
      : copy(this.#bytes, start, this.#at, lines.bytes, to)
  }

  /** An integer whose first bits are those of `mask` (RFC 7541 section 5.1); -1 when it is cut off or too large. */
  #readInteger(mask: number): number {
    const bytes = this.#bytes
    const first = bytes[this.#at++] & mask
    if (first < mask) return first
    let value = mask
    for (let shift = 0; shift <= mostShift; shift += 7) {
      if (this.#at >= this.#end) return -1
      const byte = bytes[this.#at++]
      value += (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    return -1
  }
}
