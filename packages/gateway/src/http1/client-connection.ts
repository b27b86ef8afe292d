import type { Socket } from 'node:net'
import { problemResponse, type Reason, reasons } from '../problem.js'
import { Http2Connection } from '../http2/http2-connection.js'
import { WheelTimer } from '../timer-wheel.js'
import type { Relay } from '../tunnel/relay.js'
import type { Exchange } from '../exchange/exchange.js'
import type { ExchangeClient, ListenerInfo } from './exchange-client.js'
import { ascii } from './chars.js'
import type { CertifiedClient } from './forwarded-lines.js'
import type { Head } from './head.js'
import { incomplete, refused } from './head-parser.js'
import type { HeadReader } from './head-reader.js'
import { type Answered, answerBytes, type OwnAnswer, refusalAnswer } from './own-answer.js'
import { beginsHttp2 } from './prior-knowledge.js'
import type { Identity } from '../policy/route-policy.js'
import { readBytes } from './outputs.js'
import type { Refusal } from './refusal.js'
import { type ResponseShape, writeResponse } from './response-writer.js'
import type { ServedConnection } from './served-connection.js'
import { readPlainly, remoteAddressOf, type SocketOwner } from './owned-socket.js'
import { adopt } from './shared-read.js'
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

const noBytes = Buffer.alloc(0)

const lingerMs = 2_000
const farewellMs = 500
/** Connections too many that are told so at the same time; further ones are just closed. */
const mostRefusing = 256

/**
 * One client's connection: reads request after request off it and lets exchanges serve them, one at a time and in order. Requests
 * that come while one is under way (pipelining) are held, and nothing more is read meanwhile. An idle one keeps as little as it can.
 *
 * Invariant: while it is busy, and only then but for a tunnel, it has an exchange.
 */
export class ClientConnection implements ExchangeClient, ServedConnection, SocketOwner, WireOwner {
  readonly listener: ListenerInfo
  readonly wire: Wire
  readonly remoteAddress: string
  readonly certificateLine: Uint8Array | null
  readonly identity: Identity | null
  /** The client sends nothing more; it still gets its answer. */
  hasEnded = false
  readonly isFramed = false
  readonly #traffic: Traffic
  readonly #number: number
  /** Of a part of a head that has come. */
  #head: HeadReader | null = null
  #exchange: Exchange | null = null
  readonly #timer: WheelTimer<ClientConnection>
  #state = idle
  #held: Buffer | null = null
  #relay: Relay | null = null
  #isConsuming = false
  #isFirst = true

  /** `client`: who has shown a certificate. */
  constructor(accepted: Socket, listener: ListenerInfo, traffic: Traffic, client: CertifiedClient | null = null) {
    this.listener = listener
    this.#traffic = traffic
    this.#number = traffic.nextNumber()
    this.#timer = new WheelTimer<ClientConnection>(this, expire)
    const { isSecure } = listener
    this.remoteAddress = remoteAddressOf(accepted)
    this.certificateLine = client === null ? null : ascii(client.line)
    this.identity = client?.identity ?? null
    // What is encrypted is read by the stream that decrypts it.
    const socket = isSecure ? readPlainly(accepted, this) : adopt(accepted, traffic.readBuffer, this)
    this.wire = new Wire(socket, traffic.outputs, this, isSecure)
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
    this.wire.flush()
    this.wire.socket.destroy()
    // Its 'close' comes a turn later, and whoever is let in now would be one too many.
    this.#traffic.clients.delete(this)
  }

