import type { ExchangeUpstream } from '../http1/exchange-upstream.js'
import type { CompiledRoute } from '../route-table/compiled-route.js'
import { tickMs } from '../timer-wheel.js'
import type { UpstreamEndpoint } from '../upstream-endpoint.js'
import type { UpstreamService } from '../upstream.js'
import type { Exchange } from './exchange.js'
import type { WaitingRequest } from './pending-requests.js'
import { unreached } from './unreached.js'

/** A request that must not be sent twice goes only to connections used this lately, which hardly ever close just then. */
const freshIdleMs = 1_000

/**
 * Finds an upstream for a request: of the endpoint that the balancer picks, or of another one when that has none to give. A request that finds none
 * waits in its service's queue, for so long.
 *
 * Invariant: it is in the queue exactly while `#isPending`, and nothing of it is under way then.
 */
export class Dispatcher implements WaitingRequest {
  readonly #exchange: Exchange
  #isPending = false
  /** It waits, or has waited, for a service that slept. */
  #isHeld = false
  /** Endpoints that are not to be tried again while there are others. */
  #tried: UpstreamEndpoint[] | null = null
  /** What became of the last connection that could not be opened; empty when none was tried. */
  #failure = ''
  #hadConnectTimeout = false
  /** When it has waited for long enough, on the wheel's clock; 0 until it has had to. */
  #giveUpAt = 0
  /** How long it may be in the queue; meaningless before it is. */
  #patienceMs = 0

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  /** A new request. */
  begin(): void {
    this.#isPending = false
    this.#isHeld = false
    this.#tried = null
    this.#failure = ''
    this.#hadConnectTimeout = false
    this.#giveUpAt = 0
  }

  /** Sends the request to its service, or lets it wait, unless the service has too much to do. */
  enter(): void {
    const { routing, traffic, tries } = this.#exchange
    const rules = (routing.route as CompiledRoute).retry ?? traffic.retryRules
    const refusal = tries.enter(routing.service as UpstreamService, rules)
    if (refusal !== null) {
      const { reason, detail, waitMs } = refusal
      this.#exchange.answer({ kind: 'problem', reason, detail, retryAfterSeconds: waitMs / 1000 })
    } else if (!this.#tryAny()) {
      this.#wait()
    }
  }

  /** Sends a request again that was sent, to another endpoint where there is one. */
  enterAgain(): void {
    const { timeouts, traffic, attempt } = this.#exchange
    timeouts.lastActivity = traffic.wheel.now
    this.#tried = attempt.endpoint === null ? null : [attempt.endpoint]
    if (this.#tryAny()) return
    this.#tried = null
    if (!this.#tryAny()) this.#wait()
  }

  /** For the queue of waiting requests: true when this one waits no more. */
  tryPending(): boolean {
    if (!this.#isPending) return true
    this.#tried = null
    if (!this.#tryAny()) return false
    const { timeouts, traffic } = this.#exchange
    this.#isPending = false
    timeouts.queueDeadline = 0
    timeouts.lastActivity = traffic.wheel.now
    return true
  }

  /** The upstream that it was to be sent to could not be opened: it may go elsewhere, whatever its method. */
  onConnectFailure({ endpoint }: ExchangeUpstream, failure: string, isTimeout: boolean): void {
    const { attempt, routing, traffic } = this.#exchange
    const { wheel, limits, table } = traffic
    attempt.detach()
    // Connections opened in the same moment fail in the same moment; that is one failure of the endpoint.
    if (endpoint.suspectUntil <= wheel.now) endpoint.noteConnectFailure(wheel.now)
    table.serviceMetrics(routing.service as UpstreamService).connectFailures.inc()
    attempt.note(endpoint, isTimeout ? 'connect_timeout' : 'connect_failed')
    this.#failure = failure
    this.#hadConnectTimeout = isTimeout
    this.#tried ??= []
    this.#tried.push(endpoint)
    if (this.#giveUpAt === 0) this.#giveUpAt = wheel.now + limits.pendingTimeoutMs + tickMs
    if (wheel.now >= this.#giveUpAt) this.giveUp()
    else if (!this.#tryAny()) this.#wait()
  }

  /** It has waited for as long as it may. */
  giveUp(): void {
    const service = this.#exchange.routing.service as UpstreamService
    this.#exchange.answer(
      unreached({
        service: service.name,
        failure: this.#failure,
        hadConnectTimeout: this.#hadConnectTimeout,
        hasEligible: service.hasEligible,
        wasHeld: this.#isHeld,
        patienceMs: this.#patienceMs,
      }),
    )
  }

  /** It is not sent by itself any more, neither from the queue nor after a pause. */
  leave(): void {
    const { tries, timeouts, traffic, routing } = this.#exchange
    tries.stop()
    if (!this.#isPending) return
    this.#isPending = false
    timeouts.queueDeadline = 0
    traffic.pending.remove(routing.service as UpstreamService, this)
  }

  #tryAny(): boolean {
    const { routing, traffic, tries } = this.#exchange
    const service = routing.service as UpstreamService
    const { now } = traffic.wheel
    let passedOver = this.#tried
    for (;;) {
      const endpoint = service.pick(passedOver, now, Math.random, tries.affinity)
      if (endpoint === null) return false
      if (this.#tryEndpoint(endpoint, now)) return true
      passedOver = passedOver === null ? [endpoint] : [...passedOver, endpoint]
    }
  }

  #tryEndpoint(endpoint: UpstreamEndpoint, now: number): boolean {
    const exchange = this.#exchange
    const { traffic, traits, routing, tries, attempt } = exchange
    const connections = traffic.connectionsOf(endpoint, routing.isFramed)
    const { opening } = connections
    // A suspect is only picked where nothing else is left; one connection at a time is enough to find out whether it is back.
    if (endpoint.suspectUntil > now && opening > 0) return false
    const isRepeatable = traits.isIdempotent && !traits.wantsUpgrade
    let since = Number.POSITIVE_INFINITY
    if (!tries.distrustsIdle) since = isRepeatable ? 0 : now - freshIdleMs
    const upstream = connections.obtain(exchange, since)
    if (upstream === null) return false
    if (connections.opening > opening) {
      traffic.table.serviceMetrics(routing.service as UpstreamService).connects.inc()
    }
    attempt.attach(upstream)
    if (upstream.isConnected) attempt.send()
    return true
  }

  #wait(): void {
    const exchange = this.#exchange
    const { wheel, pending } = exchange.traffic
    const service = exchange.routing.service as UpstreamService
    if (service.isAsleep && !this.#isHeld) {
      this.#isHeld = true
      this.#giveUpAt = wheel.now + (service.holdMs ?? 0) + tickMs
    } else if (this.#giveUpAt === 0) {
      this.#patienceMs = pending.patienceMs(service)
      this.#giveUpAt = wheel.now + this.#patienceMs + tickMs
    }
    if (!pending.add(service, this)) {
      const detail = `${pending.most(service)} requests for ${service.name} are waiting already.`
      exchange.answer({ kind: 'problem', reason: 'overloaded', detail, retryAfterSeconds: 1 })
      return
    }
    this.#isPending = true
    exchange.timeouts.queueDeadline = this.#giveUpAt
    exchange.arm()
  }
}
