import { connect, type Socket } from 'node:net'
import type { Affinity } from '../balancer/affinity.js'
import type { SocketOwner } from '../http1/owned-socket.js'
import { adopt, sharedReadOptions } from '../http1/shared-read.js'
import type { Traffic } from '../http1/traffic.js'
import { Wire, type WireOwner } from '../http1/wire.js'
import { tickMs, WheelTimer } from '../timer-wheel.js'
import type { UpstreamEndpoint } from '../upstream-endpoint.js'
import type { UpstreamService } from '../upstream.js'
import { Relay } from './relay.js'

/**
 * One connection to a mesh listener of a service that does not speak HTTP/1.1 (tcp, grpc, h2c): it is carried whole to one endpoint.
 * Until a connection to an endpoint is open nothing has been sent, so any endpoint will do; the client is not read meanwhile.
 */
export class TunnelConnection implements SocketOwner, WireOwner {
  readonly #traffic: Traffic
  readonly #service: UpstreamService
  readonly #onOver: () => void
  readonly #client: Wire
  readonly #timer: WheelTimer<TunnelConnection>
  readonly #deadline: number
  #tried: UpstreamEndpoint[] = []
  /** What binds the connection to an endpoint: all that is known of it is where it comes from. */
  readonly #affinity: Affinity | null
  #endpoint: UpstreamEndpoint | null = null
  #upstream: Wire | null = null
  #opening: Socket | null = null
  #relay: Relay | null = null
  #isOver = false
  #isWaiting = false

  constructor(accepted: Socket, service: UpstreamService, traffic: Traffic, onOver: () => void) {
    this.#traffic = traffic
    this.#service = service
    this.#onOver = onOver
    this.#timer = new WheelTimer<TunnelConnection>(this, expire)
    const { limits, wheel, metrics } = traffic
    const clientAddress = accepted.remoteAddress ?? ''
    this.#affinity = service.looksAtRequests ? service.affinityOf({ clientAddress, header: () => null }) : null
    const socket = adopt(accepted, traffic.readBuffer, this)
    this.#client = new Wire(socket, traffic.outputs, this)
    this.#client.pause()
    socket.setKeepAlive(true, 60_000)
    metrics.connections.inc()
    metrics.connectionsTotal.inc()
    const holdMs = service.isAsleep ? service.holdMs : null
    this.#deadline = wheel.now + (holdMs ?? limits.pendingTimeoutMs) + tickMs
    this.#open()
  }

  /** From the client, as `onEnd` and `onClose`. */
  onBytes(bytes: Uint8Array, _at: number, end: number): void {
    this.#relay?.onBytes(this.#client, bytes, end)
  }

  onEnd(): void {
    this.#relay?.onEnd(this.#client)
  }

  onClose(): void {
    if (this.#relay === null) this.#end()
    else this.#relay.onClose(this.#client)
  }

  onDrain(): void {
    // Which of the two it was does not matter: the relay asks for nothing more than it can take.
    if (this.#relay === null || this.#upstream === null) return
    if (!this.#client.isBlocked) this.#relay.onDrain(this.#client)
    if (!this.#upstream.isBlocked) this.#relay.onDrain(this.#upstream)
  }

  onTimer(): void {
    const opening = this.#opening
    if (opening !== null) {
      opening.destroy()
      this.#onFailure()
    } else if (this.#relay === null) {
      this.#open()
    }
  }

  /** Breaks it off. */
  cut(): void {
    if (this.#relay !== null) this.#relay.cut()
    else this.#end()
  }

  #open(): void {
    const { wheel, limits, table } = this.#traffic
    if (this.#isOver) return
    if (wheel.now >= this.#deadline) {
      this.#end()
      return
    }
    const endpoint = this.#service.pick(this.#tried, wheel.now, Math.random, this.#affinity)
    if (endpoint === null) {
      this.#tried = []
      this.#wait(true)
      wheel.schedule(this.#timer, tickMs)
      return
    }
    this.#wait(false)
    this.#traffic.connectionsOf(endpoint, false)
    this.#endpoint = endpoint
    endpoint.acquire()
    table.serviceMetrics(this.#service).connects.inc()
    const socket = connect({
      host: endpoint.host,
      port: endpoint.port,
      noDelay: true,
      ...sharedReadOptions(this.#traffic.readBuffer, (length, bytes) => {
        if (this.#upstream !== null) this.#relay?.onBytes(this.#upstream, bytes, length)
      }),
    })
    this.#opening = socket
    socket.on('connect', () => this.#onConnect(socket, endpoint))
    socket.on('error', () => {})
    socket.on('end', () => {
      if (this.#upstream !== null) this.#relay?.onEnd(this.#upstream)
    })
    socket.on('close', () => {
      if (this.#opening === socket) this.#onFailure()
      else if (this.#upstream?.socket === socket) this.#relay?.onClose(this.#upstream)
    })
    wheel.schedule(this.#timer, limits.connectTimeoutMs)
  }

  #wait(isWaiting: boolean): void {
    if (isWaiting === this.#isWaiting) return
    this.#isWaiting = isWaiting
    this.#service.waitingTunnels += isWaiting ? 1 : -1
    if (isWaiting && this.#service.isAsleep) this.#traffic.onHeld()
  }

  #onConnect(socket: Socket, endpoint: UpstreamEndpoint): void {
    this.#opening = null
    this.#traffic.wheel.cancel(this.#timer)
    if (endpoint.failures > 0) endpoint.noteSuccess()
    endpoint.errors = 0
    const upstream = new Wire(socket, this.#traffic.outputs, this)
    this.#upstream = upstream
    socket.setKeepAlive(true, 60_000)
    this.#traffic.metrics.tunnels.inc()
    this.#relay = new Relay(this.#client, upstream, this.#traffic, () => {
      this.#traffic.metrics.tunnels.dec()
      this.#end()
    })
    this.#client.resume()
  }

  #onFailure(): void {
    const { wheel, table } = this.#traffic
    this.#opening = null
    wheel.cancel(this.#timer)
    const endpoint = this.#endpoint
    this.#endpoint = null
    if (endpoint !== null) {
      if (endpoint.suspectUntil <= wheel.now) endpoint.noteConnectFailure(wheel.now)
      this.#service.observer?.onOutcome(endpoint, 'connect_failed', 0, wheel.now)
      this.#tried.push(endpoint)
      table.serviceMetrics(this.#service).connectFailures.inc()
      this.#traffic.release(endpoint)
    }
    this.#open()
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#wait(false)
    this.#traffic.wheel.cancel(this.#timer)
    this.#traffic.metrics.connections.dec()
    const { socket } = this.#client
    if (this.#relay === null) {
      this.#opening?.destroy()
      this.#opening = null
      socket.destroy()
    }
    if (this.#endpoint !== null) this.#traffic.release(this.#endpoint)
    this.#endpoint = null
    this.#onOver()
  }
}

function expire(tunnel: TunnelConnection): void {
  tunnel.onTimer()
}
