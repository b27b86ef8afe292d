import { ChunkDecoder } from '../../http1/chunk-decoder.js'
import type { ExchangeUpstream, UpstreamUser, UpstreamWire } from '../../http1/exchange-upstream.js'
import type { HeadReader } from '../../http1/head-reader.js'
import type { UpstreamEndpoint } from '../../upstream-endpoint.js'
import { code } from '../error-codes.js'
import type { Http2UpstreamConnection } from './upstream-connection.js'

const noBytes = Buffer.alloc(0)
/** No chunks in HTTP/2: nothing is ever decoded by it. */
const decoder = new ChunkDecoder()

/** One request and its response on a connection to a service that speaks HTTP/2 (RFC 9113 section 5.1). */
export class Http2UpstreamStream implements ExchangeUpstream, UpstreamWire {
  readonly endpoint: UpstreamEndpoint
  readonly head: HeadReader
  readonly decoder = decoder
  readonly relay = null
  exchange: UpstreamUser | null
  /** 0 until its request is sent. */
  id = 0
  /** What the service still allows us to send on it. */
  sendWindow = 0
  /** What it has sent since we last gave it room. */
  received = 0
  hasHead = false
  /** Bytes of the response's body that its head promises and that have not come; -1 when it does not say. */
  expected = -1
  /** The service has ended its side. */
  isRemoteDone = false
  /** Nothing of the response has been read since it began, when this is later than the connection's last bytes. */
  startedAt = 0
  isBlocked = false
  isPaused = false
  isSendingOver = false
  readonly #connection: Http2UpstreamConnection
  /** Of the request's body, what no window allows to be sent yet. */
  #waiting: Buffer = noBytes
  #endsAfterWaiting = false

  constructor(connection: Http2UpstreamConnection, head: HeadReader, exchange: UpstreamUser) {
    this.#connection = connection
    this.endpoint = connection.endpoint
    this.head = head
    this.exchange = exchange
  }

  get wire(): UpstreamWire {
    return this
  }

  get isConnected(): boolean {
    return this.#connection.isConnected
  }

  get hasAnswered(): boolean {
    return this.#connection.hasAnswered
  }

  get hasFailed(): boolean {
    return false
  }

  get takesTrailers(): boolean {
    return this.exchange?.takesTrailers === true
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0
  }

  sendRequest(bytes: Uint8Array, headLength: number): void {
    const { exchange } = this
    const isAll = bytes.length === headLength && exchange?.requestBody.isDone === true
    this.#connection.open(this, bytes, headLength, isAll && exchange.requestTrailers === null)
    if (bytes.length > headLength) this.sendOwned(bytes.subarray(headLength))
  }

  /** The first `length` bytes of the worker's output buffer, which is used again at once: what cannot leave is copied. */
  send(length: number): void {
    this.sendOwned(this.#connection.outputBytes(length))
  }

  sendOwned(bytes: Uint8Array): void {
    if (this.isSendingOver || this.id === 0) return
    const sent = this.hasWaiting ? 0 : this.#connection.sendData(this, bytes)
    if (sent < bytes.length) {
      this.#waiting = Buffer.concat([this.#waiting, bytes.subarray(sent)])
      this.isBlocked = true
    } else if (this.#connection.isBlocked) {
      this.isBlocked = true
    }
  }

  endRequest(): void {
    if (this.isSendingOver || this.id === 0) return
    if (this.hasWaiting) {
      this.#endsAfterWaiting = true
      return
    }
    this.#sendEnd()
  }

  /** The service, or the kernel, takes more again. */
  onRoom(): void {
    if (this.hasWaiting) {
      const sent = this.#connection.sendData(this, this.#waiting)
      this.#waiting = this.#waiting.subarray(sent)
      if (this.hasWaiting) return
      this.#waiting = noBytes
      if (this.#endsAfterWaiting) this.#sendEnd()
    }
    if (!this.isBlocked || this.#connection.isBlocked) return
    this.isBlocked = false
    this.exchange?.onUpstreamDrain()
  }

  flush(): void {
    // What was sent has been copied.
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    this.#connection.giveRoom(this)
  }

  end(): void {
    this.endRequest()
  }

  breakOff(): void {
    this.destroy()
  }

  limitIdle(): void {
    // A connection says so by GOAWAY.
  }

  rest(): void {
    this.exchange = null
    if (this.isRemoteDone && this.isSendingOver) this.#connection.remove(this)
    // All that the client wants of it is there; what the service still says is of no interest.
    else this.#connection.reset(this, this.isRemoteDone ? code.noError : code.cancel)
  }

  destroy(): void {
    // An answer that nobody wants may be whole: then there is nothing left to break off.
    this.rest()
  }

  #sendEnd(): void {
    this.isSendingOver = true
    this.#connection.sendEnd(this, this.exchange?.requestTrailers ?? null)
  }
}
