import type { ExchangeUpstream, ExchangeUpstreams, UpstreamUser } from '../../http1/exchange-upstream.js'
import type { Traffic } from '../../http1/traffic.js'
import type { EndpointPool, UpstreamEndpoint } from '../../upstream-endpoint.js'
import { Http2UpstreamConnection } from './upstream-connection.js'

/** The connections of one worker to one endpoint that speaks HTTP/2: each carries as many requests at a time as the service allows. */
export class Http2UpstreamConnections implements EndpointPool, ExchangeUpstreams {
  readonly endpoint: UpstreamEndpoint
  opening = 0
  readonly #traffic: Traffic
  readonly #connections: Http2UpstreamConnection[] = []

  constructor(endpoint: UpstreamEndpoint, traffic: Traffic) {
    this.endpoint = endpoint
    this.#traffic = traffic
  }

  get open(): number {
    return this.#connections.length
  }

  obtain(exchange: UpstreamUser, since: number): ExchangeUpstream | null {
    const wantsNew = since === Number.POSITIVE_INFINITY
    let spare: Http2UpstreamConnection | null = null
    for (const connection of this.#connections) {
      if (!connection.hasRoom) continue
      // That one is about to close is said by GOAWAY, with what was not done: one that was idle is as good as a new one. Where a new one is
      // wanted, many want it at once, as all the requests of a connection that broke do: they share those that are new.
      if (!wantsNew || connection.isNew) return connection.attach(exchange)
      spare ??= connection
    }
    const isFull =
      this.open >= this.#traffic.limits.maxConnectionsPerEndpoint || this.endpoint.connectionLimit?.isReached === true
    if (isFull) return spare === null ? null : spare.attach(exchange)
    const connection = new Http2UpstreamConnection(this, this.#traffic)
    this.#connections.push(connection)
    this.opening++
    return connection.attach(exchange)
  }

  remove(connection: Http2UpstreamConnection): void {
    const index = this.#connections.indexOf(connection)
    if (index !== -1) this.#connections.splice(index, 1)
  }

  /** Closes those without a request; the others close when their last one is over, as the endpoint takes no new ones. */
  close(): void {
    for (const connection of Array.from(this.#connections)) connection.closeWhenIdle()
  }
}
