/** The least share of its weight that a new endpoint gets, so that it warms up at all. */
const leastShare = 0.1

/**
 * The share of its weight, up to 1, that an endpoint has which is `ageMs` old: it grows in a straight line for `slowStartMs` (0: at once).
 */
export function shareAt(ageMs: number, slowStartMs: number): number {
  return ageMs >= slowStartMs ? 1 : Math.max(leastShare, ageMs / slowStartMs)
}
