import { hexValues, tokenChars, valueChars } from './chars.js'
import { refusals, type Refusal } from './refusal.js'
import { TrailerLines } from './trailer-lines.js'
import { copy } from './words.js'

// The places in a chunked body between two bytes (RFC 9112 section 7.1).
const atSize = 0
const inSize = 1
const beforeExtension = 2
const inExtension = 3
const afterSizeReturn = 4
const inData = 5
const afterData = 6
const afterDataReturn = 7
const atTrailer = 8
const inTrailerName = 9
const beforeTrailerValue = 10
const inTrailerValue = 11
const afterTrailerReturn = 12
const afterLastReturn = 13
const done = 14
const failed = 15

const mostSizeDigits = 16
/** Larger sizes are refused: 2^44 bytes is 16 TiB, and stays exact in a double whatever the digits before it were. */
const mostChunkBytes = 2 ** 44
/** Extension bytes of one body in all; they carry nothing for us and would make a body that is nearly all overhead. */
const mostExtensionBytes = 16 * 1024
const mostTrailerBytes = 8 * 1024
const mostTrailers = 100

/**
 * Takes the data out of a chunked body, given in any pieces. Sizes, extensions and trailers are checked as strictly as a head;
 * extensions are then dropped, trailers kept. Reused for body after body by `begin`.
 */
export class ChunkDecoder {
  /** Offset behind what the last `decode` took; less than its `end` only when the body is done or refused. */
  consumed = 0
  refusal: Refusal | null = null
  /** Fields behind the body (RFC 9112 section 7.1.2); null when there are none, or not yet any. */
  trailers: TrailerLines | null = null
  #phase = atSize
  #remaining = 0
  #digits = 0
  #extensionBytes = 0
  #trailerBytes = 0
  #trailerCount = 0

  begin(): void {
    this.refusal = null
    this.#phase = atSize
    this.#remaining = 0
    this.#digits = 0
    this.#extensionBytes = 0
    this.#trailerBytes = 0
    this.#trailerCount = 0
    this.trailers = null
  }

  get isDone(): boolean {
    return this.#phase === done
  }

  /** Writes the data in `bytes[at, end)` to `out` from `to` on and returns the offset behind it; never more than `end - at` bytes. */
  decode(bytes: Uint8Array, at: number, end: number, out: Uint8Array, to: number): number {
    let phase = this.#phase
    while (at < end) {
      const byte = bytes[at]
      switch (phase) {
        case atSize:
        case inSize: {
          const value = hexValues[byte]
          if (value !== 255) {
            this.#remaining = this.#remaining * 16 + value
            if (++this.#digits > mostSizeDigits || this.#remaining > mostChunkBytes) {
              return this.#fail(refusals.longChunk, at, to)
            }
            phase = inSize
            at++
            break
          }
          if (phase === atSize) return this.#fail(refusals.badChunk, at, to)
          if (byte === 0x0d) phase = afterSizeReturn
          else if (byte === 0x3b) phase = inExtension
          else if (byte === 0x20 || byte === 0x09) phase = beforeExtension
          else return this.#fail(byte === 0x0a ? refusals.bareLineFeed : refusals.badChunk, at, to)
          at++
          break
        }
        case beforeExtension:
          // White space is allowed before an extension (BWS) and nowhere else.
          if (++this.#extensionBytes > mostExtensionBytes) return this.#fail(refusals.longExtensions, at, to)
          if (byte === 0x3b) phase = inExtension
          else if (byte !== 0x20 && byte !== 0x09) return this.#fail(refusals.badChunk, at, to)
          at++
          break
        case inExtension:
          if (++this.#extensionBytes > mostExtensionBytes) return this.#fail(refusals.longExtensions, at, to)
          if (byte === 0x0d) phase = afterSizeReturn
          else if (byte === 0x0a) return this.#fail(refusals.bareLineFeed, at, to)
          else if (valueChars[byte] !== 1) return this.#fail(refusals.badChunk, at, to)
          at++
          break
        case afterSizeReturn:
          if (byte !== 0x0a) return this.#fail(refusals.bareReturn, at, to)
          phase = this.#remaining === 0 ? atTrailer : inData
          this.#digits = 0
          at++
          break
        case inData: {
          const length = Math.min(this.#remaining, end - at)
          to = copy(bytes, at, at + length, out, to)
          at += length
          this.#remaining -= length
          if (this.#remaining === 0) phase = afterData
          break
        }
        case afterData:
          if (byte !== 0x0d) return this.#fail(refusals.badChunk, at, to)
          phase = afterDataReturn
          at++
          break
        case afterDataReturn:
          if (byte !== 0x0a) return this.#fail(refusals.bareReturn, at, to)
          phase = atSize
          at++
          break
        case atTrailer:
          if (byte === 0x0d) {
            phase = afterLastReturn
            at++
            break
          }
          // The first byte is not taken here: an empty name fails as one that begins with a colon.
          if (tokenChars[byte] !== 1) return this.#fail(refusals.badTrailer, at, to)
          if (++this.#trailerCount > mostTrailers) return this.#fail(refusals.longTrailers, at, to)
          this.trailers ??= new TrailerLines()
          phase = inTrailerName
          break
        case inTrailerName:
          if (++this.#trailerBytes > mostTrailerBytes) return this.#fail(refusals.longTrailers, at, to)
          if (byte === 0x3a) {
            this.trailers?.beginValue()
            phase = beforeTrailerValue
          } else if (tokenChars[byte] === 1) this.trailers?.add(byte)
          else return this.#fail(refusals.badTrailer, at, to)
          at++
          break
        case beforeTrailerValue:
          if (byte !== 0x20 && byte !== 0x09) {
            phase = inTrailerValue
            break
          }
          if (++this.#trailerBytes > mostTrailerBytes) return this.#fail(refusals.longTrailers, at, to)
          at++
          break
        case inTrailerValue:
          if (++this.#trailerBytes > mostTrailerBytes) return this.#fail(refusals.longTrailers, at, to)
          if (byte === 0x0d) {
            this.trailers?.endValue()
            phase = afterTrailerReturn
          } else if (valueChars[byte] === 1) this.trailers?.add(byte)
          else return this.#fail(refusals.badTrailer, at, to)
          at++
          break
        case afterTrailerReturn:
          if (byte !== 0x0a) return this.#fail(refusals.bareReturn, at, to)
          phase = atTrailer
          at++
          break
        case afterLastReturn:
          if (byte !== 0x0a) return this.#fail(refusals.bareReturn, at, to)
          this.#phase = done
          this.consumed = at + 1
          return to
        default:
          this.consumed = at
          return to
      }
    }
    this.#phase = phase
    this.consumed = at
    return to
  }

  #fail(refusal: Refusal, at: number, to: number): number {
    this.#phase = failed
    this.refusal = refusal
    this.consumed = at
    return to
  }
}
