import {
  type BalancerPolicy,
  defaultResilience,
  type GatewayService,
  type Protocol,
  type ResilienceSpec,
} from '@pando/model'
import { type Affinity, affinityOf, type AskedBy, stickyCookieLine, stickyIdOf } from './balancer/affinity.js'
import { type Selection, select } from './balancer/candidates.js'
import { consistentHash } from './balancer/consistent-hash.js'
import { leastRequest } from './balancer/least-request.js'
import type { Candidates, Policy } from './balancer/policy.js'
import { random as byChance } from './balancer/random.js'
import { roundRobin } from './balancer/round-robin.js'
import { isUsable } from './balancer/usable.js'
import { eject, mayEject, noteOutcome, type Outcome } from './resilience/ejection.js'
import { RetryBudget } from './resilience/retry-budget.js'
import { ServiceGuard } from './resilience/service-guard.js'
import type { ConnectionLimit, UpstreamEndpoint } from './upstream-endpoint.js'

export type { Outcome } from './resilience/ejection.js'
export { UpstreamEndpoint } from './upstream-endpoint.js'

const policies: Readonly<Record<BalancerPolicy, Policy>> = {
  round_robin: roundRobin,
  random: byChance,
  least_request: leastRequest,
  consistent_hash: consistentHash,
  /** For a request without a cookie; one with a cookie that names an endpoint has its choice made. */
  sticky: leastRequest,
}

/** Learns from what endpoints do with requests. */
export interface OutcomeObserver {
  /** Once a try: at the head of the answer (of a call of gRPC, when its status has come), or at its failure; once more when an answer breaks off. Times in milliseconds, `now` on the wheel's clock (100 ms coarse or so). */
  onOutcome(endpoint: UpstreamEndpoint, outcome: Outcome, durationMs: number, now: number): void
}

const undemanding: ResilienceSpec = { ...defaultResilience, ejection: null, queueMs: null }

/**
 * One service as a worker sends to it. The object outlives table swaps as long as the service's name stays, so that what waits for
 * an endpoint of it finds the new ones, and what was learnt of it is not forgotten. Times are on the clock that `pick` is called with.
 */
export class UpstreamService {
  readonly name: string
  protocol: Protocol
  /** All its endpoints, in whatever state. */
  endpoints: readonly UpstreamEndpoint[] = []
  /** What the data plane keeps for a service (its queue of waiting requests). */
  attachment: object | null = null
  /** Milliseconds that a request waits for the first endpoint of a service that sleeps while nobody asks; null for one that never does. */
  holdMs: number | null = null
  /** It is sent the trailers of requests, be it over HTTP/1.1. */
  takesTrailers = false
  /** Told of every try; null when nobody learns from them. */
  observer: OutcomeObserver | null = null
  /** Tunnels that wait for an endpoint. */
  waitingTunnels = 0
  readonly budget: RetryBudget
  /** Null without a `circuit_breaker`. */
  guard: ServiceGuard | null = null
  #balancer: BalancerPolicy
  #policy: Policy
  #resilience: ResilienceSpec = undemanding
  #eligible: readonly UpstreamEndpoint[] = []
  #bySticky: ReadonlyMap<string, UpstreamEndpoint> = new Map()
  #selection: Selection

