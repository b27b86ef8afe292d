import { connect } from 'node:net'
import { copy } from '../../http1/words.js'
import type { UpstreamUser } from '../../http1/exchange-upstream.js'
import { HeadReader } from '../../http1/head-reader.js'
import { sharedReadOptions } from '../../http1/shared-read.js'
import type { Traffic } from '../../http1/traffic.js'
import { WheelTimer } from '../../timer-wheel.js'
import type { UpstreamEndpoint } from '../../upstream-endpoint.js'
import { ControlFrames } from '../control-frames.js'
import { code } from '../error-codes.js'
import { FrameOutput } from '../frame-output.js'
import { FrameReader } from '../frame-reader.js'
import * as frame from '../frame-types.js'
import { Http2Worker } from '../http2-worker.js'
import { ResetStreams } from '../reset-streams.js'
import * as setting from '../settings.js'
import { RequestSender } from './request-sender.js'
import { connectionWindow, maxSectionBytes, ResponseFrames, streamWindow } from './response-frames.js'
import type { Http2UpstreamConnections } from './upstream-connections.js'
import { Http2UpstreamStream } from './upstream-stream.js'

/** Until a service says how many streams it takes. */
const presumedStreams = 100
const longestIdleMs = 60_000
const newMs = 1_000
/** A service that is silent for a whole request has so long to answer a PING. */
const pingMs = 5_000
/** Control frames of a service that we answer, in one turn of the event loop; more is a flood. */
const mostAnswered = 1_000
const lastStreamId = 0x7fffffff
const pingPayload = Buffer.from('pando   ')

/** A connection of ours to a service that speaks HTTP/2 without TLS (RFC 9113 section 3.3, prior knowledge), and the streams on it. */
export class Http2UpstreamConnection {
  readonly endpoint: UpstreamEndpoint
  isConnected = false
  hasAnswered = false
  readonly #pool: Http2UpstreamConnections
  readonly #traffic: Traffic
  readonly #socket
  readonly #output: FrameOutput
  readonly #frames = new ResponseFrames(this)
  readonly #reader: FrameReader
  readonly sender: RequestSender
  readonly control: ControlFrames
  readonly peer = new setting.PeerSettings({ of: 'server' })
  readonly streams = new Map<number, Http2UpstreamStream>()
  /** Attached, their requests not sent yet. */
  readonly #attached = new Set<Http2UpstreamStream>()
  readonly #resets = new ResetStreams()
  readonly #timer: WheelTimer<Http2UpstreamConnection>
  #nextId = 1
  #answered = 0
  #isLeaving = false
  #isClosed = false
  #isPinging = false
  #lastReadAt = 0
  #openedAt = 0
  #failure = ''

