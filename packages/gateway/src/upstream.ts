import type { BalancerPolicy, GatewayService, Protocol } from '@pando/model'
import { leastRequest } from './balancer/least-request.js'
import type { Candidates, Policy } from './balancer/policy.js'
import { roundRobin } from './balancer/round-robin.js'
import type { UpstreamEndpoint } from './upstream-endpoint.js'

export { UpstreamEndpoint } from './upstream-endpoint.js'

const policies: Readonly<Record<BalancerPolicy, Policy>> = {
  round_robin: roundRobin,
  least_request: leastRequest,
}

/** How one try at an endpoint went: the status that it answered with, or what became of it instead. */
export type Outcome = number | 'connect_failed' | 'connect_timeout' | 'timeout' | 'closed' | 'invalid'

/** Learns from what endpoints do with requests. */
export interface OutcomeObserver {
  /** Once a try: at the head of the answer, or at its failure; once more when an answer breaks off. Times in milliseconds, `now` on the wheel's clock (100 ms coarse or so). */
  onOutcome(endpoint: UpstreamEndpoint, outcome: Outcome, durationMs: number, now: number): void
}

/**
 * One service as a worker sends to it. The object outlives table swaps as long as the service's name stays, so that what waits for
 * an endpoint of it finds the new ones.
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
  /** Told of every try; null when nobody learns from them. */
  observer: OutcomeObserver | null = null
  /** Tunnels that wait for an endpoint. */
  waitingTunnels = 0
  #policy: Policy
  #candidates: Candidates = candidatesOf([], 0)

  constructor(spec: GatewayService) {
    this.name = spec.name
    this.protocol = spec.protocol
    this.#policy = policies[spec.balancer]
  }

  /** Takes over what a new table says of it; called by the table's compiler only. */
  update(spec: GatewayService, endpoints: readonly UpstreamEndpoint[]): void {
    this.protocol = spec.protocol
    this.holdMs = spec.onDemand?.holdMs ?? null
    this.#policy = policies[spec.balancer]
    this.endpoints = endpoints
    this.#candidates = candidatesOf(
      endpoints.filter((endpoint) => endpoint.isEligible),
      this.#candidates.cursor,
    )
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
    return this.#candidates.endpoints.length > 0
  }

  /**
   * An endpoint for a new request, none of `exclude` (those that this request has tried). Suspects are passed over unless all that is left are
   * suspects: then the one whose failure is longest ago. Null when nothing is left. `now` is on the clock of `noteConnectFailure`.
   */
  pick(
    exclude: readonly UpstreamEndpoint[] | null,
    now: number,
    random: () => number = Math.random,
  ): UpstreamEndpoint | null {
    return this.#policy(this.#candidates, exclude, now, random) ?? leastRecentlyFailed(this.#candidates, exclude)
  }
}

function candidatesOf(endpoints: readonly UpstreamEndpoint[], cursor: number): Candidates {
  const cumulativeWeights = new Float64Array(endpoints.length)
  let sum = 0
  let hasEqualWeights = true
  endpoints.forEach((endpoint, index) => {
    sum += endpoint.weight
    cumulativeWeights[index] = sum
    if (endpoint.weight !== endpoints[0].weight) hasEqualWeights = false
  })
  return { endpoints, cumulativeWeights, hasEqualWeights, cursor }
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