  constructor(spec: GatewayService) {
    this.name = spec.name
    this.protocol = spec.protocol
    this.#balancer = spec.balancer
    this.#policy = policies[spec.balancer]
    this.#resilience = spec.resilience ?? undemanding
    this.budget = new RetryBudget(this.#resilience.retryBudget, 0)
    this.#selection = this.#select(0)
  }

  /** Takes over what a new table says of it; called by the table's compiler only. */
  update(spec: GatewayService, endpoints: readonly UpstreamEndpoint[]): void {
    this.protocol = spec.protocol
    this.holdMs = spec.onDemand?.holdMs ?? null
    this.takesTrailers = this.isFramed || spec.requestTrailers === true
    this.#balancer = spec.balancer
    this.#policy = policies[spec.balancer]
    this.#resilience = spec.resilience ?? undemanding
    this.budget.spec = this.#resilience.retryBudget
    this.#updateGuard()
    this.endpoints = endpoints
    const most = this.guard?.spec.maxConnections ?? null
    const limit = most === null ? null : new ServiceConnections(endpoints, most)
    for (const endpoint of endpoints) endpoint.connectionLimit = limit
    this.#eligible = endpoints.filter((endpoint) => endpoint.isEligible)
    for (const endpoint of endpoints) if (!endpoint.isEligible) endpoint.healthySince = -1
    this.#bySticky =
      spec.balancer === 'sticky' ? new Map(endpoints.map((one) => [stickyIdOf(this.name, one.id), one])) : new Map()
    // What depends on the time is found out when the next request asks.
    this.#selection = { ...this.#selection, until: -Infinity }
  }

  /** Spoken to in HTTP/2: bodies cross as they are, their end is told apart from them. */
  get isFramed(): boolean {
    return this.protocol === 'grpc' || this.protocol === 'h2c'
  }

  /** True when it has to be woken before it can take a request. */
  get isAsleep(): boolean {
    return this.holdMs !== null && !this.hasEligible
  }

  /** Requests, upgrades and tunnels under way; added up where it is asked for, so that it costs a request nothing. */
  get inFlight(): number {
    let sum = 0
    for (const endpoint of this.endpoints) sum += endpoint.inFlight
    return sum
  }

  /** True when some endpoint may take a new request. */
  get hasEligible(): boolean {
    return this.#eligible.length > 0
  }

  /** How long a request may wait for a connection in a queue that stands, milliseconds; null as long as in any. */
  get queueMs(): number | null {
    return this.#resilience.queueMs
  }

  /** How many of its endpoints are left alone because of what they answered. */
  ejected(now: number): number {
    return this.#eligible.filter((endpoint) => endpoint.ejectedUntil > now).length
  }

  /** Its balancer wants to know what binds a request to an endpoint. */
  get looksAtRequests(): boolean {
    return this.#balancer === 'sticky' || this.#balancer === 'consistent_hash'
  }

  /** What binds the request to an endpoint; null where the balancer does not look at requests. */
  affinityOf(request: AskedBy): Affinity | null {
    return affinityOf(request, this.#balancer, this.#resilience.balancing, this.#bySticky)
  }

  /** The header line that binds the client to the endpoint that has answered it; null where nothing has to be said. */
  cookieLine(affinity: Affinity | null, endpoint: UpstreamEndpoint, isSecure: boolean): string | null {
    if (affinity === null || this.#balancer !== 'sticky' || affinity.endpoint === endpoint) return null
    return stickyCookieLine(this.#resilience.balancing, stickyIdOf(this.name, endpoint.id), isSecure)
  }

  /**
   * An endpoint for a new request, none of `exclude` (those that this request has tried). Suspects are passed over unless all that is left are
   * suspects: then the one whose failure is longest ago. Null when nothing is left. `now` is on the clock of `noteConnectFailure`.
   */
  pick(
    exclude: readonly UpstreamEndpoint[] | null,
    now: number,
    random: () => number = Math.random,
    affinity: Affinity | null = null,
  ): UpstreamEndpoint | null {
    if (now >= this.#selection.until) this.#selection = this.#select(now)
    const { first, second } = this.#selection
    const key = affinity === null ? -1 : affinity.key
    if (affinity !== null && affinity.endpoint !== null && this.#isOpen(affinity.endpoint, exclude, now)) {
      return affinity.endpoint
    }
    return (
      this.#policy(first, exclude, now, random, key) ??
      (second === null ? null : this.#policy(second, exclude, now, random, key)) ??
      leastRecentlyFailed(first, exclude) ??
      (second === null ? null : leastRecentlyFailed(second, exclude))
    )
  }

  /**
   * One try at the endpoint has ended so. Returns for how many milliseconds it is ejected because of that; 0 when it is not.
   */
  noteOutcome(endpoint: UpstreamEndpoint, outcome: Outcome, now: number): number {
    const { ejection } = this.#resilience
    // What was under way to it when it was ejected has been judged already.
    if (ejection === null || endpoint.ejectedUntil > now) return 0
    if (!noteOutcome(endpoint, outcome, ejection)) return 0
    if (!endpoint.isEligible) return 0
    if (!mayEject(this.ejected(now), this.#eligible.length, ejection.maxPercent)) return 0
    const ms = eject(endpoint, now, ejection)
    this.#selection = this.#select(now)
    return ms
  }

  #isOpen(endpoint: UpstreamEndpoint, exclude: readonly UpstreamEndpoint[] | null, now: number): boolean {
    const isEjected = endpoint.ejectedUntil > now && !this.#selection.isPanicking
    return endpoint.isEligible && !isEjected && isUsable(endpoint, exclude, now)
  }

  #select(now: number): Selection {
    for (const endpoint of this.#eligible) if (endpoint.healthySince === -1) endpoint.healthySince = now
    return select(this.#eligible, {
      policy: this.#balancer,
      balancing: this.#resilience.balancing,
      now,
      cursor: this.#selection?.first.cursor ?? 0,
    })
  }

  /** The same limits keep their counts: those of requests under way must come out even. */
  #updateGuard(): void {
    const spec = this.#resilience.circuitBreaker
    if (spec === null) this.guard = null
    else if (this.guard === null || JSON.stringify(this.guard.spec) !== JSON.stringify(spec)) {
      this.guard = new ServiceGuard(spec, 0)
    }
  }
}

/** Counted when one is to be opened, so that it costs a request nothing. */
class ServiceConnections implements ConnectionLimit {
  readonly #endpoints: readonly UpstreamEndpoint[]
  readonly #most: number

  constructor(endpoints: readonly UpstreamEndpoint[], most: number) {
    this.#endpoints = endpoints
    this.#most = most
  }

  get isReached(): boolean {
    let open = 0
    for (const { pool } of this.#endpoints) open += pool?.open ?? 0
    return open >= this.#most
  }
}

function leastRecentlyFailed(
  candidates: Candidates,
  exclude: readonly UpstreamEndpoint[] | null,
): UpstreamEndpoint | null {
  let oldest: UpstreamEndpoint | null = null
  for (const endpoint of candidates.endpoints) {
    if (exclude?.includes(endpoint)) continue
    if (oldest === null || endpoint.lastFailureAt < oldest.lastFailureAt) oldest = endpoint
  }
  return oldest
}
