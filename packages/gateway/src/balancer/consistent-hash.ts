import type { Policy } from './policy.js'
import { isUsable } from './usable.js'

/**
 * The endpoint that the request's key belongs to, or the next one on the ring where that is a suspect, was tried before, or has
 * more than its share of what is in flight ("consistent hashing with bounded loads", Mirrokni, Thorup, Zadimoghaddam 2016): a key that everybody asks for spreads instead of
 * drowning one endpoint. With all of them full by that measure the first usable one is taken.
 */
export const consistentHash: Policy = (candidates, exclude, now, random, key) => {
  const { endpoints, ring, weights, cumulativeWeights } = candidates
  const count = endpoints.length
  if (count === 0 || ring === null) return null
  const start = ring.find(key === -1 ? Math.floor(random() * 2 ** 32) : key)
  let inFlight = 1
  for (let index = 0; index < count; index++) inFlight += endpoints[index].inFlight
  const perWeight = (candidates.loadBound * inFlight) / cumulativeWeights[count - 1]
  let usable = -1
  for (let step = 0; step < ring.size; step++) {
    const index = ring.endpointAt(start + step)
    const endpoint = endpoints[index]
    if (!isUsable(endpoint, exclude, now)) continue
    if (endpoint.inFlight < Math.ceil(perWeight * weights[index])) return endpoint
    if (usable === -1) usable = index
  }
  return usable === -1 ? null : endpoints[usable]
}
