import type { ExchangeClient } from '../http1/exchange-client.js'
import type { EncoderOwner, ResponseEncoder } from '../http1/response-encoder.js'
import { hexLength, lastChunk, putChunkSize } from '../http1/text.js'

/** Whom a body that goes through an encoder tells. */
export interface EncodedBodyOwner {
  /** Some of it has gone to the client. */
  onEncodedProgress(): void
  /** The service may be read on. */
  onEncodedDrain(): void
  /** The client has been sent all of it. */
  onEncodedEnd(): void
  onEncodedFailed(cause: Error): void
}

/** The body of one answer on its way through an encoder to its client, in chunks where the client's protocol does not tell its end. */
export class EncodedBody implements EncoderOwner {
  readonly #client: ExchangeClient
  readonly #owner: EncodedBodyOwner
  #encoder: ResponseEncoder | null = null

  constructor(client: ExchangeClient, owner: EncodedBodyOwner) {
    this.#client = client
    this.#owner = owner
  }

  /** Takes the encoder that was begun with this object as its owner. */
  begin(encoder: ResponseEncoder): void {
    this.#encoder = encoder
  }

  /** The service should not be read before `onEncodedDrain`. */
  get isFull(): boolean {
    return this.#encoder?.isFull === true
  }

  write(bytes: Uint8Array): void {
    this.#encoder?.write(bytes)
  }

  end(): void {
    this.#encoder?.end()
  }

  onClientDrain(): void {
    this.#encoder?.resume()
  }

  destroy(): void {
    this.#encoder?.destroy()
    this.#encoder = null
  }

  onEncoded(bytes: Buffer): void {
    const { wire, isFramed } = this.#client
    this.#owner.onEncodedProgress()
    wire.sendOwned(isFramed ? bytes : chunkOf(bytes))
    if (wire.isBlocked) this.#encoder?.pause()
  }

  onEncoderDrain(): void {
    this.#owner.onEncodedDrain()
  }

  onEncodedEnd(): void {
    this.#encoder = null
    if (this.#client.isFramed) this.#client.endBody(null)
    else this.#client.wire.sendOwned(lastChunk)
    this.#owner.onEncodedEnd()
  }

  onEncoderFailed(cause: Error): void {
    this.#encoder = null
    this.#owner.onEncodedFailed(cause)
  }
}

function chunkOf(bytes: Buffer): Buffer {
  const digits = hexLength(bytes.length)
  const chunk = Buffer.allocUnsafe(digits + bytes.length + 4)
  putChunkSize(chunk, 0, digits, bytes.length)
  chunk.set(bytes, digits + 2)
  chunk[chunk.length - 2] = 0x0d
  chunk[chunk.length - 1] = 0x0a
  return chunk
}
