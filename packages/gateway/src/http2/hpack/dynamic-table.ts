import { copy, wordBuffer } from '../../http1/words.js'

/** What an entry counts beside its name and its value (RFC 7541 section 4.1). */
export const entryOverhead = 32
/** A line has `: ` and CR LF, which do not count. */
const lineOverhead = 4
const perEntry = 4
/** Little: most connections wait most of their time, and what is used doubles until it is enough. Four entries the engine keeps without a buffer of their own. */
const firstBytes = 128
const firstEntries = 4

/**
 * The dynamic table (RFC 7541 section 2.3.2): each entry is its ready-made HTTP/1.1 line, so that to repeat a field is to copy it.
 *
 *     data   [ … evicted … | line | line | line | free … ]        entries   ring of (start, name length, length, class)
 *
 * Lines are appended; at the end of `data` those that are alive move to its front. `data` is twice as large as they can become together,
 * so a byte moves once for every one that is added, on average. Nothing is allocated for an entry; memory grows to what is used, and to
 * about twice the table's size at most.
 */
export class DynamicTable {
  data: Uint8Array = new Uint8Array(0)
  count = 0
  /** As RFC 7541 section 4.1 counts. */
  size = 0
  /** Entries ever added. */
  added = 0
  maxSize: number
  #entries = new Int32Array(0)
  /** Of the ring, in entries; a power of two. */
  #capacity = 0
  /** Place of the entry that was added last. */
  #newest = 0
  #dataEnd = 0

  constructor(maxSize: number) {
    this.maxSize = maxSize
  }

  /** Start of the line of the entry that was added `age` entries before the newest. */
  start(age: number): number {
    return this.#entries[this.#place(age)]
  }

  nameLength(age: number): number {
    return this.#entries[this.#place(age) + 1]
  }

  /** Of the whole line, CR LF included. */
  lineLength(age: number): number {
    return this.#entries[this.#place(age) + 2]
  }

  fieldClass(age: number): number {
    return this.#entries[this.#place(age) + 3]
  }

  resize(maxSize: number): void {
    this.maxSize = maxSize
    this.#evict(0)
  }

  /** Adds the line `bytes[start, start + length)`; false when it is too large, and the table is empty now (RFC 7541 section 4.4). */
  add(bytes: Uint8Array, start: number, nameLength: number, length: number, fieldClass: number): boolean {
    if (!this.#begin(nameLength, length, fieldClass)) return false
    this.#dataEnd = copy(bytes, start, start + length, this.data, this.#dataEnd)
    return true
  }

  /** As `add`, of a name and a value that lie apart, and whose line is compared only: what ends its two parts is left out. */
  addField(names: Uint8Array, nameLength: number, values: Uint8Array, start: number, end: number): boolean {
    const length = nameLength + end - start + lineOverhead
    if (!this.#begin(nameLength, length, 0)) return false
    copy(names, 0, nameLength, this.data, this.#dataEnd)
    copy(values, start, end, this.data, this.#dataEnd + nameLength + 2)
    this.#dataEnd += length
    return true
  }

  /** Makes a place for a line of that length at the end of `data`. */
  #begin(nameLength: number, length: number, fieldClass: number): boolean {
    const size = length - lineOverhead + entryOverhead
    this.#evict(size)
    if (size > this.maxSize) return false
    if (this.count === this.#capacity) this.#growEntries()
    if (this.#dataEnd + length > this.data.length) this.#makeRoom(length)
    this.#newest = (this.#newest + 1) & (this.#capacity - 1)
    const place = this.#newest * perEntry
    const entries = this.#entries
    entries[place] = this.#dataEnd
    entries[place + 1] = nameLength
    entries[place + 2] = length
    entries[place + 3] = fieldClass
    this.size += size
    this.count++
    this.added++
    return true
  }

  #place(age: number): number {
    return ((this.#newest - age) & (this.#capacity - 1)) * perEntry
  }

  #evict(needed: number): void {
    while (this.count > 0 && this.size + needed > this.maxSize) {
      this.size -= this.lineLength(this.count - 1) - lineOverhead + entryOverhead
      this.count--
    }
    if (this.count === 0) this.#dataEnd = 0
  }

  #growEntries(): void {
    const capacity = this.#capacity === 0 ? firstEntries : this.#capacity * 2
    const larger = new Int32Array(capacity * perEntry)
    for (let age = this.count - 1, to = 0; age >= 0; age--, to += perEntry) {
      const from = this.#place(age)
      larger.set(this.#entries.subarray(from, from + perEntry), to)
    }
    this.#entries = larger
    this.#capacity = capacity
    this.#newest = (this.count - 1) & (capacity - 1)
  }

  /** Moves the lines that are alive to the front, of a larger buffer when less than half of this one would be free. */
  #makeRoom(needed: number): void {
    const oldest = this.count === 0 ? this.#dataEnd : this.start(this.count - 1)
    const alive = this.#dataEnd - oldest
    const wanted = (alive + needed) * 2
    if (wanted > this.data.length) {
      const larger = wordBuffer(Math.max(firstBytes, wanted))
      larger.set(this.data.subarray(oldest, this.#dataEnd))
      this.data = larger
    } else {
      this.data.copyWithin(0, oldest, this.#dataEnd)
    }
    for (let age = 0; age < this.count; age++) this.#entries[this.#place(age)] -= oldest
    this.#dataEnd = alive
  }
}