  onDrain(): void {
    if (this.#relay !== null) this.#relay.onDrain(this.wire)
    else if (this.#exchange?.isActive === true) this.#exchange.onClientDrain()
    else this.#consumeHeld()
  }

  writeHead(parser: Head, shape: ResponseShape, out: Buffer): number {
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
        this.#exchange?.onTimer()
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
    this.#traffic.exchanges.give(this.#exchange as Exchange)
    this.#exchange = null
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
    this.#forgetHead()
    const { socket } = this.wire
    this.wire.flush()
    this.#restartTimer(this.wire.isSending ? this.#traffic.limits.idleTimeoutMs : lingerMs)
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
    this.#exchange?.onClientGone()
    this.wire.breakOff()
  }

  onBytes(bytes: Uint8Array, at: number, end: number): void {
    switch (this.#state) {
      case busy:
        this.#isConsuming = true
        this.#hold(bytes, (this.#exchange as Exchange).takeBody(bytes, at, end), end)
        this.#isConsuming = false
        // The answer may have been waiting for the rest of the request only.
        this.#consumeHeld()
        return
      case relaying:
        this.#relay?.onBytes(this.wire, bytes, end)
        return
      case idle:
      case inHead:
        if (this.listener.isSecure && end - at <= readBytes) {
          // Heads are read by words; what was decrypted has come in a buffer without.
          this.#traffic.readBuffer.set(bytes.subarray(at, end))
          this.#consume(this.#traffic.readBuffer, 0, end - at)
        } else {
          this.#consume(bytes, at, end)
        }
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
      const head = this.#head ?? this.#traffic.requestHead
      head.owner = this.#number
      const outcome = head.read(bytes, at, end)
      if (outcome === incomplete) {
        this.#head ??= this.#traffic.detachHead()
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
      this.#head = null
      bytes = head.bytes
      at = head.restStart
      end = head.restEnd
      this.#state = busy
      const exchange = this.#traffic.exchanges.take(this)
      this.#exchange = exchange
      exchange.begin(head.parser)
      if (at < end) at = exchange.takeBody(bytes, at, end)
      // It may have been answered and be another's by now.
      if (this.#exchange === exchange && exchange.isActive) exchange.dispatch()
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
    const successor = new Http2Connection(this.wire.socket, this.listener, traffic, { predecessor: this })
    successor.onBytes(bytes, parser.start, restEnd)
  }

  /** Answers a request that could not be read: nothing after it can be either. */
  #refuse(reason: Reason, detail: string, status: number): void {
    const { metrics, ids, table } = this.#traffic
    const id = Buffer.allocUnsafe(32)
    ids.writeRequestId(id, 0)
    metrics.refused[reason].inc()
    const requestId = id.toString('latin1')
    const lines = table.strayEdit(this.listener)?.lines ?? noBytes
    this.wire.sendOwned(problemResponse({ reason, detail, status, keepAlive: false, requestId, lines }))
    this.close()
  }

  onEnd(): void {
    this.hasEnded = true
    switch (this.#state) {
      case relaying:
        this.#relay?.onEnd(this.wire)
        return
      case busy:
        // Half-closed with its request whole, it still gets the answer; with half a request it has gone.
        if (this.#exchange?.requestBody.isDone === true) return
        this.#exchange?.onClientGone()
        this.cut()
        return
      default:
        this.wire.end()
    }
  }

  onClose(): void {
    const wasRelaying = this.#state === relaying
    this.#state = closed
    this.#held = null
    this.#forgetHead()
    this.#traffic.wheel.cancel(this.#timer)
    this.#traffic.clients.delete(this)
    this.#traffic.metrics.connections.dec()
    if (wasRelaying) this.#relay?.onClose(this.wire)
    else this.#exchange?.onClientGone()
    this.#exchange = null
  }

  #forgetHead(): void {
    this.#head?.reset()
    this.#head = null
  }
}

interface RefusedConnection {
  readonly reason: Reason
  readonly detail: string
  /** As the client sees it: what came unencrypted to an encrypted port is answered in the same way. */
  readonly listener: Pick<ListenerInfo, 'isMesh' | 'isSecure'>
  readonly traffic: Traffic
}

/** For a connection too many: it is told why, unless it could not read that, as before a handshake. */
export function turnAway(accepted: Socket, why: RefusedConnection & { readonly isReadable: boolean }): void {
  if (why.isReadable) {
    refuseConnection(accepted, why)
    return
  }
  why.traffic.metrics.refused[why.reason].inc()
  accepted.destroy()
}

/** What a connection gets instead of being served. */
export function refuseConnection(accepted: Socket, why: RefusedConnection): void {
  const { reason, detail, listener, traffic } = why
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
  const lines = traffic.table.strayEdit(listener)?.lines ?? noBytes
  accepted.end(problemResponse({ reason, detail, status, keepAlive: false, lines, ...again }))
  // Enough for the answer to get through; no more is read for its sake.
  accepted.setTimeout(lingerMs, () => accepted.destroy())
}

function expire(connection: ClientConnection): void {
  connection.onTimer()
}
