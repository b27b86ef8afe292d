import { constants, createBrotliCompress, createGzip, type BrotliCompress, type Gzip } from 'node:zlib'
import type { EncoderOwner, ResponseEncoder } from '../http1/response-encoder.js'
import type { CompiledEdit } from '../route-table/header-edit.js'

/** What a server can give while it serves: about the cost of gzip -6, and smaller. */
const brotliQuality = 4
const gzipLevel = 6

/** One body on its way through zlib, which works beside the event loop. */
export class Compressor implements ResponseEncoder {
  readonly edit: CompiledEdit
  readonly #stream: BrotliCompress | Gzip
  readonly #flushes: boolean
  readonly #onOver: () => void
  #isOver = false

  /** `sizeHint`: bytes to come, -1 when nobody knows; then each piece is passed on as it comes, as something may wait for it. */
  constructor(coding: string, sizeHint: number, edit: CompiledEdit, owner: EncoderOwner, onOver: () => void) {
    this.edit = edit
    this.#flushes = sizeHint === -1
    this.#onOver = onOver
    this.#stream =
      coding === 'br'
        ? createBrotliCompress({
            params: {
              [constants.BROTLI_PARAM_QUALITY]: brotliQuality,
              [constants.BROTLI_PARAM_SIZE_HINT]: Math.max(0, Math.min(sizeHint, 2 ** 30)),
            },
          })
        : createGzip({ level: gzipLevel })
    this.#stream.on('data', (bytes: Buffer) => {
      if (!this.#isOver) owner.onEncoded(bytes)
    })
    this.#stream.on('drain', () => {
      if (!this.#isOver) owner.onEncoderDrain()
    })
    this.#stream.on('end', () => {
      if (this.#close()) owner.onEncodedEnd()
    })
    this.#stream.on('error', (error: Error) => {
      if (this.#close()) owner.onEncoderFailed(error)
    })
  }

  get isFull(): boolean {
    return this.#stream.writableNeedDrain
  }

  write(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#stream.write(Buffer.from(bytes))
    if (this.#flushes) this.#stream.flush()
  }

  end(): void {
    this.#stream.end()
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  destroy(): void {
    if (this.#close()) this.#stream.destroy()
  }

  #close(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.#onOver()
    return true
  }
}
