import type { EndpointPool, UpstreamEndpoint } from '../upstream-endpoint.js'
import type { ExchangeUpstreams, UpstreamUser } from './exchange-upstream.js'
import type { Traffic } from './traffic.js'
import { UpstreamConnection } from './upstream-connection.js'

/** The connections of one worker to one endpoint. Idle ones are a stack: the one used last is the least likely to have been closed. */
export class EndpointConnections implements EndpointPool, ExchangeUpstreams {
  readonly endpoint: UpstreamEndpoint
  /** Open and opening, idle ones included. */
  open = 0
  /** Of those, the ones that are being opened. */
  opening = 0
  /** What one instance answers is alike, over whichever connection it comes. */
  readonly number: number
  readonly #traffic: Traffic
  readonly #idle: UpstreamConnection[] = []

  constructor(endpoint: UpstreamEndpoint, traffic: Traffic) {
    this.endpoint = endpoint
    this.number = traffic.nextNumber()
    this.#traffic = traffic
  }

  obtain(exchange: UpstreamUser, since: number): UpstreamConnection | null {
    const idle = this.#idle
    const last = idle.length - 1
    if (last >= 0 && idle[last].idleSince >= since) {
      const connection = idle.pop() as UpstreamConnection
      connection.use(exchange)
      return connection
    }
    if (
      this.open >= this.#traffic.limits.maxConnectionsPerEndpoint ||
      this.endpoint.connectionLimit?.isReached === true
    ) {
      if (last < 0) return null
      // To make room, the one longest unused goes.
      idle.shift()?.destroy()
    }
    this.open++
    this.opening++
    return new UpstreamConnection(this, this.#traffic, exchange)
  }

  give(connection: UpstreamConnection): void {
    this.#idle.push(connection)
  }

  /** Forgets a connection that has closed. */
  remove(connection: UpstreamConnection): void {
    this.open--
    if (!connection.isConnected) this.opening--
    const index = this.#idle.lastIndexOf(connection)
    if (index !== -1) this.#idle.splice(index, 1)
  }

  /** Closes all that are idle; those in use close by themselves when the endpoint leaves. */
  close(): void {
    for (const connection of this.#idle.splice(0)) connection.destroy()
  }
}
