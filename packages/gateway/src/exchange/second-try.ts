import type { HedgeRule } from '../resilience/hedge-rule.js'
import type { UpstreamService } from '../upstream.js'
import type { ExchangeUpstream, UpstreamUser } from '../http1/exchange-upstream.js'
import { Hedge, type SentRead } from './hedge.js'
import type { Traffic } from '../http1/traffic.js'
import type { Tries } from './tries.js'

/** What a second try needs of the exchange that it is one of. */
export interface HedgedExchange {
  /** Who is asked first; null when that has failed already. */
  readonly upstream: ExchangeUpstream | null
  /** What was sent there, in bytes of its own. */
  readonly sent: SentRead
  /** The second try has the first bytes of an answer: the exchange takes its upstream over, and gets them next. */
  onSecondAnswer(upstream: ExchangeUpstream): UpstreamUser
}

/** The second try of a slow read: when it begins, and that there is one at most. An exchange has one and uses it for one request after the other. */
export class SecondTry {
  /** The request may be tried a second time. */
  isWanted = false
  readonly #exchange: HedgedExchange
  readonly #tries: Tries
  readonly #traffic: Traffic
  #rule: HedgeRule | null = null
  #hedge: Hedge | null = null
  #timer: NodeJS.Timeout | null = null
  #hasBegun = false

  constructor(exchange: HedgedExchange, tries: Tries, traffic: Traffic) {
    this.#exchange = exchange
    this.#tries = tries
    this.#traffic = traffic
  }

  /** A new request; null: it has no second try. */
  begin(rule: HedgeRule | null): void {
    this.#rule = rule
    this.isWanted = rule !== null
    this.#hasBegun = false
  }

  /** An answer has begun so many milliseconds after its request. */
  note(ms: number): void {
    this.#rule?.note(ms)
  }

  /** The request is on its way for the first time: it is tried once more if the answer is late. */
  later(service: UpstreamService, isFramed: boolean): void {
    const afterMs = this.#rule?.afterMs ?? 0
    if (afterMs === 0 || this.#hasBegun || this.#tries.retries > 0) return
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#start(service, isFramed)
    }, afterMs)
  }

  /** Its upstream, for an exchange whose first try has failed; null when there is none. */
  give(): ExchangeUpstream | null {
    const hedge = this.#hedge
    this.#hedge = null
    return hedge === null ? null : hedge.give()
  }

  /** There is an answer, or nobody wants one any more. */
  end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#hedge?.cancel()
    this.#hedge = null
  }

  onAnswer(upstream: ExchangeUpstream): UpstreamUser {
    this.#hedge = null
    return this.#exchange.onSecondAnswer(upstream)
  }

  /** It has failed; the first one goes on. */
  onFailure(): void {
    this.#hedge = null
  }

  #start(service: UpstreamService, isFramed: boolean): void {
    const { wheel } = this.#traffic
    const { affinity } = this.#tries
    const first = this.#exchange.upstream
    // Whoever is bound to an endpoint waits for it.
    if (first === null || (affinity !== null && affinity.endpoint !== null)) return
    const endpoint = service.pick([first.endpoint], wheel.now, Math.random, affinity)
    if (endpoint === null || endpoint.suspectUntil > wheel.now || !this.#tries.takeHedge()) return
    this.#hasBegun = true
    this.#hedge = new Hedge(this, this.#traffic, this.#exchange.sent)
    if (!this.#hedge.start(endpoint, this.#traffic.connectionsOf(endpoint, isFramed))) this.#hedge = null
  }
}
