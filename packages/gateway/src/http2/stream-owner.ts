import type { ExchangeClient, ListenerInfo } from '../http1/exchange-client.js'
import type { HeadParser } from '../http1/head-parser.js'
import type { Http2Stream } from './http2-stream.js'
import type { Http2Worker } from './http2-worker.js'
import type { StreamFrames } from './send-queue.js'

/** What a stream needs of its connection. */
export interface StreamOwner {
  readonly listener: ListenerInfo
  readonly remoteAddress: string
  readonly certificateLine: Uint8Array | null
  readonly identity: ExchangeClient['identity']
  readonly frames: StreamFrames
  readonly worker: Http2Worker
  /** Reads the gateway's own answers. */
  readonly answerParser: HeadParser
  updateWindow(stream: number, increment: number): void
  sendReset(stream: number, errorCode: number): void
  /** The stream has something to send that it cannot send now. */
  wait(stream: Http2Stream): void
  /** The stream keeps small pieces of data back until the end of the read. */
  gather(stream: Http2Stream): void
  /** A request has its answer. */
  onAnswered(): void
  /** The stream is closed. */
  remove(stream: Http2Stream): void
}
