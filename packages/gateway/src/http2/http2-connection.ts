import type { Duplex } from 'node:stream'
import type { ExchangeClient, ListenerInfo } from '../http1/exchange-client.js'
import { ascii } from '../http1/chars.js'
import type { CertifiedClient } from '../http1/forwarded-lines.js'
import { changeOwner, readPlainly, remoteAddressOf, type SocketOwner } from '../http1/owned-socket.js'
import type { ProblemAnswer } from '../http1/own-answer.js'
import type { ServedConnection } from '../http1/served-connection.js'
import type { Traffic } from '../http1/traffic.js'
import type { WireOwner } from '../http1/wire.js'
import { WheelTimer } from '../timer-wheel.js'
import { ConnectionFrames } from './connection-frames.js'
import { ControlFrames } from './control-frames.js'
import { code, codeName } from './error-codes.js'
import { FloodGuard } from './flood-guard.js'
import { FrameOutput } from './frame-output.js'
import { FrameReader } from './frame-reader.js'
import { maxWindow } from './frame-types.js'
import { Http2Worker } from './http2-worker.js'
import { ServerSession, type SessionOwner } from './server-session.js'

/** Between the two GOAWAYs of a drain: what is on its way still gets in (RFC 9113 section 6.8). */
const graceMs = 500
/** For the client to close after the last GOAWAY; a reset would destroy what it has not read. */
const lingerMs = 2_000

const running = 0
/** GOAWAY has told the client to go elsewhere; streams that come are still served. */
const draining = 1
/** GOAWAY has named the last stream. */
const leaving = 2
/** All has been said. */
const lingering = 3
const closed = 4

export interface Http2ConnectionOptions {
  /** Who has read the beginning of it, has counted it, and owned the socket until now. */
  readonly predecessor?: { readonly remoteAddress: string }
  /** Who the client is by its certificate; null or absent: it has shown none. */
  readonly client?: CertifiedClient | null
  /** What its requests are answered instead of being served. */
  readonly refusal?: ProblemAnswer
}

/**
 * One client's HTTP/2 connection (RFC 9113) over any duplex stream: brings the socket, what is read off it and what is written to it together,
 * and lets it begin and end.
 *
 *     running ── drain: GOAWAY (2^31-1) ──▶ draining ── a moment later, or idle for long: GOAWAY (last stream) ──▶ leaving
 *         leaving ── no stream is left ──▶ lingering ──▶ closed                an error: GOAWAY (its code) ──▶ lingering
 */
export class Http2Connection implements SessionOwner, ServedConnection, SocketOwner, WireOwner {
  readonly listener: ListenerInfo
  readonly remoteAddress: string
  readonly certificateLine: Uint8Array | null
  readonly identity: ExchangeClient['identity']
  readonly refusal: ProblemAnswer | null
  readonly frames: ConnectionFrames
  readonly control: ControlFrames
  readonly guard: FloodGuard
  readonly #socket: Duplex
  readonly #traffic: Traffic
  readonly #output: FrameOutput
  readonly #session: ServerSession
  readonly #reader: FrameReader
  readonly #timer: WheelTimer<Http2Connection>
  #state = running
  #isAcknowledged = false
  #isReadPaused = false
  /** On the wheel's clock: since when nothing could be written, and since when a frame or a section is not whole; 0 is not at all. */
  #blockedSince = 0
  #partSince = 0
  #quietSince: number

