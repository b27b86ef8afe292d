import type { ExchangeClient, ListenerInfo } from '../http1/exchange-client.js'
import type { HeadParser } from '../http1/head-parser.js'
import type { ProblemAnswer } from '../http1/own-answer.js'
import type { Traffic } from '../http1/traffic.js'
import type { ConnectionFrames } from './connection-frames.js'
import type { ControlFrames } from './control-frames.js'
import { code } from './error-codes.js'
import { cost, type FloodGuard } from './flood-guard.js'
import type { FrameSink, SectionFlags } from './frame-reader.js'
import { defaultWindow, maxWindow } from './frame-types.js'
import { decoded, HpackDecoder, hostile, invalid, tooLarge } from './hpack/decoder.js'
import { Http2Stream, streamWindow } from './http2-stream.js'
import type { Http2Worker } from './http2-worker.js'
import { ResetStreams } from './reset-streams.js'
import { SendScheduler } from './send-scheduler.js'
import * as setting from './settings.js'
import type { StreamOwner } from './stream-owner.js'

/** Streams that a client may have open at a time. */
export const maxStreams = 128
const tableBytes = 4096
/** What a client may send on all streams together before it is read. */
const connectionWindow = 1024 * 1024
/** A window that grows by less makes small frames. */
const smallIncrement = 1024

/** The connection round a session, as the session needs it. */
export interface SessionOwner {
  readonly listener: ListenerInfo
  readonly remoteAddress: string
  readonly certificateLine: Uint8Array | null
  readonly identity: ExchangeClient['identity']
  readonly frames: ConnectionFrames
  readonly control: ControlFrames
  readonly guard: FloodGuard
  /** What every request is answered instead of being served; null: they are served. */
  readonly refusal: ProblemAnswer | null
  /** No further stream is served. */
  readonly isLeaving: boolean
  /** Ends it because of the client (RFC 9113 section 5.4.1). */
  fail(errorCode: number, detail: string): void
  /** The client opens no more streams. */
  close(): void
  /** Our SETTINGS were acknowledged. */
  onAcknowledged(): void
  /** The last stream is closed. */
  onQuiet(): void
}

/**
 * What a client's frames mean (RFC 9113 sections 5, 6 and 8): opens, feeds and ends streams, keeps the windows, and says what is an error of
 * a stream and what of the connection.
 *
 * Invariants:
 * - A stream is in `#streams` from its HEADERS until neither side may send on it; `lastStream` never goes down.
 * - Every field section is decoded, whatever becomes of its stream, as all share one table.
 * - Data counts against the connection's window whether or not its stream still lives, and is given back at once: each stream's own window
 *   bounds what waits for a slow service.
 */
export class ServerSession implements FrameSink, StreamOwner {
  readonly listener: ListenerInfo
  readonly remoteAddress: string
  readonly certificateLine: Uint8Array | null
  readonly identity: ExchangeClient['identity']
  readonly frames: ConnectionFrames
  readonly answerParser: HeadParser
  readonly scheduler: SendScheduler
  readonly worker: Http2Worker
  lastStream = 0
  readonly #owner: SessionOwner
  readonly #traffic: Traffic
  readonly #control: ControlFrames
  readonly #guard: FloodGuard
  readonly #decoder = new HpackDecoder(tableBytes)
  readonly #peer = new setting.PeerSettings({ of: 'client' })
  readonly #streams = new Map<number, Http2Stream>()
  readonly #resets = new ResetStreams()
  readonly #undispatched: Http2Stream[] = []
  readonly #gathering: Http2Stream[] = []
  #receiveWindow = defaultWindow
  #isGone = false
  /** The stream whose DATA frame is being read; null when what comes is dropped. */
  #dataStream: Http2Stream | null = null
  #isDataEmpty = false

