import {
  brotliCompressSync,
  type BrotliOptions,
  constants,
  createBrotliCompress,
  createGzip,
  type Gzip,
  gunzipSync,
  gzipSync,
  type ZlibReset,
} from 'node:zlib'
import { EncodeNow, type EncodingStream } from './encode-now.js'

/** What a server can give while it serves: about the cost of gzip -6, and smaller. */
const brotliQuality = 4
const gzipLevel = 6
/** Encoders of gzip that are kept for the next bodies, 0.3 MB each: while some are under way, and when none is. */
const mostSpare = 16
const mostIdle = 1

/** What is to become of what an encoder has been given. */
export type Operation = 'hold' | 'flush' | 'finish'

const gzipOperations = { hold: constants.Z_NO_FLUSH, flush: constants.Z_SYNC_FLUSH, finish: constants.Z_FINISH }
const brotliOperations = {
  hold: constants.BROTLI_OPERATION_PROCESS,
  flush: constants.BROTLI_OPERATION_FLUSH,
  finish: constants.BROTLI_OPERATION_FINISH,
}
const probe = Buffer.from('what is written twice is written once, what is written twice is written once')
const nothing = (): void => {}

/** The encoders of one worker. */
export class Encoders {
  #inUse = 0
  readonly #now = new EncodeNow()
  readonly #makeGzip: (level: number) => Gzip
  readonly #spare: Gzip[] = []
  /** Null before it has been tried out. */
  #canEncodeNow: boolean | null = null

  /** `makeGzip`: for tests of what happens where streams are other ones. */
  constructor(makeGzip = (level: number): Gzip => createGzip({ level })) {
    this.#makeGzip = makeGzip
  }

  /** Bodies that are under way. */
  get inUse(): number {
    return this.#inUse
  }

  begin(): void {
    this.#inUse++
  }

  end(): void {
    this.#inUse--
    if (this.#inUse > 0) return
    for (const stream of this.#spare.splice(mostIdle)) stream.destroy()
  }

  /** A whole body, encoded on the event loop; valid until the next call. */
  whole(coding: string, bytes: Uint8Array): Uint8Array {
    if (coding === 'br') return brotliCompressSync(bytes, brotliOptions(bytes.length))
    if (!this.canEncodeNow) return gzipSync(bytes, { level: gzipLevel })
    const stream = this.take(coding, bytes.length)
    try {
      return this.encodeNow(coding, stream, bytes, 'finish')
    } catch {
      return gzipSync(bytes, { level: gzipLevel })
    } finally {
      this.give(coding, stream)
    }
  }

  /** Whether `encodeNow` may be called. */
  get canEncodeNow(): boolean {
    return (this.#canEncodeNow ??= this.#triesWell())
  }

  /** A piece of a body, encoded on the event loop by a stream that has been taken; valid until the next call. When it fails the body is lost. */
  encodeNow(coding: string, stream: EncodingStream, bytes: Uint8Array, operation: Operation): Uint8Array {
    try {
      return this.#now.encode(stream, bytes, (coding === 'br' ? brotliOperations : gzipOperations)[operation])
    } catch (error) {
      this.#canEncodeNow = false
      stream.destroy()
      throw error
    }
  }

  /** For a body of so many bytes, -1 when nobody knows. */
  take(coding: string, sizeHint: number): EncodingStream {
    // An error destroys a stream, which is noticed by then.
    if (coding === 'br') return createBrotliCompress(brotliOptions(sizeHint)).on('error', nothing)
    return this.#spare.pop() ?? this.#makeGzip(gzipLevel).on('error', nothing)
  }

  /** Takes back one whose body was finished by `encodeNow`, or has failed. */
  give(coding: string, stream: EncodingStream): void {
    // To reset one of Brotli would make it forget its quality.
    if (stream.destroyed || coding === 'br' || this.#spare.length === mostSpare) {
      stream.destroy()
      return
    }
    reset(stream)
    this.#spare.push(stream)
  }

  /** Twice, as the second time is the one after a reset. */
  #triesWell(): boolean {
    const stream = this.#makeGzip(gzipLevel).on('error', nothing)
    const { flush, finish } = gzipOperations
    try {
      for (let turn = 0; turn < 2; turn++) {
        const first = Buffer.from(this.#now.encode(stream, probe, flush))
        const rest = this.#now.encode(stream, probe, finish)
        if (!gunzipSync(first, { finishFlush: flush }).equals(probe)) return false
        if (!gunzipSync(Buffer.concat([first, rest])).equals(Buffer.concat([probe, probe]))) return false
        reset(stream)
      }
      return true
    } catch {
      return false
    } finally {
      stream.destroy()
    }
  }
}

/** Documented of streams of deflate, and not in the type of this one. */
function reset(stream: Gzip): void {
  const resettable = stream as Gzip & ZlibReset
  resettable.reset()
}

function brotliOptions(sizeHint: number): BrotliOptions {
  return {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: brotliQuality,
      [constants.BROTLI_PARAM_SIZE_HINT]: Math.max(0, Math.min(sizeHint, 2 ** 30)),
    },
  }
}
