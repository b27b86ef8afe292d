import type { CompiledEdit } from '../route-table/header-edit.js'
import type { Head } from './head.js'

/** Stands between the body of a service's answer and its client; one an answer. After `destroy` it calls nobody. */
export interface ResponseEncoder {
  /** How the head differs; it has no Content-Length. */
  readonly edit: CompiledEdit
  /** Enough waits in it: the service should not be read until it drains. */
  readonly isFull: boolean
  /** Takes a copy. */
  write(bytes: Uint8Array): void
  /** `bytes` are the last. Where they are all, or nearly so, the owner is given the encoded body during the call. */
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
  /** All of it, in place of `onEncoded` and `onEncodedEnd`; `bytes` are changed after the call. */
  onEncodedWhole(bytes: Uint8Array): void
  onEncoderDrain(): void
  onEncoderFailed(cause: Error): void
}

/** What the encoders of a worker share. */
export interface SharedEncoders {
  /** How many are at work. */
  inUse: number
  /** A whole body, encoded at once; valid until the next call. */
  whole(coding: string, bytes: Uint8Array): Uint8Array
}

/** What a route has to say to the bodies of answers. */
export interface ResponseEncoding {
  /** What the client of this request takes; empty: nothing that could be given. */
  codingFor(request: Head): string
  /** Null: the body goes as it is. `edit`, which says what the answer depends on, may be needed even then. */
  begin(coding: string, response: Head, owner: EncoderOwner, shared: SharedEncoders): ResponseEncoder | null
  /** Of an answer that goes as it is. */
  plainEdit(coding: string, response: Head): CompiledEdit | null
}
