import type { Relay } from '../tunnel/relay.js'
import type { UpstreamEndpoint } from '../upstream-endpoint.js'
import type { ChunkDecoder } from './chunk-decoder.js'
import type { ExchangeWire } from './exchange-client.js'
import type { Head } from './head.js'
import type { HeadReader } from './head-reader.js'

/** The bytes to a service. */
export interface UpstreamWire extends ExchangeWire {
  /** Lets all leave that was sent: unless it `isBlocked` then, the bytes are not read any more. */
  flush(): void
}

/** Whose an upstream is, mostly an exchange: it is told what becomes of it. */
export interface UpstreamUser {
  readonly requestBody: { readonly isDone: boolean }
  /** What goes behind the request's body, once that is done, to a service that takes it: `name: value\r\n` each; null is nothing. */
  readonly requestTrailers: Uint8Array | null
  /** Trailers of the answer go on to whoever asked. */
  readonly takesTrailers: boolean
  onConnected(): void
  /** Nothing has been sent. */
  onConnectFailure(upstream: ExchangeUpstream, failure: string, isTimeout: boolean): void
  onResponseBytes(bytes: Uint8Array, at: number, end: number): void
  /** It sends nothing more; `trailers` came behind the body. */
  onUpstreamEnd(upstream: ExchangeUpstream, trailers?: Head | null): void
  /** It has done nothing with the request, and says so. */
  onUpstreamRefused(upstream: ExchangeUpstream, failure: string): void
  onUpstreamInvalid(upstream: ExchangeUpstream, detail: string): void
  onUpstreamClosed(upstream: ExchangeUpstream, failure: string): void
  /** It takes more again. */
  onUpstreamDrain(): void
}

/** Who is asked: a connection of HTTP/1.1, or a stream of an HTTP/2 one that speaks as one would. It serves one exchange at a time. */
export interface ExchangeUpstream {
  readonly endpoint: UpstreamEndpoint
  readonly wire: UpstreamWire
  /** Reads the heads of its answers. */
  readonly head: HeadReader
  readonly decoder: ChunkDecoder
  exchange: UpstreamUser | null
  /** Set when the upgrade that it carried has been answered with 101. */
  relay: Relay | null
  readonly isConnected: boolean
  /** A byte has come over it: somebody has been at the other end, and no proxy alone. */
  readonly hasAnswered: boolean
  /** Sends the head, `bytes[0, headLength)`, and behind it what has come of the body. Nobody changes the bytes before they have left. */
  sendRequest(bytes: Uint8Array, headLength: number): void
  /** The request's body is whole and has been given to `wire`. */
  endRequest(): void
  /** The server closes an idle connection after so long. */
  limitIdle(seconds: number): void
  /** The exchange is over and has left it as it found it. */
  rest(): void
  /** Ends it at once; its exchange is not told. */
  destroy(): void
}

/** How exchanges come to an endpoint. */
export interface ExchangeUpstreams {
  /** Connections that are being opened. */
  readonly opening: number
  /**
   * An upstream that is the exchange's own from now on, or null when there is no room for one more. One that is not connected yet calls
   * `onConnected` or `onConnectFailure` of it. `since`: of those that have served before, only what was in use then or later; Infinity wants a new one.
   */
  obtain(exchange: UpstreamUser, since: number): ExchangeUpstream | null
}
