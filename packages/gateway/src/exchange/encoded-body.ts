import type { ExchangeClient } from '../http1/exchange-client.js'
import type { EncoderOwner, ResponseEncoder } from '../http1/response-encoder.js'
import { hexLength, lastChunk, putChunkSize } from '../http1/text.js'

/** What an exchange does about a body that goes through an encoder. */
export interface EncodedBodyEvents {
  /** Some of it has gone to the client. */
  readonly onProgress: () => void
  /** The service may be read on. */
  readonly onDrain: () => void
  /** The client has been sent all of it. */
  readonly onEnd: () => void
  readonly onFailed: (cause: Error) => void
}

/** The body of one answer on its way through an encoder to its client, in chunks where the client's protocol does not tell its end. */
export class EncodedBody implements EncoderOwner {
  readonly #client: ExchangeClient
  readonly #events: EncodedBodyEvents
  #encoder: ResponseEncoder | null = null

  constructor(client: ExchangeClient, events: EncodedBodyEvents) {
    this.#client = client
    this.#events = events
  }

  /** Takes the encoder that was begun with this object as its owner. */
  begin(encoder: ResponseEncoder): void {
    this.#encoder = encoder
  }

  /** The service should not be read before `onDrain`. */
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
    this.#events.onProgress()
    wire.sendOwned(isFramed ? bytes : chunkOf(bytes))
    if (wire.isBlocked) this.#encoder?.pause()
  }

  onEncoderDrain(): void {
    this.#events.onDrain()
  }

  onEncodedEnd(): void {
    this.#encoder = null
    if (this.#client.isFramed) this.#client.endBody(null)
    else this.#client.wire.sendOwned(lastChunk)
    this.#events.onEnd()
  }

  onEncoderFailed(cause: Error): void {
    this.#encoder = null
    this.#events.onFailed(cause)
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
