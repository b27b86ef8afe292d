import type { BrotliCompress, Gzip } from 'node:zlib'

export type EncodingStream = BrotliCompress | Gzip

/** What Node keeps in a stream of zlib, which packages that compress at once have used since Node 9; not in its types. */
interface StreamInternals {
  readonly _handle: {
    writeSync(
      operation: number,
      input: Uint8Array,
      at: number,
      length: number,
      out: Uint8Array,
      to: number,
      room: number,
    ): void
  }
  /** What was left of the room for output, then of the input. */
  readonly _writeState: Uint32Array
}

/** More than any room. */
const unsaid = 0xffffffff
/** Enough for what 32 KiB become at worst, and for what the encoder held back before. */
const firstRoom = 72 * 1024

/**
 * Lets streams of zlib encode on the event loop. `gzipSync` and its like do so too, and are documented, but make an encoder for each body: that
 * takes and clears 256 KiB, 17 µs, more than compressing 1.5 KB does; and they know whole bodies only. Not documented is that the handle of a
 * stream can be written to at once. So that is tried out before it is used (`isUsable`), and whoever uses it has a way without.
 */
export class EncodeNow {
  #out: Buffer = Buffer.alloc(0)

  /** The output is valid until the next call. The stream may be used as a stream from then on; throws when it cannot be used any more. */
  encode(stream: EncodingStream, bytes: Uint8Array, operation: number): Uint8Array {
    const { _handle: handle, _writeState: left } = stream as unknown as StreamInternals
    if (this.#out.length === 0) this.#out = Buffer.allocUnsafeSlow(firstRoom)
    let at = 0
    let length = 0
    for (;;) {
      const room = this.#out.length - length
      left[0] = unsaid
      handle.writeSync(operation, bytes, at, bytes.length - at, this.#out, length, room)
      if (left[0] === unsaid) throw new Error('zlib has not done it')
      length += room - left[0]
      at = bytes.length - left[1]
      if (left[0] > 0) break
      this.#out = Buffer.concat([this.#out], this.#out.length * 2)
    }
    if (at !== bytes.length) throw new Error(`zlib has left ${bytes.length - at} bytes`)
    return this.#out.subarray(0, length)
  }
}
