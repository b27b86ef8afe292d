import type { BalancerPolicy, BalancingSpec } from '@pando/model'
import type { UpstreamEndpoint } from '../upstream-endpoint.js'
import { HashRing } from './hash-ring.js'
import type { Candidates } from './policy.js'
import { shareAt } from './slow-start.js'

/** A growing share is looked at again so often. */
const slowStartStepMs = 250

/** What of a service's endpoints requests are shared out over, until something changes. */
export interface Selection {
  readonly first: Candidates
  /** Asked when `first` has none to give: endpoints of other zones; null when all are in `first`. */
  readonly second: Candidates | null
  /** So many are ejected that ejections are not regarded. */
  readonly isPanicking: boolean
  readonly ejected: number
  /** When it is to be made again, though no table changes: an ejection is over, or a share has grown. Infinity: never. */
  readonly until: number
}

export interface SelectionOptions {
  readonly policy: BalancerPolicy
  readonly balancing: BalancingSpec
  readonly now: number
  readonly cursor: number
}

/**
 * Chooses among the endpoints that are healthy: without those that are ejected, unless fewer than the panic threshold would be left; those of
 * the preferred zone first, unless fewer than that share of them are left.
 */
export function select(eligible: readonly UpstreamEndpoint[], options: SelectionOptions): Selection {
  const { now, balancing } = options
  const { panicPercent, zone } = balancing
  const sound = eligible.filter((endpoint) => endpoint.ejectedUntil <= now)
  const isPanicking = sound.length < eligible.length && isFewer(sound.length, eligible.length, panicPercent)
  const used = isPanicking ? eligible : sound
  const near = zone === null ? [] : used.filter((endpoint) => endpoint.zone === zone)
  const nearInAll = zone === null ? 0 : eligible.filter((endpoint) => endpoint.zone === zone).length
  const prefersNear =
    near.length > 0 && near.length < used.length && !isFewer(near.length, nearInAll, balancing.panicPercent)
  return {
    first: candidatesOf(prefersNear ? near : used, options),
    second: prefersNear
      ? candidatesOf(
          used.filter((endpoint) => endpoint.zone !== zone),
          options,
        )
      : null,
    isPanicking,
    ejected: eligible.length - sound.length,
    until: nextChange(eligible, options),
  }
}

function isFewer(some: number, all: number, percent: number): boolean {
  return some * 100 < all * percent
}

function candidatesOf(
  endpoints: readonly UpstreamEndpoint[],
  { policy, balancing, now, cursor }: SelectionOptions,
): Candidates {
  const weights = new Float64Array(endpoints.length)
  const cumulativeWeights = new Float64Array(endpoints.length)
  let sum = 0
  let hasEqualWeights = true
  endpoints.forEach((endpoint, index) => {
    weights[index] = endpoint.weight * shareAt(now - endpoint.healthySince, balancing.slowStartMs)
    sum += weights[index]
    cumulativeWeights[index] = sum
    if (weights[index] !== weights[0]) hasEqualWeights = false
  })
  const ring =
    policy === 'consistent_hash' && endpoints.length > 0
      ? new HashRing(
          endpoints.map(({ id }) => id),
          weights,
        )
      : null
  return { endpoints, weights, cumulativeWeights, hasEqualWeights, ring, loadBound: balancing.loadBound, cursor }
}

function nextChange(eligible: readonly UpstreamEndpoint[], { balancing, now }: SelectionOptions): number {
  let next = Infinity
  for (const { ejectedUntil, healthySince } of eligible) {
    if (ejectedUntil > now) next = Math.min(next, ejectedUntil)
    if (now - healthySince < balancing.slowStartMs) next = Math.min(next, now + slowStartStepMs)
  }
  return next
}
