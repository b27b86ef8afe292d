import type { Head } from './head.js'
import type { OwnAnswer } from './own-answer.js'

/** Sees the answer of a service on its way, and may answer in its stead. A policy of a route puts it onto a request. */
export interface ResponseTap {
  /** The head has come. An answer: the client gets that one, and the service's is dropped. `canBeWhole`: that the body has ended can be told. */
  onHead(response: Head, canBeWhole: boolean): OwnAnswer | null
  /** Some of the body, without its framing; `bytes` are changed after the call. */
  onBody(bytes: Uint8Array, from: number, to: number): void
  /** The body is whole. */
  onEnd(): void
  /** The exchange is over, however it went; called once, last. */
  onClosed(): void
}
