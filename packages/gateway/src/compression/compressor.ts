import type { BrotliCompress, Gzip } from 'node:zlib'
import type { EncoderOwner, ResponseEncoder, SharedEncoders } from '../http1/response-encoder.js'
import type { CompiledEdit } from '../route-table/header-edit.js'
import { encodingStream } from './encoders.js'

/**
 * Bodies up to this size are compressed at once, on the event loop, when all of them is there: what one read may bring. It holds the loop for
 * about 0.1 ms per 10 KB, 0.6 ms at most, as long as ten ordinary requests do; the way through zlib's threads costs 80 to 200 µs more.
 */
export const mostAtOnce = 32 * 1024

const noBytes = Buffer.alloc(0)

export interface CompressorOptions {
  readonly coding: string
  /** Bytes to come, -1 when nobody knows; then each piece is passed on as it comes, as something may wait for it. */
  readonly sizeHint: number
  readonly edit: CompiledEdit
  readonly shared: SharedEncoders
}

/**
 * One body that is compressed.
 *
 *     gathering ── it ends ──▶ over (compressed at once)
 *         │
 *         └── it is large, or more of it is to come and its length is unknown ──▶ streaming (in zlib's threads) ──▶ over
 */
export class Compressor implements ResponseEncoder {
  readonly edit: CompiledEdit
  readonly #options: CompressorOptions
  readonly #owner: EncoderOwner
  /** While it gathers: what has come, its first `#length` bytes. */
  #gathered: Buffer = noBytes
  #length = 0
  #stream: BrotliCompress | Gzip | null = null
  #isOver = false

  constructor(options: CompressorOptions, owner: EncoderOwner) {
    this.edit = options.edit
    this.#options = options
    this.#owner = owner
    options.shared.inUse++
  }

  get isFull(): boolean {
    return this.#stream?.writableNeedDrain === true
  }

  write(bytes: Uint8Array): void {
    if (bytes.length === 0 || (this.#stream === null && this.#gather(bytes))) return
    this.#start().write(Buffer.from(bytes))
    this.#flush()
  }

  end(bytes: Uint8Array): void {
    const length = this.#length + bytes.length
    if (this.#stream !== null || length > mostAtOnce) {
      this.#start().end(Buffer.from(bytes))
    } else if (this.#length === 0) {
      this.#finish(bytes)
    } else {
      this.#gather(bytes)
      this.#finish(this.#gathered.subarray(0, length))
    }
  }

  pause(): void {
    this.#stream?.pause()
  }

  resume(): void {
    this.#stream?.resume()
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
    if (sizeHint === -1 && this.#length === 0) process.nextTick(() => this.#passOn())
    this.#length = length
    return true
  }

  #passOn(): void {
    if (this.#isOver || this.#stream !== null) return
    this.#start()
    this.#flush()
  }

  #finish(bytes: Uint8Array): void {
    let encoded: Uint8Array
    try {
      encoded = this.#options.shared.whole(this.#options.coding, bytes)
    } catch (error) {
      if (this.#close()) this.#owner.onEncoderFailed(error as Error)
      return
    }
    if (this.#close()) this.#owner.onEncodedWhole(encoded)
  }

  /** The stream, with what was gathered in it. */
  #start(): BrotliCompress | Gzip {
    const stream = (this.#stream ??= this.#open())
    if (this.#length > 0) stream.write(this.#gathered.subarray(0, this.#length))
    this.#gathered = noBytes
    this.#length = 0
    return stream
  }

  #flush(): void {
    if (this.#options.sizeHint === -1) this.#stream?.flush()
  }

  #open(): BrotliCompress | Gzip {
    const { coding, sizeHint } = this.#options
    const owner = this.#owner
    const stream = encodingStream(coding, sizeHint)
    stream.on('data', (bytes: Buffer) => {
      if (!this.#isOver) owner.onEncoded(bytes)
    })
    stream.on('drain', () => {
      if (!this.#isOver) owner.onEncoderDrain()
    })
    stream.on('end', () => {
      if (this.#close()) owner.onEncodedEnd()
    })
    stream.on('error', (error: Error) => {
      if (this.#close()) owner.onEncoderFailed(error)
    })
    return stream
  }

  #close(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.#options.shared.inUse--
    return true
  }
}
