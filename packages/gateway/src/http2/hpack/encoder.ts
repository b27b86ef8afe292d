import { lowerCase } from '../../http1/chars.js'
import { copy, isSame, wordBuffer, WordBuffer } from '../../http1/words.js'
import { DynamicTable } from './dynamic-table.js'
import { encodeHuffman, huffmanLength } from './huffman-encoder.js'
import {
  staticBytes,
  staticCount,
  staticLengths,
  staticNameLengths,
  staticNames,
  staticStarts,
} from './static-table.js'

/** Of either side's table what we use at most: a response's usual fields need about a kilobyte. */
const mostTableSize = 4096
const slots = 256
/** Longer values are not worth their place in the table. */
const longestIndexed = 512
/** Fields of a section of which is remembered what stood in their place in the last one. */
const mostGuesses = 32
/** Where the kinds of marks begin; those of fields are first. */
const nameMarks = slots
const seenMarks = 2 * slots
const guessMarks = 3 * slots
const caseBits = 0x20202020
/** A value is hashed by its ends where it is long. */
const mostHashed = 64

/** Bytes that `field` may write beside the name and the value: three integers. */
export const fieldOverhead = 16

/** Static entries by the hash of their name; those whose slot is taken are in the next free one. */
const staticSlots = 1024
const staticByHash = new Uint8Array(staticSlots)
for (const [name, index] of staticNames) {
  let slot = foldName(Buffer.from(name), 0, name.length, new Uint8Array(name.length)) & (staticSlots - 1)
  while (staticByHash[slot] !== 0) slot = (slot + 1) & (staticSlots - 1)
  staticByHash[slot] = index
}
/** Static entries with the values that responses have often: `:status` is written by number, the rest by name only. */
const statusIndexes: Readonly<Record<number, number>> = { 200: 8, 204: 9, 206: 10, 304: 11, 400: 12, 404: 13, 500: 14 }
const statusIndex = 8

/** Values that must not be guessed by watching sizes (RFC 7541 section 7.1): never in a table, here or further on. */
const sensitiveNames: ReadonlySet<string> = new Set(['set-cookie', 'cookie', 'authorization', 'proxy-authorization'])
const sensitiveStatic = new Uint8Array(staticCount + 1)
for (const name of sensitiveNames) sensitiveStatic[staticNames.get(name) as number] = 1

/**
 * Encodes the field sections of one direction of one connection (RFC 7541).
 *
 * A name that has no index yet is added to the table with its value; after that, a field is added when the same value has come twice in
 * a row of its slot. So `content-type` and `server` become one byte, and ids, lengths and dates, which never repeat, push nothing out.
 * Slots are found by hash and may be taken over: that costs a few bytes on the wire, never correctness. What comes first is a guess: that a
 * field is what stood in its place in the last section, as a service's answers are much alike.
 */
export class HpackEncoder {
  readonly #table = new DynamicTable(mostTableSize)
  /**
   * In one array, as each has a price of its own: by hash, the numbers (as `added` counts, from 1) of the entries of fields and of names, and the rest of
   * the hash of the field that was last written as a literal; by place in a section, the number of the entry that was last written there. Of
   * all the last two bytes, as what is found is compared, and a table has 128 entries at most.
   */
  readonly #marks = new Uint16Array(guessMarks + mostGuesses)
  #place = 0
  /** Where a name goes in lower case. */
  readonly #name: Uint8Array
  /** Smallest size since the last section, where an update must be sent; -1 when there is none. */
  #smallest = -1

