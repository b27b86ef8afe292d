import type { ChunkDecoder } from './chunk-decoder.js'
import type { Refusal } from './refusal.js'
import { hexLength, lastChunk, put, putChunkSize } from './text.js'
import { copy } from './words.js'

/** How the end of a body is known (RFC 9112 section 6.3). */
export const noBody = 0
export const byLength = 1
export const byChunks = 2
export const byClose = 3

/** Bytes that `pass` may add to those it is given: a chunk's size and ends, and the last chunk. */
export const bodyOverhead = 32

/**
 * One body on its way from one side to the other: takes it out of the framing that it came in and puts it into the framing that it goes
 * out in. Every exchange has two and uses them again for the next one.
 */
export class Body {
  incoming = noBody
  /** Of a body by length. */
  remaining = 0
  isOutChunked = false
  /** Data bytes so far. */
  passed = 0
  isDone = true
  /** Fields that came behind the body, `name: value\r\n` each; null when there are none. Not all of them may go on. */
  trailers: Uint8Array | null = null
  /** Names, as `fieldName` gives them, that are not to go on as the head says that they belong to its connection. */
  nominated: ReadonlySet<string> | null = null
  /** Set when the incoming framing is wrong. */
  refusal: Refusal | null = null
  /** Offset behind what the last `pass` took of its input. */
  consumed = 0
  /** Where the last `pass` put data, without its framing. */
  dataStart = 0
  dataEnd = 0
  #decoder: ChunkDecoder | null = null

  begin(incoming: number, length: number, isOutChunked: boolean, decoder: ChunkDecoder | null): void {
    this.incoming = incoming
    this.remaining = length
    this.isOutChunked = isOutChunked
    this.passed = 0
    this.trailers = null
    this.nominated = null
    this.refusal = null
    this.isDone = incoming === noBody || (incoming === byLength && length === 0)
    this.#decoder = decoder
    decoder?.begin()
  }

  /** Whoever sends it says where it ends, also where its head has told the length, be it 0, and whoever gets it is told then: trailers may follow. */
  endByClose(): void {
    this.isOutChunked = false
    if (this.incoming !== byLength) return
    this.incoming = byClose
    this.isDone = false
  }

  /**
   * Writes what `bytes[at, end)` holds of the body to `out` at `to`, framed; returns the offset behind it. Where the body is done and `trailers` have
   * come in chunks, the end of the chunks that go out is left to the caller.
   */
  pass(bytes: Uint8Array, at: number, end: number, out: Uint8Array, to: number): number {
    if (this.incoming === byLength) {
      const length = Math.min(this.remaining, end - at)
      this.remaining -= length
      this.passed += length
      this.consumed = at + length
      if (this.remaining === 0) this.isDone = true
      this.dataStart = to
      this.dataEnd = to + length
      return copy(bytes, at, at + length, out, to)
    }
    if (this.incoming === noBody) {
      this.consumed = at
      this.dataStart = to
      this.dataEnd = to
      return to
    }
    // The chunk's size is written in front of its data when that is known, in a place of fixed width.
    const digits = hexLength(end - at)
    const dataStart = this.isOutChunked ? to + digits + 2 : to
    let dataEnd = dataStart
    if (this.incoming === byChunks) {
      const decoder = this.#decoder as ChunkDecoder
      dataEnd = decoder.decode(bytes, at, end, out, dataStart)
      this.consumed = decoder.consumed
      this.isDone = decoder.isDone
      this.refusal = decoder.refusal
      if (this.isDone && decoder.trailers !== null) this.trailers = decoder.trailers.whole()
    } else {
      dataEnd = copy(bytes, at, end, out, dataStart)
      this.consumed = end
    }
    const length = dataEnd - dataStart
    this.dataStart = dataStart
    this.dataEnd = dataEnd
    this.passed += length
    if (!this.isOutChunked) return dataEnd
    if (length > 0) {
      putChunkSize(out, to, digits, length)
      out[dataEnd] = 0x0d
      out[dataEnd + 1] = 0x0a
      to = dataEnd + 2
    }
    return this.isDone && this.trailers === null ? put(out, to, lastChunk) : to
  }
}
