import type { UpstreamEndpoint } from '../upstream-endpoint.js'
import type { Candidates, Policy } from './policy.js'
import { isUsable } from './usable.js'

/**
 * Two random choices, each by weight; the one with fewer requests in flight for its weight is taken. It avoids a slow endpoint
 * nearly as well as asking all of them, and does not send every worker to the same one.
 */
export const leastRequest: Policy = (candidates, exclude, now, random) => {
  const { endpoints } = candidates
  if (endpoints.length === 0) return null
  const first = draw(candidates, random)
  let second = draw(candidates, random)
  if (second === first && endpoints.length > 1) second = (first + 1) % endpoints.length
  const one = endpoints[first]
  const other = endpoints[second]
  const isOneUsable = isUsable(one, exclude, now)
  if (isUsable(other, exclude, now)) {
    if (!isOneUsable) return other
    return other.inFlight * one.weight < one.inFlight * other.weight ? other : one
  }
  return isOneUsable ? one : leastOfAll(candidates, first, exclude, now)
}

/** Index of an endpoint, drawn by weight. */
function draw(candidates: Candidates, random: () => number): number {
  const count = candidates.endpoints.length
  if (candidates.hasEqualWeights) return Math.floor(random() * count)
  const sums = candidates.cumulativeWeights
  const point = random() * sums[count - 1]
  let low = 0
  let high = count - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (sums[middle] > point) high = middle
    else low = middle + 1
  }
  return low
}

/** When both choices are out (failed or tried before), all are looked at, from a random one on so that ties spread. */
function leastOfAll(
  candidates: Candidates,
  from: number,
  exclude: readonly UpstreamEndpoint[] | null,
  now: number,
): UpstreamEndpoint | null {
  const { endpoints } = candidates
  let least: UpstreamEndpoint | null = null
  for (let step = 0; step < endpoints.length; step++) {
    const endpoint = endpoints[(from + step) % endpoints.length]
    if (!isUsable(endpoint, exclude, now)) continue
    if (least === null || endpoint.inFlight * least.weight < least.inFlight * endpoint.weight) least = endpoint
  }
  return least
}