  constructor(socket: Duplex, listener: ListenerInfo, traffic: Traffic, options: Http2ConnectionOptions = {}) {
    this.#socket = socket
    this.listener = listener
    this.#traffic = traffic
    const { predecessor, client = null } = options
    this.remoteAddress = predecessor?.remoteAddress ?? remoteAddressOf(socket)
    this.certificateLine = client === null ? null : ascii(client.line)
    this.identity = client?.identity ?? null
    this.refusal = options.refusal ?? null
    traffic.http2 ??= new Http2Worker(traffic.turnEnd)
    this.guard = new FloodGuard(traffic.wheel.now)
    this.#output = new FrameOutput(socket, traffic.http2, this)
    this.frames = new ConnectionFrames(this.#output, this.guard, traffic.http2.name)
    this.control = new ControlFrames(this.#output)
    this.#session = new ServerSession(this, traffic, traffic.http2)
    this.#reader = new FrameReader(this.#session, {
      reads: 'client',
      maxSectionBytes: 2 * traffic.limits.maxHeadBytes,
    })
    this.#timer = new WheelTimer<Http2Connection>(this, expire)
    this.#quietSince = traffic.wheel.now
    traffic.clients.add(this)
    traffic.wheel.schedule(this.#timer, traffic.limits.headTimeoutMs)
    this.#session.greet()
    if (traffic.isClosing) this.drain()
    if (predecessor !== undefined) {
      changeOwner(socket, this)
      return
    }
    traffic.metrics.connections.inc()
    traffic.metrics.connectionsTotal.inc()
    readPlainly(socket, this)
  }

  /** True when closing it hurts nobody. */
  get isIdle(): boolean {
    return this.#session.size === 0
  }

  get isLeaving(): boolean {
    return this.#state >= leaving
  }

  onBytes(bytes: Uint8Array, at: number, end: number): void {
    if (this.#state >= lingering) return
    const reader = this.#reader
    const { count } = reader
    reader.read(bytes, at, end)
    this.#session.dispatch()
    // A busy connection may end every read in the middle of a frame, but each time of another one.
    if (!reader.isInPart) this.#partSince = 0
    else if (this.#partSince === 0 || reader.count !== count) this.#partSince = this.#traffic.wheel.now
    if (!this.#output.isFarBehind || this.#isReadPaused) return
    this.#isReadPaused = true
    this.#socket.pause()
  }

  /** The gateway is about to end: the client is asked to go elsewhere. */
  drain(): void {
    if (this.#state !== running) return
    this.#state = draining
    this.control.goaway(maxWindow, code.noError, 'The gateway ends.')
    this.#restartTimer(graceMs)
  }

  /** Serves no further streams, and ends with the last one. */
  close(): void {
    if (this.#state >= leaving) return
    this.#state = leaving
    this.control.goaway(this.#session.lastStream, code.noError, '')
    if (this.#session.size === 0) this.#finish()
  }

  /** Ends it for the sake of another. */
  makeRoom(): void {
    this.close()
    this.#traffic.clients.delete(this)
  }

  cut(): void {
    this.#socket.destroy()
    this.onClose()
  }

  fail(errorCode: number, detail: string): void {
    if (this.#state >= lingering) return
    this.#reader.stop()
    this.#traffic.metrics.http2Errors.with(codeName(errorCode)).inc()
    this.control.goaway(this.#session.lastStream, errorCode, detail)
    this.#finish()
  }

  onAcknowledged(): void {
    this.#isAcknowledged = true
  }

  onQuiet(): void {
    this.#quietSince = this.#traffic.wheel.now
    if (this.#state === leaving) this.#finish()
  }

  onTimer(): void {
    const { limits, wheel } = this.#traffic
    const { now } = wheel
    if (this.#output.isBlocked) this.#blockedSince ||= now
    const isSilent = this.#session.size === 0 && now - this.#quietSince >= limits.keepAliveTimeoutMs
    if (this.#state >= lingering) {
      this.cut()
      return
    }
    if (this.#state === draining) {
      this.close()
    } else if (!this.#isAcknowledged) {
      const errorCode = this.#reader.hasBegun ? code.settingsTimeout : code.protocolError
      this.fail(errorCode, 'The beginning of the connection did not come in time.')
    } else if (this.#partSince !== 0 && now - this.#partSince >= limits.headTimeoutMs) {
      this.fail(code.enhanceYourCalm, 'A frame did not come in time.')
    } else if (this.#blockedSince !== 0 && now - this.#blockedSince >= limits.idleTimeoutMs) {
      this.cut()
      return
    } else if (isSilent) {
      this.close()
    }
    const { headTimeoutMs, keepAliveTimeoutMs, idleTimeoutMs } = limits
    if (this.#state < lingering) wheel.schedule(this.#timer, Math.min(headTimeoutMs, keepAliveTimeoutMs, idleTimeoutMs))
  }

  /** All streams have ended, or are to: sends what is still to be sent and waits a little for the client to close. */
  #finish(): void {
    if (this.#state >= lingering) return
    this.#state = lingering
    this.#reader.stop()
    this.#session.end()
    this.#output.flush()
    this.#restartTimer(lingerMs)
    this.#socket.end()
    this.#socket.resume()
  }

  #restartTimer(ms: number): void {
    this.#traffic.wheel.cancel(this.#timer)
    this.#traffic.wheel.schedule(this.#timer, ms)
  }

  onDrain(): void {
    this.#blockedSince = 0
    if (this.#state >= lingering) return
    if (this.#isReadPaused) {
      this.#isReadPaused = false
      this.#socket.resume()
    }
    this.#session.scheduler.send()
  }

  /** The client sends nothing more, and no window will open. */
  onEnd(): void {
    if (this.#state >= lingering) return
    this.#session.endRequests()
    if (this.#session.size === 0) this.#finish()
    else this.close()
  }

  onClose(): void {
    if (this.#state === closed) return
    this.#state = closed
    this.#reader.stop()
    this.#session.end()
    this.#traffic.wheel.cancel(this.#timer)
    this.#traffic.clients.delete(this)
    this.#traffic.metrics.connections.dec()
  }
}

function expire(connection: Http2Connection): void {
  connection.onTimer()
}
