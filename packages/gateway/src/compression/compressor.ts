import type { EncoderOwner, ResponseEncoder } from '../http1/response-encoder.js'
import type { CompiledEdit } from '../route-table/header-edit.js'
import type { EncodingStream } from './encode-now.js'
import type { Encoders, Operation } from './encoders.js'

/**
 * Bodies up to this size are gathered and compressed in one call: what one read may bring. It holds the loop for 0.1 to 0.25 ms per 10 KB of
 * JSON, 0.8 ms at most: as long as fifteen ordinary requests do. Were it less than a read, bytes that come in the worker's output buffer could be
 * written over by what is gathered, as that is sent from there first.
 */
export const mostAtOnce = 32 * 1024

/**
 * So much of a body is compressed on the event loop, read by read, with the loop's other work between: 1 to 3 ms of it. The rest, and bodies that
 * say to be larger, are compressed in zlib's threads: these hold nobody up however long a body is, but the way there costs 0.1 to 0.3 ms of CPU
 * time a read, which made an answer of 60 KB 2.3 times as dear.
 */
export const mostOnLoop = 128 * 1024

/** After so much in one turn of the loop a body's service is not read before the next. */
const mostInTurn = 16 * 1024
/** A service that cannot be stopped at once, as others are read with it, has no more than this compressed in one turn: 1.6 ms. */
const mostUnstopped = 64 * 1024

const noBytes = Buffer.alloc(0)

export interface CompressorOptions {
  readonly coding: string
  /** Bytes to come, -1 when nobody knows; then each piece is passed on as it comes, as something may wait for it. */
  readonly sizeHint: number
  readonly edit: CompiledEdit
  readonly encoders: Encoders
}

/**
 * One body that is compressed.
 *
 *     gathering ── all is there ──▶ over
 *         ├── it is up to 128 KiB, or of unknown length ──▶ on the loop ── it ends ──▶ over
 *         │                                                     ▼ it is more
 *         └── it is larger ───────────────────────────────▶ in threads ── it ends ──▶ over
 */
export class Compressor implements ResponseEncoder {
  readonly edit: CompiledEdit
  readonly #options: CompressorOptions
  readonly #owner: EncoderOwner
  /** While it gathers: what has come, its first `#length` bytes. */
  #gathered: Buffer = noBytes
  #length = 0
  /** Null while it gathers. */
  #stream: EncodingStream | null = null
  #isInThreads = false
  /** On the loop: bytes so far, and in this turn of it. */
  #onLoop = 0
  #inTurn = 0
  #isOver = false

  constructor(options: CompressorOptions, owner: EncoderOwner) {
    this.edit = options.edit
    this.#options = options
    this.#owner = owner
    options.encoders.begin()
  }

  get isFull(): boolean {
    return this.#inTurn >= mostInTurn || this.#stream?.writableNeedDrain === true
  }

