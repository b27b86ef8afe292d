import type { UpstreamEndpoint } from '../upstream-endpoint.js'
import { draw } from './draw.js'
import type { Policy } from './policy.js'
import { isUsable } from './usable.js'

/** By chance, each as likely as its weight says. Needs no memory, so workers cannot fall into step. */
export const random: Policy = (candidates, exclude, now, chance) => {
  const { endpoints, weights } = candidates
  if (endpoints.length === 0) return null
  const drawn = endpoints[draw(candidates, chance)]
  if (isUsable(drawn, exclude, now)) return drawn
  // Some are out: drawn again among the others, so that none of them gets the share of its neighbours.
  let sum = 0
  for (let index = 0; index < endpoints.length; index++) {
    if (isUsable(endpoints[index], exclude, now)) sum += weights[index]
  }
  let point = chance() * sum
  let last: UpstreamEndpoint | null = null
  for (let index = 0; index < endpoints.length; index++) {
    if (!isUsable(endpoints[index], exclude, now)) continue
    last = endpoints[index]
    point -= weights[index]
    if (point < 0) return last
  }
  return last
}
