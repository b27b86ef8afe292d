import type { Socket } from 'node:net'
import type { GatewayConfig } from '@pando/model'
import { subscriberOf } from './address.js'
import { Networks } from './networks.js'

/**
 * Open connections to the edge listeners of this worker by who is behind the address of their peer (see `subscriberOf`), while there is a limit
 * for them. Trusted proxies are nobody's: all clients come through them.
 *
 * Invariant: every number is above 0, and their sum is that of the admitted sockets that have not closed, so the map is no larger than these.
 */
export class ConnectionsByClient {
  /** Of one client; 0 is no limit. */
  most = 0
  readonly #open = new Map<string, number>()
  #proxies = new Networks([])

  /** Connections that were accepted while there was no limit do not count. */
  configure({ limits, trustedProxies = [] }: Pick<GatewayConfig, 'limits' | 'trustedProxies'>): void {
    this.most = limits.maxConnectionsPerClient ?? 0
    this.#proxies = new Networks(trustedProxies)
  }

  /** False when the client of the socket, which nothing has been read from, has as many as it may; else it counts until it closes. */
  admit(socket: Socket): boolean {
    const { remoteAddress } = socket
    // It has gone already where there is no address.
    if (this.most === 0 || remoteAddress === undefined || this.#proxies.has(remoteAddress)) return true
    const client = subscriberOf(remoteAddress)
    const open = this.#open.get(client) ?? 0
    if (open >= this.most) return false
    this.#open.set(client, open + 1)
    socket.once('close', () => this.#release(client))
    return true
  }

  #release(client: string): void {
    const open = this.#open.get(client) ?? 0
    if (open > 1) this.#open.set(client, open - 1)
    else this.#open.delete(client)
  }
}
