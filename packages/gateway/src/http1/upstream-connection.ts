import { connect } from 'node:net'
import type { Relay } from '../tunnel/relay.js'
import { WheelTimer } from '../timer-wheel.js'
import type { UpstreamEndpoint } from '../upstream-endpoint.js'
import { ChunkDecoder } from './chunk-decoder.js'
import type { EndpointConnections } from './endpoint-connections.js'
import type { ExchangeUpstream, UpstreamUser } from './exchange-upstream.js'
import { HeadReader } from './head-reader.js'
import { sharedReadOptions } from './shared-read.js'
import type { Traffic } from './traffic.js'
import { Wire, type WireOwner } from './wire.js'

/**
 * Many servers close an idle connection after five seconds (Node's default), some after two: closing first, and hardly ever using an old
 * one, keeps requests from being sent into a connection that is about to close.
 */
const longestIdleMs = 4_000

/** One connection to an endpoint: opening, in use by one exchange, idle, carrying a tunnel, or closed. */
export class UpstreamConnection implements ExchangeUpstream, WireOwner {
  readonly connections: EndpointConnections
  readonly endpoint: UpstreamEndpoint
  readonly wire: Wire
  readonly head: HeadReader
  /** Whose it is; null while idle and after the end. */
  exchange: UpstreamUser | null
  /** Set when the upgrade that it carried has been answered with 101. */
  relay: Relay | null = null
  isConnected = false
  isClosed = false
  /** A byte has come over it: somebody has been at the other end, and no proxy alone. */
  hasAnswered = false
  /** How many exchanges it has served; the first failure of one that has served may be just its idle end. */
  served = 0
  /** When it became idle, on the wheel's clock. */
  idleSince = 0
  /** How long it may be idle, milliseconds; the server may have named less. */
  idleMs = longestIdleMs
  readonly #traffic: Traffic
  readonly #timer: WheelTimer<UpstreamConnection>
  #decoder: ChunkDecoder | null = null
  #failure = ''
  /** What was sent last as the beginning of a request. */
  #request: Uint8Array | null = null

  constructor(connections: EndpointConnections, traffic: Traffic, exchange: UpstreamUser) {
    this.connections = connections
    this.endpoint = connections.endpoint
    this.exchange = exchange
    this.#traffic = traffic
    this.head = new HeadReader(traffic.responseParsers, connections.number)
    this.#timer = new WheelTimer<UpstreamConnection>(this, expire)
    const { host, port } = connections.endpoint
    const socket = connect({
      host,
      port,
      noDelay: true,
      ...sharedReadOptions(traffic.readBuffer, (length, bytes) => this.#onBytes(length, bytes)),
    })
    this.wire = new Wire(socket, traffic.outputs, this)
    socket.on('connect', () => this.#onConnect())
    socket.on('end', () => this.#onEnd())
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#failure = error.code ?? error.message
    })
    socket.on('close', () => this.#onClose())
    traffic.wheel.schedule(this.#timer, traffic.limits.connectTimeoutMs)
  }

  get decoder(): ChunkDecoder {
    this.#decoder ??= new ChunkDecoder()
    return this.#decoder
  }

  sendRequest(bytes: Uint8Array): void {
    this.#request = bytes
    this.wire.sendOwned(bytes)
  }

  endRequest(): void {
    // Its framing has said so.
  }

  /** Makes an idle connection the exchange's. */
  use(exchange: UpstreamUser): void {
    // Its timer stays where it is and does nothing while there is an exchange: two moves on the wheel less a request.
    this.exchange = exchange
  }

  /** The exchange is over and has left the connection as it found it. */
  rest(): void {
    this.exchange = null
    this.#request = null
    this.served++
    if (this.connections.endpoint.isLeaving || this.#traffic.isClosing || this.isClosed) {
      this.destroy()
      return
    }
    this.wire.resume()
    this.idleSince = this.#traffic.wheel.now
    this.#traffic.wheel.schedule(this.#timer, this.idleMs)
    this.connections.give(this)
  }

  /** Keeps idle for less than the server's own `Keep-Alive: timeout=`. */
  limitIdle(seconds: number): void {
    this.idleMs = Math.min(longestIdleMs, Math.max(0, seconds * 1000 - 1000))
  }

  /** Closes at once; the exchange, if it still has one, is not told. */
  destroy(): void {
    this.exchange = null
    if (this.isClosed) return
    this.isClosed = true
    this.#traffic.wheel.cancel(this.#timer)
    this.head.reset()
    this.connections.remove(this)
    this.wire.socket.destroy()
  }

  onDrain(): void {
    if (this.relay !== null) this.relay.onDrain(this.wire)
    else this.exchange?.onUpstreamDrain()
  }

  /** Opening took too long, or it has been idle for long enough. */
  onTimer(): void {
    if (this.isConnected) {
      if (this.exchange === null) this.destroy()
      return
    }
    const exchange = this.exchange
    this.destroy()
    exchange?.onConnectFailure(this, `no answer in ${this.#traffic.limits.connectTimeoutMs} ms`, true)
  }

  #onConnect(): void {
    this.isConnected = true
    this.connections.opening--
    this.#traffic.wheel.cancel(this.#timer)
    const { endpoint } = this.connections
    if (endpoint.failures > 0) endpoint.noteSuccess()
    this.exchange?.onConnected()
  }

  #onBytes(length: number, bytes: Uint8Array): void {
    this.hasAnswered = true
    if (this.relay !== null) this.relay.onBytes(this.wire, bytes, length)
    else if (this.exchange === null || this.#isUnasked) this.#refuse('it sent something before it was asked')
    else this.exchange.onResponseBytes(bytes, 0, length)
  }

  /** Nothing of the request has left: it cannot be told whose answer this is, as the 408 that some servers send before they close an idle connection. */
  get #isUnasked(): boolean {
    return this.wire.isPuttingOff(this.#request)
  }

  /** Does nothing with the request, and leaves room for its next try. */
  #refuse(failure: string): void {
    const { exchange } = this
    this.wire.withdraw()
    this.destroy()
    exchange?.onUpstreamRefused(this, failure)
  }

  #onEnd(): void {
    if (this.relay !== null) {
      this.relay.onEnd(this.wire)
      return
    }
    const { exchange } = this
    if (exchange === null || (this.#isUnasked && this.served > 0)) this.#refuse('it closed the connection')
    else exchange.onUpstreamEnd(this)
  }

  #onClose(): void {
    if (this.relay !== null) {
      this.relay.onClose(this.wire)
      this.destroy()
      return
    }
    const { exchange, isConnected } = this
    const isUntouched = this.#isUnasked && this.served > 0
    this.destroy()
    if (exchange === null) return
    if (!isConnected) exchange.onConnectFailure(this, this.#failure, false)
    else if (isUntouched) exchange.onUpstreamRefused(this, this.#failure)
    else exchange.onUpstreamClosed(this, this.#failure)
  }
}

function expire(connection: UpstreamConnection): void {
  connection.onTimer()
}
