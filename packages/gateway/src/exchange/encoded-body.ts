import { bodyOverhead } from '../http1/body.js'
import type { ExchangeClient } from '../http1/exchange-client.js'
import type { Outputs } from '../http1/outputs.js'
import type { EncoderOwner, ResponseEncoder } from '../http1/response-encoder.js'
import { hexLength, lastChunk, put, putChunkSize } from '../http1/text.js'
import { endOfChunks } from '../http1/trailer-fields.js'

const noBytes = new Uint8Array(0)

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
  readonly #outputs: Outputs
  readonly #owner: EncodedBodyOwner
  #encoder: ResponseEncoder | null = null
  /** Of the answer's head, at the start of the worker's output buffer: it is sent with what is encoded at once. */
  #headLength = 0
  #trailers: Uint8Array | null = null

  constructor(client: ExchangeClient, outputs: Outputs, owner: EncodedBodyOwner) {
    this.#client = client
    this.#outputs = outputs
    this.#owner = owner
  }

  /** Takes the encoder that was begun with this object as its owner. */
  begin(encoder: ResponseEncoder): void {
    this.#encoder = encoder
  }

  /** The service should not be read before `onEncodedDrain`. */
  get isFull(): boolean {
    return this.#encoder?.isFull === true || this.#client.wire.isBlocked
  }

  /** Sends the head, the first `headLength` bytes of the output buffer, and `bytes` when they are encoded. */
  write(bytes: Uint8Array, headLength: number): void {
    if (headLength > 0) this.#client.wire.send(headLength)
    this.#encoder?.write(bytes)
  }

  /** As `write`, with the last of the body and what follows it, lines. The owner may be told of the end during the call. */
  end(bytes: Uint8Array, headLength: number, trailers: Uint8Array | null): void {
    this.#headLength = headLength
    this.#trailers = trailers
    this.#encoder?.end(bytes)
    this.#sendHead()
  }

  onClientDrain(): void {
    this.#encoder?.resume()
    if (!this.isFull) this.#owner.onEncodedDrain()
  }

  destroy(): void {
    this.#encoder?.destroy()
    this.#encoder = null
    this.#headLength = 0
  }

  onEncoded(bytes: Buffer): void {
    const { wire, isFramed } = this.#client
    this.#owner.onEncodedProgress()
    wire.sendOwned(isFramed ? bytes : chunkOf(bytes))
    if (wire.isBlocked) this.#encoder?.pause()
  }

  onEncoderDrain(): void {
    if (!this.#client.wire.isBlocked) this.#owner.onEncodedDrain()
  }

  onEncodedNow(bytes: Uint8Array, isLast: boolean): void {
    const { isFramed, wire } = this.#client
    const behind = isLast && !isFramed ? this.#endOfChunks() : noBytes
    const room = bytes.length + bodyOverhead + behind.length
    this.#owner.onEncodedProgress()
    if (this.#outputs.current.length < this.#headLength + room) this.#sendHead()
    const out = this.#outputs.ensure(room)
    const at = this.#headLength
    const length = isFramed ? put(out, at, bytes) : put(out, putChunk(out, at, bytes), behind)
    this.#headLength = 0
    if (length > 0) wire.send(length)
    if (isLast) this.#end()
  }

  onEncodedEnd(): void {
    if (!this.#client.isFramed) this.#client.wire.sendOwned(this.#endOfChunks())
    this.#end()
  }

  onEncoderFailed(cause: Error): void {
    this.#encoder = null
    this.#owner.onEncodedFailed(cause)
  }

  #endOfChunks(): Uint8Array {
    return this.#trailers === null ? lastChunk : endOfChunks(this.#trailers)
  }

  #sendHead(): void {
    if (this.#headLength > 0) this.#client.wire.send(this.#headLength)
    this.#headLength = 0
  }

  #end(): void {
    this.#encoder = null
    if (this.#client.isFramed) this.#client.endBody(this.#trailers)
    this.#owner.onEncodedEnd()
  }
}

function putChunk(out: Buffer, at: number, bytes: Uint8Array): number {
  if (bytes.length === 0) return at
  const digits = hexLength(bytes.length)
  putChunkSize(out, at, digits, bytes.length)
  const end = put(out, at + digits + 2, bytes)
  out[end] = 0x0d
  out[end + 1] = 0x0a
  return end + 2
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
