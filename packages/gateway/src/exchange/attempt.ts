import type { ExchangeUpstream } from '../http1/exchange-upstream.js'
import type { Head } from '../http1/head.js'
import type { CompiledRoute } from '../route-table/compiled-route.js'
import { tickMs } from '../timer-wheel.js'
import type { UpstreamEndpoint } from '../upstream-endpoint.js'
import type { Outcome, UpstreamService } from '../upstream.js'
import type { Exchange } from './exchange.js'

/**
 * The try of a request that is under way, and the upstream that it is sent to.
 *
 * Invariants:
 * - `upstream.exchange` is the exchange as long as `upstream` is set; whoever takes it away does both.
 * - The endpoint is counted in flight from `attach` to `detach`.
 */
export class Attempt {
  upstream: ExchangeUpstream | null = null
  /** Who was asked last; null before anybody was. */
  endpoint: UpstreamEndpoint | null = null
  /** Something of the request has been sent. */
  isSent = false
  /** Some byte of an answer has come. */
  hasAnswerBytes = false
  /** On the wheel's clock. */
  startedAt = 0
  readonly #exchange: Exchange

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  /** A new request. */
  begin(): void {
    this.endpoint = null
    this.isSent = false
    this.hasAnswerBytes = false
  }

  attach(upstream: ExchangeUpstream): void {
    const exchange = this.#exchange
    const { now } = exchange.traffic.wheel
    this.upstream = upstream
    this.endpoint = upstream.endpoint
    this.startedAt = now
    upstream.endpoint.acquire()
    const timeoutMs = (exchange.routing.route as CompiledRoute).backendRequestTimeoutMs
    if (timeoutMs === null) return
    exchange.timeouts.attemptDeadline = now + timeoutMs + tickMs
    exchange.arm()
  }

  /** Leaves the upstream; what becomes of it is the caller's to say. */
  detach(): ExchangeUpstream | null {
    const { upstream } = this
    if (upstream === null) return null
    upstream.wire.flush()
    if (upstream.wire.isBlocked) this.#exchange.outgoing.isLent = true
    this.#exchange.timeouts.attemptDeadline = 0
    this.upstream = null
    upstream.exchange = null
    this.#exchange.traffic.release(upstream.endpoint)
    return upstream
  }

  /** Goes on with an upstream that has been asked beside it. */
  adopt(upstream: ExchangeUpstream): void {
    upstream.exchange = this.#exchange
    this.attach(upstream)
    // It was counted in flight before.
    this.#exchange.traffic.release(upstream.endpoint)
    this.isSent = upstream.isConnected
  }

  /** What was sent is as good as nothing: the next one begins anew. */
  forget(): void {
    this.isSent = false
    this.hasAnswerBytes = false
  }

  /** Sends the head, and what there is of the body. */
  send(): void {
    const { outgoing, timeouts, traffic, requestBody, client, second, routing } = this.#exchange
    const upstream = this.upstream as ExchangeUpstream
    const { wire } = upstream
    this.isSent = true
    timeouts.lastActivity = traffic.wheel.now
    upstream.sendRequest(outgoing.whole(), outgoing.headLength)
    if (requestBody.isDone) {
      upstream.endRequest()
      if (second.isWanted) second.later(routing.service as UpstreamService, routing.isFramed)
      return
    }
    if (wire.isBlocked) client.wire.pause()
    else client.wire.resume()
  }

  /** Sends what has come of the body since, from that offset in the outgoing bytes on. */
  sendMore(from: number): void {
    const { outgoing } = this.#exchange
    const { wire } = this.upstream as ExchangeUpstream
    wire.sendOwned(outgoing.bytes.subarray(from, outgoing.length))
  }

  /** Tells whoever learns from it what the endpoint has done with it. */
  note(endpoint: UpstreamEndpoint, outcome: Outcome): void {
    const { traffic, routing } = this.#exchange
    const { now } = traffic.wheel
    routing.service?.observer?.onOutcome(endpoint, outcome, now - this.startedAt, now)
  }

  /** Leaves an upstream whose answer is not wanted: it serves again when nothing of that answer can still come. */
  letGo(parser: Head, hasAll: boolean): void {
    const { intake, requestBody, routing } = this.#exchange
    const upstream = this.detach() as ExchangeUpstream
    const isAsked = requestBody.isDone && !intake.hasTrailers
    const isClean = hasAll && parser.minorVersion === 1 && !parser.hasClose && isAsked
    // A stream knows by itself what its service still has to be told.
    if (routing.isFramed || (isClean && !upstream.wire.isBlocked)) upstream.rest()
    else upstream.destroy()
  }
}