  constructor(owner: SessionOwner, traffic: Traffic, worker: Http2Worker) {
    this.#owner = owner
    this.listener = owner.listener
    this.remoteAddress = owner.remoteAddress
    this.certificateLine = owner.certificateLine
    this.identity = owner.identity
    this.frames = owner.frames
    this.#control = owner.control
    this.#guard = owner.guard
    this.#traffic = traffic
    this.worker = worker
    this.answerParser = worker.answers
    this.scheduler = new SendScheduler(owner.frames)
  }

  /** Streams that are open. */
  get size(): number {
    return this.#streams.size
  }

  /** The server's side of the connection's beginning (RFC 9113 section 3.4). */
  greet(): void {
    this.#control.settings([
      [setting.maxConcurrentStreams, maxStreams],
      [setting.initialWindowSize, streamWindow],
      [setting.maxHeaderListSize, this.#traffic.limits.maxHeadBytes],
      [setting.enableConnectProtocol, 1],
    ])
    this.#giveBack(connectionWindow - defaultWindow)
  }

  /** Sends on what one read has brought: so a request's head and body leave together, and one that was reset at once never leaves. */
  dispatch(): void {
    for (const stream of this.#gathering) stream.passGathered()
    this.#gathering.length = 0
    for (const stream of this.#undispatched) {
      stream.dispatch()
    }
    this.#undispatched.length = 0
  }

  /** The client sends nothing more. Whose request is whole gets its answer, as far as the windows let it. */
  endRequests(): void {
    for (const stream of Array.from(this.#streams.values())) if (!stream.hasEnded) stream.onGone()
  }

  /** The connection has gone. */
  end(): void {
    this.#isGone = true
    this.scheduler.clear()
    for (const stream of Array.from(this.#streams.values())) stream.onGone()
  }

  onSection(id: number, bytes: Uint8Array, start: number, end: number, flags: SectionFlags): void {
    const stream = this.#streams.get(id)
    const { section } = this.worker
    section.begin(this.#traffic.requestParsers.shared, stream !== undefined)
    const { lines } = section
    const maxListSize = this.#traffic.limits.maxHeadBytes
    const outcome = this.#decoder.decode(bytes, start, end, { lines, sink: section, maxListSize })
    if (outcome === invalid) this.#owner.fail(code.compressionError, 'A field section is not valid HPACK.')
    else if (outcome === hostile) this.#owner.fail(code.enhanceYourCalm, 'A field section is far too large.')
    else if (stream !== undefined) this.#takeTrailers(stream, outcome, flags)
    else if (id % 2 === 0) this.#owner.fail(code.protocolError, 'A client opens streams with odd numbers.')
    else if (id > this.lastStream) this.#open(id, outcome, flags)
    else this.#onClosedStream(id)
  }

  onDataStart(id: number, length: number, dataLength: number): void {
    this.#dataStream = null
    this.#receiveWindow -= length
    if (this.#receiveWindow < 0) {
      this.#owner.fail(code.flowControlError, "More data came than the connection's window allows.")
      return
    }
    if (this.#receiveWindow < connectionWindow / 2) this.#giveBack(connectionWindow - this.#receiveWindow)
    this.#isDataEmpty = dataLength === 0
    const stream = this.#streams.get(id)
    if (stream === undefined) {
      if (this.#isIdle(id)) this.#owner.fail(code.protocolError, 'DATA on a stream that is not open.')
      else this.#onClosedStream(id)
      return
    }
    stream.receiveWindow -= length
    if (stream.hasEnded) this.onStreamError(id, code.streamClosed)
    else if (stream.receiveWindow < 0) this.onStreamError(id, code.flowControlError)
    else if (stream.declaredLength !== -1 && stream.receivedLength + dataLength > stream.declaredLength) {
      this.onStreamError(id, code.protocolError)
    } else {
      this.#dataStream = stream
      if (length > dataLength) stream.giveBack(length - dataLength)
    }
  }

  onData(_id: number, bytes: Uint8Array, start: number, end: number): void {
    const stream = this.#dataStream
    if (stream !== null && !stream.isOver) stream.onData(bytes, start, end)
  }

  onDataEnd(_id: number, isEndStream: boolean): void {
    const stream = this.#dataStream
    this.#dataStream = null
    if (!isEndStream && this.#isDataEmpty && !this.#spend(cost.emptyData)) return
    if (isEndStream && stream !== null && !stream.isOver) this.#endRequest(stream)
  }

  onPriority(): void {
    this.#spend(cost.ignored)
  }

  onUnknown(): void {
    this.#spend(cost.ignored)
  }

  onReset(id: number): void {
    if (this.#isIdle(id)) this.#owner.fail(code.protocolError, 'RST_STREAM on a stream that is not open.')
    else if (this.#spend(cost.reset)) this.#streams.get(id)?.onGone()
  }

  onSettings(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#spend(cost.settings)) return
    const before = this.#peer.initialWindow
    const fault = this.#peer.take(bytes, start, end)
    if (fault !== null) {
      this.#owner.fail(fault.errorCode, fault.detail)
      return
    }
    this.frames.encoder.limitTable(this.#peer.headerTableSize)
    this.#control.acknowledge()
    const by = this.#peer.initialWindow - before
    for (const stream of this.#streams.values()) {
      stream.queue.window += by
      if (stream.queue.window > maxWindow) {
        this.#owner.fail(code.flowControlError, "A stream's window has become too large.")
        return
      }
      if (by > 0 && stream.queue.isWaiting) this.scheduler.wait(stream)
    }
    if (by > 0) this.scheduler.send()
  }

  onSettingsAck(): void {
    if (this.#spend(cost.ignored)) this.#owner.onAcknowledged()
  }

  onPing(isAck: boolean, bytes: Uint8Array, start: number): void {
    if (this.#spend(cost.ping) && !isAck) this.#control.pong(bytes, start)
  }

  onGoaway(): void {
    if (this.#spend(cost.settings)) this.#owner.close()
  }

  onWindowUpdate(id: number, increment: number): void {
    if (!this.#spend(increment < smallIncrement ? cost.smallWindowUpdate : cost.windowUpdate)) return
    if (id === 0) {
      this.frames.window += increment
      if (this.frames.window <= maxWindow) this.scheduler.send()
      else this.#owner.fail(code.flowControlError, "The connection's window has become too large.")
      return
    }
    const stream = this.#streams.get(id)
    if (stream === undefined) {
      if (this.#isIdle(id)) this.#owner.fail(code.protocolError, 'WINDOW_UPDATE on a stream that is not open.')
      return
    }
    stream.queue.window += increment
    if (stream.queue.window > maxWindow) this.onStreamError(id, code.flowControlError)
    else if (stream.queue.isWaiting) this.wait(stream)
  }

  /** The client is at fault, and the connection goes on (RFC 9113 section 5.4.2). */
  onStreamError(id: number, errorCode: number): void {
    if (!this.#spend(cost.streamError)) return
    const stream = this.#streams.get(id)
    if (stream !== undefined) stream.reset(errorCode)
    else if (id <= this.lastStream) this.sendReset(id, errorCode)
    else this.#owner.fail(errorCode, 'An error on a stream that is not open.')
  }

  onConnectionError(errorCode: number, detail: string): void {
    this.#owner.fail(errorCode, detail)
  }

  updateWindow(id: number, increment: number): void {
    this.#control.updateWindow(id, increment)
  }

  sendReset(id: number, errorCode: number): void {
    if (this.#isGone) return
    this.#resets.add(id)
    this.#control.reset(id, errorCode)
  }

  wait(stream: Http2Stream): void {
    this.scheduler.wait(stream)
    this.scheduler.send()
  }

  gather(stream: Http2Stream): void {
    this.#gathering.push(stream)
  }

  onAnswered(): void {
    this.#guard.onAnswered()
  }

  remove(stream: Http2Stream): void {
    this.#streams.delete(stream.id)
    if (this.#streams.size === 0 && !this.#isGone) this.#owner.onQuiet()
  }

  #open(id: number, outcome: number, flags: SectionFlags): void {
    this.lastStream = id
    const { section } = this.worker
    if (this.#owner.isLeaving) {
      this.sendReset(id, code.refusedStream)
    } else if (flags.dependsOnItself) {
      this.onStreamError(id, code.protocolError)
    } else if (this.#streams.size >= maxStreams) {
      if (this.#spend(cost.refusal)) this.sendReset(id, code.refusedStream)
    } else if (outcome === tooLarge) {
      const detail = `The fields of the request have more than ${this.#traffic.limits.maxHeadBytes} bytes.`
      this.#add(id, flags.isEndStream).refuse({ status: 431, detail })
    } else {
      section.finish(flags.isEndStream)
      if (section.fault === '') {
        this.#begin(id, flags.isEndStream)
      } else {
        this.#traffic.metrics.refused.bad_request.inc()
        this.onStreamError(id, code.protocolError)
      }
    }
  }

  /** Begins the exchange of the request that the section has been made into. */
  #begin(id: number, hasEnded: boolean): void {
    const { section } = this.worker
    const { head } = section
    const { refusal } = this.#owner
    if (refusal !== null) {
      this.#add(id, hasEnded).refuse(refusal)
      this.#owner.close()
    } else if (section.hasUnknownProtocol) {
      this.#add(id, hasEnded).refuse({ status: 501, detail: 'Of extended CONNECT only websocket is served.' })
    } else if (section.refusal !== null) {
      this.#add(id, hasEnded).refuse(section.refusal)
    } else if (hasEnded && head.contentLength > 0) {
      this.onStreamError(id, code.protocolError)
    } else {
      const stream = this.#add(id, hasEnded)
      stream.declaredLength = head.contentLength
      stream.webSocketKey = section.webSocketKey
      stream.begin(head)
      this.#undispatched.push(stream)
    }
  }

  #add(id: number, hasEnded: boolean): Http2Stream {
    const stream = new Http2Stream(id, this, this.#traffic, this.#peer.initialWindow)
    stream.hasEnded = hasEnded
    this.#streams.set(id, stream)
    return stream
  }

  /** RFC 9113 section 8.1. */
  #takeTrailers(stream: Http2Stream, outcome: number, flags: SectionFlags): void {
    const { section } = this.worker
    const { fault } = section
    const isTooMuch = outcome !== decoded || section.trailerCount > this.#traffic.limits.maxHeaders
    if (stream.hasEnded) this.onStreamError(stream.id, code.streamClosed)
    else if (!flags.isEndStream || flags.dependsOnItself || fault !== '' || isTooMuch) {
      this.onStreamError(stream.id, code.protocolError)
    } else this.#endRequest(stream, section.takeTrailers())
  }

  #endRequest(stream: Http2Stream, trailers: Buffer | null = null): void {
    const isShort = stream.declaredLength !== -1 && stream.receivedLength !== stream.declaredLength
    if (isShort) this.onStreamError(stream.id, code.protocolError)
    else stream.onEnd(trailers)
  }

  /** HEADERS or DATA: on a stream that we have reset they may have been on their way; elsewhere they are the client's mistake. */
  #onClosedStream(id: number): void {
    if (this.#resets.has(id)) return
    if (this.#resets.hasForgotten) this.onStreamError(id, code.streamClosed)
    else this.#owner.fail(code.streamClosed, 'A frame on a stream that is closed.')
  }

  #isIdle(id: number): boolean {
    return id > this.lastStream || id % 2 === 0
  }

  #giveBack(count: number): void {
    this.#receiveWindow += count
    this.#control.updateWindow(0, count)
  }

  #spend(points: number): boolean {
    if (this.#guard.spend(points, this.#traffic.wheel.now)) return true
    this.#owner.fail(code.enhanceYourCalm, 'Too many frames that bring no work.')
    return false
  }
}
