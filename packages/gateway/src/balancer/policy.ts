import type { UpstreamEndpoint } from '../upstream-endpoint.js'
import type { HashRing } from './hash-ring.js'

/** The endpoints of one service that may take new requests; made anew when any of it changes, only read (but for the cursor) per request. */
export interface Candidates {
  readonly endpoints: readonly UpstreamEndpoint[]
  /** What each has at present of its own weight: less while it is new. */
  readonly weights: Float64Array
  /** Sums of the weights up to and including each endpoint. */
  readonly cumulativeWeights: Float64Array
  readonly hasEqualWeights: boolean
  /** For the policy that hashes; null for others, and where there is no endpoint. */
  readonly ring: HashRing | null
  readonly loadBound: number
  /** Where round robin goes on. */
  cursor: number
}

/**
 * Chooses one endpoint that is neither a suspect at `now` nor in `exclude`, or null when there is none.
 * `random` gives numbers in [0, 1); `key` is the request's hash, 32 bits, or -1 when it has none.
 */
export type Policy = (
  candidates: Candidates,
  exclude: readonly UpstreamEndpoint[] | null,
  now: number,
  random: () => number,
  key: number,
) => UpstreamEndpoint | null