  constructor(pool: Http2UpstreamConnections, traffic: Traffic) {
    this.#pool = pool
    this.endpoint = pool.endpoint
    this.#traffic = traffic
    this.#timer = new WheelTimer<Http2UpstreamConnection>(this, expire)
    this.#reader = new FrameReader(this.#frames, { reads: 'server', maxSectionBytes })
    const { host, port } = pool.endpoint
    const socket = connect({
      host,
      port,
      noDelay: true,
      ...sharedReadOptions(traffic.readBuffer, (length, bytes) => this.#onBytes(bytes, length)),
    })
    this.#socket = socket
    this.#output = new FrameOutput(socket, (traffic.http2 ??= new Http2Worker(traffic.turnEnd)), this)
    this.sender = new RequestSender(this.#output)
    this.control = new ControlFrames(this.#output)
    socket.on('connect', () => this.#onConnect())
    // A half-open connection is of no use in HTTP/2.
    socket.on('end', () => this.fail('it closed the connection'))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#failure = error.code ?? error.message
    })
    socket.on('close', () => this.fail(this.#failure === '' ? 'the connection closed' : this.#failure))
    traffic.wheel.schedule(this.#timer, traffic.limits.connectTimeoutMs)
  }

  get isBlocked(): boolean {
    return this.#output.isBlocked
  }

  /** It takes one more request. */
  get hasRoom(): boolean {
    if (this.#isLeaving || this.#isClosed || this.#nextId > lastStreamId) return false
    const most = this.hasAnswered ? this.peer.maxConcurrentStreams : presumedStreams
    return this.streams.size + this.#attached.size < most
  }

  /** It is being opened, or was a moment ago. */
  get isNew(): boolean {
    return !this.isConnected || this.#traffic.wheel.now - this.#openedAt < newMs
  }

  /** The first bytes of the worker's output buffer, where exchanges leave what they send. */
  outputBytes(length: number): Uint8Array {
    return this.#traffic.outputs.current.subarray(0, length)
  }

  attach(exchange: UpstreamUser): Http2UpstreamStream {
    const stream = new Http2UpstreamStream(this, new HeadReader(this.#traffic.responseParsers), exchange)
    this.#attached.add(stream)
    return stream
  }

  /** Sends the request's head and makes it a stream. */
  open(stream: Http2UpstreamStream, bytes: Uint8Array, headLength: number, isEnd: boolean): void {
    this.#attached.delete(stream)
    if (this.#isClosed) return
    stream.id = this.#nextId
    this.#nextId += 2
    stream.sendWindow = this.peer.initialWindow
    stream.startedAt = this.#traffic.wheel.now
    if (isEnd) stream.isSendingOver = true
    this.streams.set(stream.id, stream)
    this.sender.sendHead(stream, bytes, headLength, isEnd)
  }

  /** Sends as much of the body as the windows allow; returns how much that was. */
  sendData(stream: Http2UpstreamStream, bytes: Uint8Array): number {
    return this.#isClosed ? bytes.length : this.sender.sendData(stream, bytes)
  }

  sendEnd(stream: Http2UpstreamStream, trailers: Uint8Array | null): void {
    if (this.#isClosed) return
    if (trailers === null || trailers.length === 0) this.sender.sendEnd(stream)
    else this.sender.sendTrailers(stream, trailers)
  }

  /** Lets the service send more on a stream whose bytes have been passed on. */
  giveRoom(stream: Http2UpstreamStream): void {
    if (stream.isPaused || stream.isRemoteDone || stream.received < streamWindow / 2) return
    this.control.updateWindow(stream.id, stream.received)
    stream.received = 0
  }

  /** Ends a stream before its time; one that was never sent is just forgotten. */
  reset(stream: Http2UpstreamStream, errorCode: number): void {
    if (stream.id !== 0 && this.streams.has(stream.id) && !this.#isClosed) {
      this.#sendReset(stream.id, errorCode)
      // It may be dead, and would keep taking requests until the system gives up on it.
      if (!stream.hasHead && this.#lastReadAt <= stream.startedAt) this.#ping()
    }
    this.remove(stream)
  }

  /** Answers a frame that should not have come, unless it may have been on its way when the stream was reset from here. */
  resetClosed(id: number, errorCode: number): void {
    if (this.#resets.has(id) || this.#resets.hasForgotten) return
    if (this.mayAnswer()) this.#sendReset(id, errorCode)
  }

  remove(stream: Http2UpstreamStream): void {
    this.#attached.delete(stream)
    this.streams.delete(stream.id)
    if (this.#isLeaving || this.endpoint.isLeaving || this.#traffic.isClosing) this.closeWhenIdle()
    else if (this.#isIdle) this.#restIdle()
  }

  closeWhenIdle(): void {
    this.#isLeaving = true
    if (this.#isIdle) this.#close()
  }

  onTimer(): void {
    if (!this.isConnected) {
      this.#failure = `no answer in ${this.#traffic.limits.connectTimeoutMs} ms`
      this.fail(this.#failure, true)
    } else if (this.#isPinging) {
      this.fail('it answered no PING')
    } else if (this.#isIdle) {
      this.#close()
    }
  }

  /** The service goes away: what it did nothing with may go elsewhere, whatever it is (RFC 9113 section 6.8). */
  onGoaway(lastStream: number): void {
    this.#isLeaving = true
    for (const [id, stream] of Array.from(this.streams)) {
      if (id <= lastStream) continue
      const { exchange } = stream
      stream.exchange = null
      this.streams.delete(id)
      exchange?.onUpstreamRefused(stream, 'it goes away')
    }
    if (this.#isIdle) this.#close()
  }

  onPong(): void {
    this.#isPinging = false
    if (this.#isIdle) this.#restIdle()
  }

  /** Whether the service may send on a stream of this number: we have opened it, be it over or not. */
  hasOpened(id: number): boolean {
    return id < this.#nextId && id % 2 === 1
  }

  get #isIdle(): boolean {
    return this.streams.size === 0 && this.#attached.size === 0
  }

  #onConnect(): void {
    this.isConnected = true
    this.#openedAt = this.#traffic.wheel.now
    this.#pool.opening--
    this.#traffic.wheel.cancel(this.#timer)
    const { endpoint } = this
    if (endpoint.failures > 0) endpoint.noteSuccess()
    const output = this.#output
    output.reserve(frame.preface.length)
    output.length = copy(frame.preface, 0, frame.preface.length, output.bytes, output.length)
    this.control.settings([
      [setting.enablePush, 0],
      [setting.initialWindowSize, streamWindow],
      [setting.maxHeaderListSize, maxSectionBytes],
    ])
    this.control.updateWindow(0, connectionWindow - frame.defaultWindow)
    for (const stream of Array.from(this.#attached)) stream.exchange?.onConnected()
    if (this.#isIdle) this.#restIdle()
  }

  #onBytes(bytes: Uint8Array, length: number): void {
    this.hasAnswered = true
    this.#lastReadAt = this.#traffic.wheel.now
    this.#answered = 0
    this.#reader.read(bytes, 0, length)
  }

  /** The socket takes more again. */
  onDrain(): void {
    this.giveAll()
  }

  giveAll(): void {
    for (const stream of Array.from(this.streams.values())) {
      if (this.sender.window <= 0 && stream.hasWaiting) continue
      stream.onRoom()
    }
  }

  /** Counts a frame that wants an answer; false when they are a flood, which ends the connection. */
  mayAnswer(): boolean {
    if (++this.#answered <= mostAnswered) return true
    this.#frames.onConnectionError(code.enhanceYourCalm, 'Too many frames that want an answer.')
    return false
  }

  #sendReset(id: number, errorCode: number): void {
    this.#resets.add(id)
    this.control.reset(id, errorCode)
  }

  #ping(): void {
    if (this.#isPinging) return
    this.#isPinging = true
    this.control.ping(pingPayload)
    this.#traffic.wheel.schedule(this.#timer, pingMs)
  }

  #restIdle(): void {
    // While it is being opened, the timer bounds that: whoever gave up waiting leaves it as it was.
    if (this.isConnected && !this.#isPinging) this.#traffic.wheel.schedule(this.#timer, longestIdleMs)
  }

  #close(): void {
    if (this.#isClosed) return
    if (this.isConnected) this.control.goaway(0, code.noError, '')
    this.#isClosed = true
    this.#leave()
    this.#output.flush()
    if (this.isConnected) this.#socket.destroySoon()
    else this.#socket.destroy()
  }

  /** It is of no use any more: what is on it learns of that. */
  fail(failure: string, isTimeout = false): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#reader.stop()
    // It may say why.
    if (this.isConnected) this.#output.flush()
    this.#leave()
    this.#socket.destroy()
    const wasConnected = this.isConnected
    const streams = [...this.#attached, ...this.streams.values()]
    this.#attached.clear()
    this.streams.clear()
    for (const stream of streams) {
      const { exchange } = stream
      stream.exchange = null
      if (exchange === null) continue
      if (wasConnected) exchange.onUpstreamClosed(stream, failure)
      else exchange.onConnectFailure(stream, failure, isTimeout)
    }
  }

  #leave(): void {
    this.#traffic.wheel.cancel(this.#timer)
    this.#pool.remove(this)
    if (!this.isConnected) this.#pool.opening--
  }
}

function expire(connection: Http2UpstreamConnection): void {
  connection.onTimer()
}
