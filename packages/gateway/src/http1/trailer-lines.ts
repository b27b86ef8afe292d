import { isSpace } from './chars.js'

const firstSize = 256

/** Trailers as they come, byte by byte: `name: value\r\n` each, without other white space around the value. Whoever adds to it bounds it. */
export class TrailerLines {
  #bytes = Buffer.allocUnsafe(firstSize)
  #length = 0
  #valueStart = 0

  add(byte: number): void {
    if (this.#length === this.#bytes.length) {
      const larger = Buffer.allocUnsafe(this.#length * 2)
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    this.#bytes[this.#length++] = byte
  }

  beginValue(): void {
    this.add(0x3a)
    this.add(0x20)
    this.#valueStart = this.#length
  }

  endValue(): void {
    while (this.#length > this.#valueStart && isSpace(this.#bytes[this.#length - 1])) this.#length--
    this.add(0x0d)
    this.add(0x0a)
  }

  whole(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }
}
