import type { Socket } from 'node:net'
import { problemResponse, type Reason, reasons } from '../problem.js'
import { Http2Connection } from '../http2/http2-connection.js'
import { WheelTimer } from '../timer-wheel.js'
import type { Relay } from '../tunnel/relay.js'
import { Exchange } from '../exchange/exchange.js'
import type { ExchangeClient, ListenerInfo } from './exchange-client.js'
import { type CertifiedClient, forwardedLinesOf } from './forwarded-lines.js'
import { type HeadParser, incomplete, refused } from './head-parser.js'
import { HeadReader } from './head-reader.js'
import { type Answered, answerBytes, type OwnAnswer, refusalAnswer } from './own-answer.js'
import { beginsHttp2 } from './prior-knowledge.js'
import type { Identity } from '../policy/route-policy.js'
import type { Refusal } from './refusal.js'
import type { ForwardedLines } from './request-writer.js'
import { type ResponseShape, writeResponse } from './response-writer.js'
import type { ServedConnection } from './served-connection.js'
import { adopt, type ReadCallback, readPlainly } from './shared-read.js'
import type { Traffic } from './traffic.js'
import { Wire, type WireOwner } from './wire.js'

const idle = 0
/** Part of a head has come. */
const inHead = 1
/** An exchange is under way. */
const busy = 2
const relaying = 3
/** The last answer is on its way; what still comes is read and dropped, so that a reset does not destroy the answer. */
const lingering = 4
const closed = 5
/** It turned out to speak HTTP/2. */
const handedOver = 6

const lingerMs = 2_000
const farewellMs = 500
/** Connections too many that are told so at the same time; further ones are just closed. */
const mostRefusing = 256

/**
 * One client's connection: reads request after request off it and lets its exchange serve them, one at a time and in order. Requests
 * that come while one is under way (pipelining) are held, and nothing more is read meanwhile.
 */
export class ClientConnection implements ExchangeClient, ServedConnection, WireOwner {
  readonly listener: ListenerInfo
  readonly wire: Wire
  readonly remoteAddress: string
  readonly forwardedLines: ForwardedLines
  readonly identity: Identity | null
  /** The client sends nothing more; it still gets its answer. */
  hasEnded = false
  readonly isFramed = false
  readonly #traffic: Traffic
  readonly #head: HeadReader
  readonly #exchange: Exchange
  readonly #timer: WheelTimer<ClientConnection>
  #state = idle
  #held: Buffer | null = null
  #relay: Relay | null = null
  #isConsuming = false
  #isFirst = true
  #successor: Http2Connection | null = null

