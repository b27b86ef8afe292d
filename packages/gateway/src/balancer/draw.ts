import type { Candidates } from './policy.js'

/** Index of an endpoint, drawn by weight; there is at least one. */
export function draw(candidates: Candidates, random: () => number): number {
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
