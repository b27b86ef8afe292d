/** Takes a stream of bytes by pieces of a wanted length. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>
  #rest: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** Exactly so many, or null at the end. Rejects when it ends in between. Only for what fits into memory. */
  async read(length: number): Promise<Buffer | null> {
    while (this.#rest.length < length) {
      const next = await this.#source.next()
      if (next.done === true) {
        if (this.#rest.length === 0) return null
        throw new RangeError('the stream ends too early')
      }
      this.#rest = this.#rest.length === 0 ? Buffer.from(next.value) : Buffer.concat([this.#rest, next.value])
    }
    const piece = this.#rest.subarray(0, length)
    this.#rest = this.#rest.subarray(length)
    return piece
  }

  /** So many as they come. Rejects when it ends in between. */
  async *pass(length: number): AsyncGenerator<Buffer> {
    let left = length
    while (left > 0) {
      if (this.#rest.length === 0) {
        const next = await this.#source.next()
        if (next.done === true) throw new RangeError('the stream ends too early')
        this.#rest = Buffer.from(next.value)
      }
      const piece = this.#rest.subarray(0, left)
      this.#rest = this.#rest.subarray(piece.length)
      left -= piece.length
      yield piece
    }
  }
}
