import type { Encoders } from '../compression/encoders.js'
import type { CompiledEdit } from '../route-table/header-edit.js'
import type { Head } from './head.js'

/** Stands between the body of a service's answer and its client; one an answer. After `destroy` it calls nobody. */
export interface ResponseEncoder {
  /** How the head differs; it has no Content-Length. */
  readonly edit: CompiledEdit
  /** Enough waits in it: the service should not be read until it drains. */
  readonly isFull: boolean
  /** Takes a copy. The owner may be called during the call. */
  write(bytes: Uint8Array): void
  /** `bytes` are the last. */
  end(bytes: Uint8Array): void
  /** The client does not take more, and takes more again. */
  pause(): void
  resume(): void
  destroy(): void
}

/** Whom an encoder tells. */
export interface EncoderOwner {
  /** Bytes that nobody changes any more. */
  onEncoded(bytes: Buffer): void
  onEncodedEnd(): void
  /** As both of them, with bytes that are changed after the call. */
  onEncodedNow(bytes: Uint8Array, isLast: boolean): void
  onEncoderDrain(): void
  onEncoderFailed(cause: Error): void
}

/** What a route has to say to the bodies of answers. */
export interface ResponseEncoding {
  /** What the client of this request takes; empty: nothing that could be given. */
  codingFor(request: Head): string
  /** Null: the body goes as it is. `edit`, which says what the answer depends on, may be needed even then. */
  begin(coding: string, response: Head, owner: EncoderOwner, encoders: Encoders): ResponseEncoder | null
  /** Of an answer that goes as it is. */
  plainEdit(coding: string, response: Head): CompiledEdit | null
}
