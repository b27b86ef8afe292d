import type { Identity } from '../policy/route-policy.js'
import type { Relay, RelaySide } from '../tunnel/relay.js'
import type { Head } from './head.js'
import type { Answered, OwnAnswer } from './own-answer.js'
import type { ResponseShape } from './response-writer.js'

/** Where a connection was accepted, as its requests need to know it. */
export interface ListenerInfo {
  readonly name: string
  readonly port: number
  /** One service's stable address: everything goes to it, and callers are believed what they say of the client. */
  readonly isMesh: boolean
  /** Its connections are encrypted. */
  readonly isSecure: boolean
  /** Its requests are sent to this port of https instead of being served. */
  readonly redirectPort: number | null
  /** What its requests say upstream of it, behind the address of their client; null where callers are believed. */
  readonly forwardedLines: Uint8Array | null
}

/** Bytes both ways with their back-pressure. While `isBlocked`, nothing more should be made to send. */
export interface ExchangeWire extends RelaySide {
  /** Nothing more is read from it. */
  readonly isPaused: boolean
  /** Sends bytes that nobody will change before they have left. */
  sendOwned(bytes: Uint8Array): void
}

/**
 * Who asks: an HTTP/1.1 connection, or a stream of an HTTP/2 one. It gives the exchange the head of a request as HTTP/1.1 lines that one strict
 * parser has read, and its body piece by piece; it gets the answer's head and body, and puts them into its own protocol.
 */
export interface ExchangeClient {
  readonly listener: ListenerInfo
  readonly remoteAddress: string
  /** The header line that tells services of its certificate; null when it has shown none. */
  readonly certificateLine: Uint8Array | null
  /** Who it is by its certificate, before any policy is asked; null when it has shown none. */
  readonly identity: Identity | null
  readonly wire: ExchangeWire
  /** It sends nothing more, and still gets its answer. */
  readonly hasEnded: boolean
  /**
   * Its protocol says by itself where a body ends: bodies cross as bare bytes, an answer's end is told by `endBody` and a request's by
   * `Exchange.endRequest`. Its heads say `Transfer-Encoding: chunked` for a body of unknown length.
   */
  readonly isFramed: boolean
  /** Writes the head at the start of `out`, to be sent with the first of the body, and returns its length; or sends it by itself and returns 0. */
  writeHead(parser: Head, shape: ResponseShape, out: Buffer): number
  /** The last byte of the answer has been given to `wire`; only asked of framed ones. `trailers` go behind it, `name: value\r\n` each; null is none. */
  endBody(trailers: Uint8Array | null): void
  /** Sends an answer of the gateway's own, whole. */
  sendAnswer(answer: OwnAnswer, answered: Answered): void
  /** `Exchange.onTimer` is to be called in so many milliseconds. */
  wakeIn(ms: number): void
  /** The answer said 101: from here on bytes are carried as they are. */
  startRelay(relay: Relay): void
  /** The answer is whole. */
  onExchangeOver(keepsConnection: boolean): void
  /** Breaks off, so that a part of an answer is seen to be one; `trailers`, lines, say that of a call of gRPC. */
  cut(trailers: Uint8Array | null): void
}