  /** `name`: a `nameBuffer`, which encoders may share. */
  constructor(name: Uint8Array = nameBuffer()) {
    this.#name = name
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. The change is told at the start of the next section. */
  limitTable(bytes: number): void {
    const size = Math.min(bytes, mostTableSize)
    if (size === this.#table.maxSize) return
    this.#smallest = this.#smallest === -1 ? size : Math.min(this.#smallest, size)
    this.#table.resize(size)
  }

  /** Begins a section: writes the updates of the table's size that are due. At most 8 bytes. */
  begin(out: Uint8Array, to: number): number {
    this.#place = 0
    if (this.#smallest === -1) return to
    if (this.#smallest < this.#table.maxSize) to = putInteger(out, to, 0x20, 0x1f, this.#smallest)
    this.#smallest = -1
    return putInteger(out, to, 0x20, 0x1f, this.#table.maxSize)
  }

  /** `:status`, at most 8 bytes. */
  status(out: Uint8Array, to: number, status: number): number {
    const index = statusIndexes[status]
    if (index !== undefined) {
      out[to] = 0x80 | index
      return to + 1
    }
    out[to++] = statusIndex
    out[to++] = 3
    out[to++] = 0x30 + Math.floor(status / 100)
    out[to++] = 0x30 + (Math.floor(status / 10) % 10)
    out[to++] = 0x30 + (status % 10)
    return to
  }

  /**
   * A field, its name in any case. `out` must have room for name, value and `fieldOverhead`. Name and value may lie in different arrays.
   * Returns the offset behind it.
   */
  field(
    out: Uint8Array,
    to: number,
    names: Uint8Array,
    nameStart: number,
    nameEnd: number,
    values: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): number {
    const place = this.#place++
    const guess = place < mostGuesses ? this.#age(this.#marks[guessMarks + place]) : -1
    if (guess >= 0 && this.#isRepeated(guess, names, nameStart, nameEnd, values, valueStart, valueEnd)) {
      return putInteger(out, to, 0x80, 0x7f, guess + staticCount + 1)
    }
    const nameLength = nameEnd - nameStart
    const valueLength = valueEnd - valueStart
    let name: Uint8Array = this.#name
    if (nameLength > name.length) name = new Uint8Array(nameLength)
    const nameHash = foldName(names, nameStart, nameEnd, name)
    const staticIndex = findStatic(name, nameLength, nameHash)
    if (isSensitive(staticIndex)) {
      to = putInteger(out, to, 0x10, 0x0f, staticIndex)
      return putString(values, valueStart, valueEnd, out, to)
    }
    if (valueLength > longestIndexed) {
      to = putName(out, to, 0, 0x0f, this.#nameIndex(staticIndex, name, nameLength, nameHash), name, nameLength)
      return putString(values, valueStart, valueEnd, out, to)
    }
    const fieldHash = hash(values, valueStart, valueEnd, nameHash)
    const slot = fieldHash & (slots - 1)
    const age = this.#age(this.#marks[slot])
    if (age >= 0 && this.#isEntry(age, name, nameLength, values, valueStart, valueEnd)) {
      if (place < mostGuesses && isGuessable(name, nameLength)) this.#marks[guessMarks + place] = this.#marks[slot]
      return putInteger(out, to, 0x80, 0x7f, age + staticCount + 1)
    }
    const isStatic = staticIndex !== 0 && isStaticField(staticIndex, values, valueStart, valueEnd)
    if (isStatic) return putInteger(out, to, 0x80, 0x7f, staticIndex)
    const index = this.#nameIndex(staticIndex, name, nameLength, nameHash)
    // Not 0, which says that there was none.
    const seen = (fieldHash >>> 8) & 0xffff || 1
    if (index !== 0 && this.#marks[seenMarks + slot] !== seen) {
      this.#marks[seenMarks + slot] = seen
      to = putName(out, to, 0, 0x0f, index, name, nameLength)
      return putString(values, valueStart, valueEnd, out, to)
    }
    // The index of the name is that before the entry is added: the peer reads it so.
    to = putName(out, to, 0x40, 0x3f, index, name, nameLength)
    to = putString(values, valueStart, valueEnd, out, to)
    this.#add(name, nameLength, nameHash, slot, values, valueStart, valueEnd)
    return to
  }

  #add(
    name: Uint8Array,
    nameLength: number,
    nameHash: number,
    slot: number,
    values: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void {
    const table = this.#table
    if (!table.addField(name, nameLength, values, valueStart, valueEnd)) return
    this.#marks[slot] = table.added
    this.#marks[nameMarks + (nameHash & (slots - 1))] = table.added
  }

  /** Index of an entry with this name, of the static table (0: it has none) or else of the dynamic one; 0 when none is known. */
  #nameIndex(staticIndex: number, name: Uint8Array, nameLength: number, nameHash: number): number {
    if (staticIndex !== 0) return staticIndex
    const age = this.#age(this.#marks[nameMarks + (nameHash & (slots - 1))])
    if (age < 0) return 0
    const table = this.#table
    if (table.nameLength(age) !== nameLength) return 0
    const start = table.start(age)
    for (let at = 0; at < nameLength; at++) if (table.data[start + at] !== name[at]) return 0
    return age + staticCount + 1
  }

  /** Age of the entry whose number ends so, -1 when it has left the table. */
  #age(mark: number): number {
    const age = (this.#table.added - mark) & 0xffff
    return age < this.#table.count ? age : -1
  }

  /** As `#isEntry`, with the name in any case. */
  #isRepeated(
    age: number,
    names: Uint8Array,
    nameStart: number,
    nameEnd: number,
    values: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): boolean {
    const { data } = this.#table
    const length = nameEnd - nameStart
    return (
      this.#hasValue(age, length, values, valueStart, valueEnd) &&
      isSameName(data, this.#table.start(age), names, nameStart, length)
    )
  }

  #isEntry(
    age: number,
    name: Uint8Array,
    nameLength: number,
    values: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): boolean {
    const { data } = this.#table
    return (
      this.#hasValue(age, nameLength, values, valueStart, valueEnd) &&
      isSame(data, this.#table.start(age), name, 0, nameLength)
    )
  }

  /** Whether the entry has a name of this length and this value. */
  #hasValue(age: number, nameLength: number, values: Uint8Array, valueStart: number, valueEnd: number): boolean {
    const table = this.#table
    const valueLength = valueEnd - valueStart
    if (table.nameLength(age) !== nameLength || table.lineLength(age) !== nameLength + valueLength + 4) return false
    return isSame(table.data, table.start(age) + nameLength + 2, values, valueStart, valueLength)
  }
}

/** Room for a name in lower case; longer ones get their own. */
export function nameBuffer(): Uint8Array {
  return wordBuffer(256)
}

function isSensitive(staticIndex: number): boolean {
  return sensitiveStatic[staticIndex] === 1
}

/** The first index of a name of the static table, 0 when it has none. */
function findStatic(name: Uint8Array, length: number, nameHash: number): number {
  for (let slot = nameHash & (staticSlots - 1); ; slot = (slot + 1) & (staticSlots - 1)) {
    const index = staticByHash[slot]
    if (index === 0 || (staticNameLengths[index] === length && isStaticName(index, name, length))) return index
  }
}

function isStaticName(index: number, name: Uint8Array, length: number): boolean {
  const start = staticStarts[index]
  for (let at = 0; at < length; at++) if (staticBytes[start + at] !== name[at]) return false
  return true
}

function isStaticField(index: number, values: Uint8Array, start: number, end: number): boolean {
  const nameLength = staticNameLengths[index]
  if (staticLengths[index] !== nameLength + (end - start) + 4) return false
  let at = staticStarts[index] + nameLength + 2
  for (let from = start; from < end; from++) if (staticBytes[at++] !== values[from]) return false
  return true
}

/** Writes a name in lower case to the front of `out` and returns its hash. */
function foldName(names: Uint8Array, start: number, end: number, out: Uint8Array): number {
  let value = end - start
  for (let at = start; at < end; at++) {
    const byte = lowerCase[names[at]]
    out[at - start] = byte
    value = (Math.imul(value, 31) + byte) | 0
  }
  return value ^ (value >>> 15)
}

/** Of long ones, of the length and the ends only: enough to tell, as what is found is compared. */
function hash(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let value = (seed ^ (end - start)) | 0
  if (end - start > mostHashed) {
    for (let at = start; at < start + mostHashed / 2; at++) value = (Math.imul(value, 31) + bytes[at]) | 0
    start = end - mostHashed / 2
  }
  for (let at = start; at < end; at++) value = (Math.imul(value, 31) + bytes[at]) | 0
  return value ^ (value >>> 15)
}

/** Without the bit that tells a small letter from a capital, these two would be one: no other two characters of a name (RFC 9110 section 5.6.2). */
function isGuessable(name: Uint8Array, length: number): boolean {
  for (let at = 0; at < length; at++) if (name[at] === 0x5e || name[at] === 0x7e) return false
  return true
}

/** Whether two names of this length are the same but for case, of which the one is guessable. */
function isSameName(one: Uint8Array, at: number, other: Uint8Array, otherAt: number, length: number): boolean {
  const end = at + length
  if (length >= 4 && one instanceof WordBuffer && other instanceof WordBuffer) {
    const last = end - 4
    for (; at < last; at += 4, otherAt += 4) if (differs(one.words, at, other.words, otherAt)) return false
    return !differs(one.words, last, other.words, otherAt + last - at)
  }
  for (; at < end; at++, otherAt++) if (lowerCase[one[at]] !== lowerCase[other[otherAt]]) return false
  return true
}

function differs(one: DataView, at: number, other: DataView, otherAt: number): boolean {
  return ((one.getInt32(at) ^ other.getInt32(otherAt)) & ~caseBits) !== 0
}

/** A literal's first part (RFC 7541 section 6.2): the index of its name, or 0 and the name. */
function putName(
  out: Uint8Array,
  to: number,
  pattern: number,
  mask: number,
  index: number,
  name: Uint8Array,
  nameLength: number,
): number {
  to = putInteger(out, to, pattern, mask, index)
  return index === 0 ? putString(name, 0, nameLength, out, to) : to
}

/** An integer (RFC 7541 section 5.1) behind the bits `pattern`. */
function putInteger(out: Uint8Array, to: number, pattern: number, mask: number, value: number): number {
  if (value < mask) {
    out[to] = pattern | value
    return to + 1
  }
  out[to++] = pattern | mask
  value -= mask
  while (value >= 0x80) {
    out[to++] = (value & 0x7f) | 0x80
    value >>>= 7
  }
  out[to] = value
  return to + 1
}

/** A string (RFC 7541 section 5.2), Huffman-coded where that is shorter. */
function putString(bytes: Uint8Array, start: number, end: number, out: Uint8Array, to: number): number {
  const plainLength = end - start
  const length = huffmanLength(bytes, start, end)
  if (length >= plainLength) {
    to = putInteger(out, to, 0, 0x7f, plainLength)
    return copy(bytes, start, end, out, to)
  }
  to = putInteger(out, to, 0x80, 0x7f, length)
  return encodeHuffman(bytes, start, end, out, to)
}
