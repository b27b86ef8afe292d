import type { UpstreamEndpoint } from '../upstream-endpoint.js'
import type { Candidates, Policy } from './policy.js'
import { isUsable } from './usable.js'

/**
 * In turn; by smooth weighted round robin where weights differ (weights 3 and 1 give a a b a, not a a a b).
 * Equal weights cost one step, others one pass over the service's endpoints.
 */
export const roundRobin: Policy = (candidates, exclude, now) => {
  return candidates.hasEqualWeights ? inTurn(candidates, exclude, now) : smooth(candidates, exclude, now)
}

function inTurn(
  candidates: Candidates,
  exclude: readonly UpstreamEndpoint[] | null,
  now: number,
): UpstreamEndpoint | null {
  const { endpoints } = candidates
  let cursor = candidates.cursor
  for (let tried = 0; tried < endpoints.length; tried++) {
    if (cursor >= endpoints.length) cursor = 0
    const endpoint = endpoints[cursor++]
    if (isUsable(endpoint, exclude, now)) {
      candidates.cursor = cursor
      return endpoint
    }
  }
  return null
}

/** Every usable endpoint gains its weight, the richest is chosen and pays the sum: over a round each gets its exact share. */
function smooth(
  candidates: Candidates,
  exclude: readonly UpstreamEndpoint[] | null,
  now: number,
): UpstreamEndpoint | null {
  const { endpoints, weights } = candidates
  let chosen: UpstreamEndpoint | null = null
  let sum = 0
  for (let index = 0; index < endpoints.length; index++) {
    const endpoint = endpoints[index]
    if (!isUsable(endpoint, exclude, now)) continue
    endpoint.score += weights[index]
    sum += weights[index]
    if (chosen === null || endpoint.score > chosen.score) chosen = endpoint
  }
  if (chosen !== null) chosen.score -= sum
  return chosen
}