  write(bytes: Uint8Array): void {
    if (bytes.length === 0 || (this.#stream === null && this.#gather(bytes))) return
    this.#start(bytes.length)
    if (!this.#isOver) this.#pass(bytes)
  }

  end(bytes: Uint8Array): void {
    const length = this.#length + bytes.length
    if (this.#stream === null && length <= mostAtOnce) {
      this.#finishAtOnce(bytes, length)
      return
    }
    this.#start(bytes.length)
    if (this.#isOver) return
    if (this.#isInThreads) this.#stream?.end(Buffer.from(bytes))
    else this.#encode(bytes, 'finish')
  }

  pause(): void {
    if (this.#isInThreads) this.#stream?.pause()
  }

  resume(): void {
    if (this.#isInThreads) this.#stream?.resume()
  }

  destroy(): void {
    if (this.#close()) this.#stream?.destroy()
  }

  /** False: it is too much. */
  #gather(bytes: Uint8Array): boolean {
    const { sizeHint } = this.#options
    const length = this.#length + bytes.length
    if (Math.max(length, sizeHint) > mostAtOnce) return false
    if (this.#gathered.length < length) {
      const larger = Buffer.allocUnsafe(Math.max(length, sizeHint === -1 ? Math.min(2 * length, mostAtOnce) : sizeHint))
      this.#gathered.copy(larger, 0, 0, this.#length)
      this.#gathered = larger
    }
    this.#gathered.set(bytes, this.#length)
    // The end may be in the same read; what has come without it waits for nothing else.
    if (sizeHint === -1 && this.#length === 0) {
      process.nextTick(() => {
        if (!this.#isOver) this.#start(0)
      })
    }
    this.#length = length
    return true
  }

  #finishAtOnce(bytes: Uint8Array, length: number): void {
    if (this.#length > 0) this.#gather(bytes)
    const { coding, encoders } = this.#options
    let encoded: Uint8Array
    try {
      encoded = encoders.whole(coding, this.#length > 0 ? this.#gathered.subarray(0, length) : bytes)
    } catch (error) {
      this.#fail(error as Error)
      return
    }
    if (this.#close()) this.#owner.onEncodedNow(encoded, true)
  }

  /** Has a stream from here on, which gets what was gathered, and is in the right place for so many bytes more. */
  #start(more: number): void {
    if (this.#stream === null) {
      const { coding, encoders, sizeHint } = this.#options
      this.#stream = encoders.take(coding, sizeHint)
      if (sizeHint > mostOnLoop || !encoders.canEncodeNow) this.#goToThreads()
      if (this.#length > 0) this.#pass(this.#gathered.subarray(0, this.#length))
      this.#gathered = noBytes
      this.#length = 0
    }
    if (this.#isInThreads) return
    if (this.#onLoop + more > mostOnLoop || this.#inTurn + more > mostUnstopped) this.#goToThreads()
  }

  #pass(bytes: Uint8Array): void {
    const isAwaited = this.#options.sizeHint === -1
    if (!this.#isInThreads) {
      this.#encode(bytes, isAwaited ? 'flush' : 'hold')
      return
    }
    this.#stream?.write(Buffer.from(bytes))
    if (isAwaited) this.#stream?.flush()
  }

  #encode(bytes: Uint8Array, operation: Operation): void {
    const { coding, encoders } = this.#options
    const stream = this.#stream as EncodingStream
    let encoded: Uint8Array
    try {
      encoded = encoders.encodeNow(coding, stream, bytes, operation)
    } catch (error) {
      this.#fail(error as Error)
      return
    }
    this.#onLoop += bytes.length
    const isLast = operation === 'finish'
    if (isLast) {
      encoders.give(coding, stream)
      this.#close()
    } else {
      this.#countTurn(bytes.length)
    }
    this.#owner.onEncodedNow(encoded, isLast)
  }

  #countTurn(length: number): void {
    const wasFull = this.#inTurn >= mostInTurn
    this.#inTurn += length
    if (wasFull || this.#inTurn < mostInTurn) return
    setImmediate(() => {
      this.#inTurn = 0
      if (!this.#isOver && !this.isFull) this.#owner.onEncoderDrain()
    })
  }

  #goToThreads(): void {
    const owner = this.#owner
    this.#isInThreads = true
    const stream = this.#stream as EncodingStream
    stream.on('data', (bytes: Buffer) => {
      if (!this.#isOver) owner.onEncoded(bytes)
    })
    stream.on('drain', () => {
      if (!this.#isOver && !this.isFull) owner.onEncoderDrain()
    })
    stream.on('end', () => {
      if (this.#close()) owner.onEncodedEnd()
    })
    stream.on('error', (error: Error) => this.#fail(error))
  }

  #fail(error: Error): void {
    if (!this.#close()) return
    this.#stream?.destroy()
    this.#owner.onEncoderFailed(error)
  }

  #close(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.#options.encoders.end()
    return true
  }
}