  /** `client`: who has shown a certificate. */
  constructor(accepted: Socket, listener: ListenerInfo, traffic: Traffic, client: CertifiedClient | null = null) {
    this.listener = listener
    this.#traffic = traffic
    this.#head = new HeadReader(traffic.requestParsers)
    this.#exchange = new Exchange(this, traffic)
    this.#timer = new WheelTimer<ClientConnection>(this, expire)
    const { isSecure } = listener
    const onBytes: ReadCallback = (length, bytes) => this.#onBytes(length, bytes)
    // What is encrypted is read by the stream that decrypts it.
    const socket = isSecure ? readPlainly(accepted, onBytes) : adopt(accepted, traffic.readBuffer, onBytes)
    this.wire = new Wire(socket, traffic.outputs, this, isSecure)
    this.remoteAddress = (socket.remoteAddress ?? '').replace(/^::ffff:/, '')
    this.forwardedLines = forwardedLinesOf(listener, this.remoteAddress, client)
    this.identity = client?.identity ?? null
    socket.on('end', () => this.#onEnd())
    // What broke is of no interest; 'close' follows.
    socket.on('error', () => {})
    socket.on('close', () => this.#onClose())
    traffic.clients.add(this)
    traffic.metrics.connections.inc()
    traffic.metrics.connectionsTotal.inc()
    traffic.wheel.schedule(this.#timer, traffic.limits.headTimeoutMs)
  }

  /** True when closing it hurts nobody. */
  get isIdle(): boolean {
    return this.#state === idle && this.#held === null
  }

  drain(): void {
    // The next answer says that it is the last.
  }

  /** Ends it for the sake of another: the client finds it closed, as any that was idle may be. */
  makeRoom(): void {
    this.wire.socket.destroy()
    // Its 'close' comes a turn later, and whoever is let in now would be one too many.
    this.#traffic.clients.delete(this)
  }

  onDrain(): void {
    if (this.#relay !== null) this.#relay.onDrain(this.wire)
    else if (this.#exchange.isActive) this.#exchange.onClientDrain()
    else this.#consumeHeld()
  }

  writeHead(parser: HeadParser, shape: ResponseShape, out: Buffer): number {
    return writeResponse(parser, shape, out)
  }

  endBody(): void {
    // Its framing has said so.
  }

  sendAnswer(answer: OwnAnswer, answered: Answered): void {
    this.wire.sendOwned(answerBytes(answer, answered))
  }

  /** The exchange wants `onTimer` in so many milliseconds. */
  wakeIn(ms: number): void {
    this.#traffic.wheel.schedule(this.#timer, ms)
  }

  onTimer(): void {
    switch (this.#state) {
      case idle:
        this.close()
        return
      case inHead:
        this.#refuse('request_timeout', 'The head of the request did not come in time.', 408)
        return
      case busy:
        this.#exchange.onTimer()
        return
      case lingering:
        // What the kernel has taken it still sends behind an ordinary close, however slowly the client reads; a reset would destroy it.
        if (this.wire.socket.writableFinished) this.wire.socket.destroy()
        else this.cut()
    }
  }

  /** The response is whole. */
  onExchangeOver(keepsConnection: boolean): void {
    if (this.#state !== busy) return
    if (!keepsConnection || this.hasEnded) {
      this.close()
      return
    }
    this.#state = idle
    const { wheel, limits, isClosing } = this.#traffic
    // This answer began before the gateway began to close, so it does not say so. The next request, which may be on its way, gets one that does.
    if (isClosing) this.#restartTimer(farewellMs)
    else wheel.schedule(this.#timer, limits.keepAliveTimeoutMs)
    if (this.#isConsuming) return
    if (this.#held === null) this.wire.resume()
    else this.#consumeHeld()
  }

  /** From here on the two sockets carry each other's bytes. */
  startRelay(relay: Relay): void {
    this.#state = relaying
    this.#relay = relay
    this.#traffic.wheel.cancel(this.#timer)
    this.wire.socket.setKeepAlive(true, 60_000)
    const held = this.#held
    if (held !== null) {
      this.#held = null
      relay.onBytes(this.wire, held, held.length)
    }
    this.wire.resume()
    if (this.hasEnded) relay.onEnd(this.wire)
  }

  /** Sends what is still to be sent, says that it was the last, and waits a little for the client to close. */
  close(): void {
    if (this.#state === closed) return
    this.#state = lingering
    this.#held = null
    this.#head.reset()
    const { socket } = this.wire
    this.#restartTimer(socket.writableLength === 0 ? lingerMs : this.#traffic.limits.idleTimeoutMs)
    socket.end(() => {
      if (this.#state === lingering) this.#restartTimer(lingerMs)
    })
    this.wire.resume()
  }

  /** Breaks it off: what was sent last may be lost, and is seen to be incomplete. */
  cut(): void {
    if (this.#relay !== null) {
      this.#relay.cut()
      return
    }
    this.#exchange.onClientGone()
    this.wire.breakOff()
  }

  #onBytes(length: number, bytes: Uint8Array): void {
    switch (this.#state) {
      case busy:
        this.#isConsuming = true
        this.#hold(bytes, this.#exchange.takeBody(bytes, 0, length), length)
        this.#isConsuming = false
        // The answer may have been waiting for the rest of the request only.
        this.#consumeHeld()
        return
      case relaying:
        this.#relay?.onBytes(this.wire, bytes, length)
        return
      case idle:
      case inHead:
        this.#consume(bytes, 0, length)
        return
      case handedOver:
        this.#successor?.onBytes(bytes, 0, length)
    }
  }

  #consumeHeld(): void {
    const held = this.#held
    if (held === null || this.#state > inHead) return
    this.#held = null
    this.#consume(held, 0, held.length)
    if (this.#held === null && this.#state !== closed) this.wire.resume()
  }

  /**
   * Reads one request after the other as long as each is answered at once and the client takes the answers; the rest is held. A client that
   * does not read gets no further request served, or its answers would gather here without bound.
   */
  #consume(bytes: Uint8Array, at: number, end: number): void {
    this.#isConsuming = true
    while (at < end && !this.wire.isBlocked && (this.#state === idle || this.#state === inHead)) {
      const head = this.#head
      // A table with other limits may have come since the last request.
      head.parsers = this.#traffic.requestParsers
      const outcome = head.read(bytes, at, end)
      if (outcome === incomplete) {
        if (this.#state === idle) {
          this.#state = inHead
          this.#restartTimer(this.#traffic.limits.headTimeoutMs)
        }
        at = end
        break
      }
      if (outcome === refused) {
        if (this.#isFirst && !this.listener.isSecure && beginsHttp2(head)) this.#handOver(head)
        else this.#refuseHead(head.parser.refusal)
        break
      }
      this.#isFirst = false
      bytes = head.bytes
      at = head.restStart
      end = head.restEnd
      this.#state = busy
      const exchange = this.#exchange
      exchange.begin(head.parser)
      if (at < end) at = exchange.takeBody(bytes, at, end)
      if (exchange.isActive) exchange.dispatch()
    }
    this.#isConsuming = false
    this.#hold(bytes, at, end)
  }

  /** Keeps what belongs to requests to come. */
  #hold(bytes: Uint8Array, at: number, end: number): void {
    if (at >= end || this.#state >= lingering) return
    const rest = bytes.subarray(at, end)
    this.#held = this.#held === null ? Buffer.from(rest) : Buffer.concat([this.#held, rest])
    this.wire.pause()
  }

  #restartTimer(ms: number): void {
    this.#traffic.wheel.cancel(this.#timer)
    this.#traffic.wheel.schedule(this.#timer, ms)
  }

  #refuseHead(refusal: Refusal): void {
    this.#refuse(refusalAnswer(refusal).reason, refusal.detail, refusal.status)
  }

  #handOver({ parser, bytes, restEnd }: HeadReader): void {
    const traffic = this.#traffic
    this.#state = handedOver
    traffic.wheel.cancel(this.#timer)
    traffic.clients.delete(this)
    this.#successor = new Http2Connection(this.wire.socket, this.listener, traffic, { isHandedOver: true })
    this.#successor.onBytes(bytes, parser.start, restEnd)
  }

  /** Answers a request that could not be read: nothing after it can be either. */
  #refuse(reason: Reason, detail: string, status: number): void {
    const { metrics, ids } = this.#traffic
    const id = Buffer.allocUnsafe(32)
    ids.writeRequestId(id, 0)
    metrics.refused[reason].inc()
    this.wire.sendOwned(problemResponse({ reason, detail, status, keepAlive: false, requestId: id.toString('latin1') }))
    this.close()
  }

  #onEnd(): void {
    this.hasEnded = true
    switch (this.#state) {
      case handedOver:
        return
      case relaying:
        this.#relay?.onEnd(this.wire)
        return
      case busy:
        // Half-closed with its request whole, it still gets the answer; with half a request it has gone.
        if (this.#exchange.requestBody.isDone) return
        this.#exchange.onClientGone()
        this.cut()
        return
      default:
        this.wire.socket.end()
    }
  }

  #onClose(): void {
    if (this.#state === handedOver) return
    const wasRelaying = this.#state === relaying
    this.#state = closed
    this.#held = null
    this.#head.reset()
    this.#traffic.wheel.cancel(this.#timer)
    this.#traffic.clients.delete(this)
    this.#traffic.metrics.connections.dec()
    if (wasRelaying) this.#relay?.onClose(this.wire)
    else this.#exchange.onClientGone()
  }
}

/** For a connection too many: what it gets instead of being served. */
export function refuseConnection(accepted: Socket, reason: Reason, detail: string, traffic: Traffic): void {
  traffic.metrics.refused[reason].inc()
  accepted.on('error', () => {})
  if (traffic.refusing >= mostRefusing) {
    accepted.destroy()
    return
  }
  traffic.refusing++
  accepted.on('close', () => traffic.refusing--)
  accepted.resume()
  const { status } = reasons[reason]
  // What is refused for good is not to be asked again.
  const again = status === 503 ? { retryAfterSeconds: 1 } : {}
  accepted.end(problemResponse({ reason, detail, status, keepAlive: false, ...again }))
  // Enough for the answer to get through; no more is read for its sake.
  accepted.setTimeout(lingerMs, () => accepted.destroy())
}

function expire(connection: ClientConnection): void {
  connection.onTimer()
}
