import type { Exchange } from '../exchange/exchange.js'
import type { ExchangeClient, ExchangeWire, ListenerInfo } from '../http1/exchange-client.js'
import type { Head } from '../http1/head.js'
import { complete } from '../http1/head-parser.js'
import { type Answered, answerBytes, type OwnAnswer, type ProblemAnswer, refusalAnswer } from '../http1/own-answer.js'
import type { Refusal } from '../http1/refusal.js'
import { ResponseShape } from '../http1/response-writer.js'
import type { Traffic } from '../http1/traffic.js'
import { WheelTimer } from '../timer-wheel.js'
import type { Relay } from '../tunnel/relay.js'
import { code } from './error-codes.js'
import { SendQueue } from './send-queue.js'
import type { StreamOwner } from './stream-owner.js'
import { accepts } from './web-socket-handshake.js'

/** Data that comes in smaller pieces is put together. */
const smallPiece = 1024
const noBytes = Buffer.alloc(0)
const none: Buffer[] = []

/** What we let a client send on one stream before it is passed on; a slow service makes it wait there. */
export const streamWindow = 128 * 1024

/**
 * One request of an HTTP/2 connection and its answer (RFC 9113 section 5.1), as the exchange's client and as its wire.
 *
 *     open ──END_STREAM comes──▶ half-closed (remote) ──our END_STREAM──▶ closed
 *       └── our END_STREAM ──▶ half-closed (local) ── RST_STREAM (NO_ERROR): the rest of the request is not wanted ──▶ closed
 *
 * The exchange may be over before the client has taken all of the answer: what is left waits in `queue`, and the stream with it.
 */
export class Http2Stream implements ExchangeClient, ExchangeWire {
  readonly id: number
  readonly owner: StreamOwner
  readonly isFramed = true
  readonly wire: ExchangeWire = this
  readonly queue: SendQueue
  /** The client has sent END_STREAM. */
  hasEnded = false
  isPaused = false
  /** Closed or reset: whatever still comes for it is ignored. */
  isOver = false
  /** It was broken off, from either side. */
  hasFailed = false
  /** Bytes that the client may still send, and those that were passed on and are not given back yet. */
  receiveWindow = streamWindow
  /** Of the WebSocket handshake that it carries; empty when it carries none. */
  webSocketKey = ''
  /** `Content-Length` of the request, -1 when it has none, and how much of it has come (RFC 9113 section 8.1.1). */
  declaredLength = -1
  receivedLength = 0
  /** Its request has been sent on, or waits to be. */
  #isDispatched = false
  /** Null when the stream is over. */
  #exchange: Exchange | null
  #credit = 0
  #gathered: Buffer = noBytes
  #gatheredLength = 0
  #relay: Relay | null = null
  /** What a WebSocket's client sent before it was accepted. */
  #early: Buffer[] = none
  #lastProgress: number
  readonly #traffic: Traffic
  readonly #timer: WheelTimer<Http2Stream>

  constructor(id: number, owner: StreamOwner, traffic: Traffic, sendWindow: number) {
    this.id = id
    this.owner = owner
    this.#traffic = traffic
    this.#timer = new WheelTimer<Http2Stream>(this, expire)
    this.#lastProgress = traffic.wheel.now
    this.queue = new SendQueue(id, owner.frames, sendWindow)
    this.#exchange = traffic.exchanges.take(this)
  }

  get listener(): ListenerInfo {
    return this.owner.listener
  }

  get remoteAddress(): string {
    return this.owner.remoteAddress
  }

  get certificateLine(): Uint8Array | null {
    return this.owner.certificateLine
  }

  get identity(): ExchangeClient['identity'] {
    return this.owner.identity
  }

  get isBlocked(): boolean {
    return this.queue.isWaiting
  }

  get isSendingOver(): boolean {
    return this.isOver || this.queue.hasEnd
  }

  /** Its request has come. */
  begin(parser: Head): void {
    this.#exchange?.begin(parser)
  }

  /** All that came with its request has come. */
  dispatch(): void {
    this.#isDispatched = true
    this.#active?.dispatch()
  }

