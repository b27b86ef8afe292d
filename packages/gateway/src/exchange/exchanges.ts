import type { ExchangeClient } from '../http1/exchange-client.js'
import type { Traffic } from '../http1/traffic.js'
import { Exchange } from './exchange.js'

/**
 * Exchanges that wait for a request: each still holds the last one it had, and with it a connection that may have gone. As many requests as this
 * begin and end within a turn or two of a busy worker.
 */
const mostWaiting = 1024

/**
 * The exchanges of one worker. One is made of many parts, so it serves one request after the other, of whichever connection; the one used last
 * goes first, as it is still in the processor's cache.
 *
 * Invariant: what is given back is over, and nothing of its last request can call it any more. What was broken off is not given back.
 */
export class Exchanges {
  readonly #traffic: Traffic
  readonly #waiting: Exchange[] = []

  constructor(traffic: Traffic) {
    this.#traffic = traffic
  }

  /** One for a request of that client. */
  take(client: ExchangeClient): Exchange {
    const exchange = this.#waiting.pop()
    if (exchange === undefined) return new Exchange(client, this.#traffic)
    exchange.client = client
    return exchange
  }

  give(exchange: Exchange): void {
    if (this.#waiting.length < mostWaiting) this.#waiting.push(exchange)
  }
}
