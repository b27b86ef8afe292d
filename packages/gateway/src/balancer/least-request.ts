import type { UpstreamEndpoint } from '../upstream-endpoint.js'
import { draw } from './draw.js'
import type { Candidates, Policy } from './policy.js'
import { isUsable } from './usable.js'

/**
 * Two random choices, each by weight; the one with fewer requests in flight for its weight is taken. It avoids a slow endpoint
 * nearly as well as asking all of them, and does not send every worker to the same one.
 */
export const leastRequest: Policy = (candidates, exclude, now, random) => {
  const { endpoints, weights } = candidates
  if (endpoints.length === 0) return null
  const first = draw(candidates, random)
  let second = draw(candidates, random)
  if (second === first && endpoints.length > 1) second = (first + 1) % endpoints.length
  const one = endpoints[first]
  const other = endpoints[second]
  const isOneUsable = isUsable(one, exclude, now)
  if (isUsable(other, exclude, now)) {
    if (!isOneUsable) return other
    return other.inFlight * weights[first] < one.inFlight * weights[second] ? other : one
  }
  return isOneUsable ? one : leastOfAll(candidates, first, exclude, now)
}

/** When both choices are out (failed or tried before), all are looked at, from a random one on so that ties spread. */
function leastOfAll(
  candidates: Candidates,
  from: number,
  exclude: readonly UpstreamEndpoint[] | null,
  now: number,
): UpstreamEndpoint | null {
  const { endpoints, weights } = candidates
  let least = -1
  for (let step = 0; step < endpoints.length; step++) {
    const index = (from + step) % endpoints.length
    if (!isUsable(endpoints[index], exclude, now)) continue
    if (least === -1 || endpoints[index].inFlight * weights[least] < endpoints[least].inFlight * weights[index])
      least = index
  }
  return least === -1 ? null : endpoints[least]
}