  /** The client has sent so much of the request's body. */
  onData(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start
    this.receivedLength += length
    if (this.#gatheredLength > 0 || (length < smallPiece && this.#isDispatched)) this.#gather(bytes, start, end)
    else this.#pass(bytes, start, end)
    this.giveBack(length)
  }

  /** Passes on what small pieces have come in one read. */
  passGathered(): void {
    const length = this.#gatheredLength
    this.#gatheredLength = 0
    if (length > 0 && !this.isOver) this.#pass(this.#gathered, 0, length)
  }

  /** The client has sent END_STREAM, with `trailers` or without. */
  onEnd(trailers: Buffer | null): void {
    this.passGathered()
    if (this.isOver) return
    this.hasEnded = true
    if (this.#relay !== null) {
      this.#relay.onEnd(this)
      this.#leaveIfDone()
    } else {
      const exchange = this.#active
      if (exchange === null) return
      exchange.requestBody.trailers = trailers
      exchange.endRequest()
    }
  }

  /** The client has reset it, or its connection has gone. */
  onGone(): void {
    this.#leave(true)
  }

  /** Counts bytes that were dealt with, and lets the client send as many more once they are worth a frame. */
  giveBack(count: number): void {
    this.#credit += count
    if (this.isPaused || this.hasEnded || this.isOver || this.#credit < streamWindow / 2) return
    if (this.webSocketKey !== '' && this.#relay === null) return
    this.owner.updateWindow(this.id, this.#credit)
    this.receiveWindow += this.#credit
    this.#credit = 0
  }

  writeHead(parser: Head, shape: ResponseShape): number {
    if (this.isOver) return 0
    let { status } = parser
    if (status === 101) {
      if (!accepts(parser, this.webSocketKey)) return 0
      status = 200
    } else {
      status = this.#ordinary(status)
    }
    this.#lastProgress = this.#traffic.wheel.now
    this.queue.writeHead(parser, shape, status)
    return 0
  }

  send(length: number): void {
    this.#write(this.#traffic.outputs.current, length)
  }

  /** What cannot be sent now is copied. */
  sendOwned(bytes: Uint8Array): void {
    this.#write(bytes, bytes.length)
  }

  endBody(trailers: Uint8Array | null): void {
    this.#end(trailers)
  }

  sendAnswer(answer: OwnAnswer, answered: Answered): void {
    if (this.isOver) return
    const bytes = answerBytes(answer, answered)
    const parser = this.owner.answerParser
    parser.begin(bytes, 0)
    if (parser.parse(bytes.length) !== complete) {
      this.breakOff()
      return
    }
    this.queue.writeHead(parser, new ResponseShape(), this.#ordinary(parser.status))
    if (parser.end < bytes.length) this.sendOwned(bytes.subarray(parser.end))
    this.endBody(null)
  }

  /** Answers a request whose head cannot be served. */
  refuse(refusal: Pick<Refusal, 'status' | 'detail'> | ProblemAnswer): void {
    const { metrics, ids, table } = this.#traffic
    const answer = 'reason' in refusal ? refusal : refusalAnswer(refusal)
    const id = Buffer.allocUnsafe(32)
    ids.writeRequestId(id, 0)
    metrics.refused[answer.reason].inc()
    const lines = table.strayEdit(this.listener)?.lines ?? noBytes
    this.sendAnswer(answer, { requestId: id.toString('latin1'), keepAlive: true, isHead: false, lines })
    this.onExchangeOver()
  }

  wakeIn(ms: number): void {
    this.#traffic.wheel.schedule(this.#timer, ms)
  }

  onTimer(): void {
    const exchange = this.#active
    if (exchange !== null) {
      exchange.onTimer()
      return
    }
    // The answer is whole and the client does not take it.
    const { wheel, limits } = this.#traffic
    const left = this.#lastProgress + limits.idleTimeoutMs - wheel.now
    if (left <= 0) this.reset(code.cancel)
    else this.wakeIn(left)
  }

  /** The queue has sent something; `isEmpty` when nothing is left in it. */
  onProgress(isEmpty: boolean): void {
    this.#lastProgress = this.#traffic.wheel.now
    if (!isEmpty) return
    if (this.#relay !== null) this.#relay.onDrain(this)
    else this.#active?.onClientDrain()
    this.#leaveIfDone()
  }

  onExchangeOver(): void {
    if (this.isOver) return
    this.owner.onAnswered()
    if (this.queue.isWaiting) this.wakeIn(this.#traffic.limits.idleTimeoutMs)
    else this.#leaveIfDone()
  }

  startRelay(relay: Relay): void {
    if (!this.queue.hasHead) {
      // What was said to be a WebSocket's answer is none.
      this.#relay = relay
      relay.cut()
      return
    }
    this.#relay = relay
    this.#traffic.wheel.cancel(this.#timer)
    const early = this.#early
    this.#early = none
    for (const bytes of early) relay.onBytes(this, bytes, bytes.length)
    this.giveBack(0)
    if (this.hasEnded) relay.onEnd(this)
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    this.giveBack(0)
  }

  /** A relay's other side has ended. */
  end(): void {
    this.endBody(null)
    this.#leaveIfDone()
  }

  breakOff(): void {
    this.reset(code.cancel)
  }

  cut(trailers: Uint8Array | null): void {
    if (trailers === null || this.queue.hasEnd) {
      this.reset(code.internalError)
      return
    }
    this.#end(trailers)
    this.onExchangeOver()
  }

  /** Ends it at once. */
  reset(errorCode: number): void {
    if (this.isOver) return
    this.owner.sendReset(this.id, errorCode)
    this.#leave(true)
  }

  #end(trailers: Uint8Array | null): void {
    if (this.isOver) return
    this.queue.end(trailers)
    if (this.queue.isWaiting) this.owner.wait(this)
  }

  /** The status of an ordinary answer. Where a WebSocket was asked for, 2xx would pass for its opening (RFC 8441 section 5). */
  #ordinary(status: number): number {
    return this.webSocketKey !== '' && status >= 200 && status < 300 ? 502 : status
  }

  /** A frame of few bytes shall not cost a write to the service: those of one read go together. */
  #gather(bytes: Uint8Array, start: number, end: number): void {
    const length = this.#gatheredLength + end - start
    if (this.#gatheredLength === 0) this.owner.gather(this)
    if (length > this.#gathered.length) {
      const larger = Buffer.allocUnsafe(Math.max(smallPiece, length * 2))
      larger.set(this.#gathered.subarray(0, this.#gatheredLength))
      this.#gathered = larger
    }
    this.#gathered.set(bytes.subarray(start, end), this.#gatheredLength)
    this.#gatheredLength = length
  }

  #write(bytes: Uint8Array, length: number): void {
    if (this.isOver) return
    this.queue.write(bytes, length)
    if (this.queue.isWaiting) this.owner.wait(this)
  }

  #pass(bytes: Uint8Array, start: number, end: number): void {
    if (this.#relay !== null) {
      this.#relay.onBytes(this, bytes.subarray(start, end), end - start)
    } else if (this.webSocketKey !== '') {
      // At most the window, as none of it is given back.
      if (this.#early === none) this.#early = []
      this.#early.push(Buffer.from(bytes.subarray(start, end)))
    } else {
      this.#active?.takeBody(bytes, start, end)
    }
  }

  #leaveIfDone(): void {
    if (this.isOver || this.queue.isWaiting || !this.queue.hasEnd) return
    if (this.#active !== null && this.#relay === null) return
    if (this.#relay !== null && !this.hasEnded) return
    // RFC 9113 section 8.1: the answer is whole, and the rest of the request is not wanted.
    if (!this.hasEnded) this.owner.sendReset(this.id, code.noError)
    this.#leave(false)
  }

  #leave(hasFailed: boolean): void {
    if (this.isOver) return
    this.isOver = true
    this.hasFailed = hasFailed
    this.#traffic.wheel.cancel(this.#timer)
    this.queue.clear()
    this.#early = none
    this.owner.remove(this)
    const exchange = this.#exchange as Exchange
    this.#exchange = null
    if (this.#relay !== null) this.#relay.onClose(this)
    else if (hasFailed) exchange.onClientGone()
    else this.#traffic.exchanges.give(exchange)
  }

  /** The exchange while its request has no answer yet. */
  get #active(): Exchange | null {
    const exchange = this.#exchange
    return exchange !== null && exchange.isActive ? exchange : null
  }
}

function expire(stream: Http2Stream): void {
  stream.onTimer()
}
