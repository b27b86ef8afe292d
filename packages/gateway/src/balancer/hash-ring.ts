import { hashText, mix } from './hash.js'

/** Points of an endpoint with the greatest weight: loads differ by about a tenth then. */
const pointsEach = 160
const mostPoints = 1 << 17

/**
 * Endpoints on a circle of 2^32: a key belongs to the endpoint whose point comes next. Whoever joins or leaves takes or gives about its own share
 * of the keys, and no other key moves. Weights decide how many points an endpoint has.
 */
export class HashRing {
  /** Hash times 2^20 plus index, sorted: one plain number a point, which sorts and searches fast. */
  readonly #points: Float64Array

  constructor(ids: readonly string[], weights: Float64Array) {
    const greatest = weights.reduce((most, weight) => Math.max(most, weight), 0)
    const each = Math.min(pointsEach, Math.max(1, Math.floor(mostPoints / Math.max(1, ids.length))))
    const counts = ids.map((_, index) => Math.max(1, Math.round((each * weights[index]) / greatest)))
    this.#points = new Float64Array(counts.reduce((sum, count) => sum + count, 0))
    let at = 0
    ids.forEach((id, index) => {
      const start = hashText(id)
      for (let point = 0; point < counts[index]; point++) {
        this.#points[at++] = mix(start + Math.imul(point, 0x9e3779b1)) * 2 ** 20 + index
      }
    })
    this.#points.sort()
  }

  get size(): number {
    return this.#points.length
  }

  /** The position of the first point at or after the key, to be walked on from with `endpointAt`. */
  find(key: number): number {
    const points = this.#points
    const wanted = key * 2 ** 20
    let low = 0
    let high = points.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (points[middle] < wanted) low = middle + 1
      else high = middle
    }
    return low === points.length ? 0 : low
  }

  /** Index of the endpoint whose point is at the position; positions go round. */
  endpointAt(position: number): number {
    return this.#points[position % this.#points.length] % 2 ** 20
  }
}
