import type { UpstreamEndpoint } from '../upstream-endpoint.js'

/** The endpoints of one service that may take new requests; rebuilt at every table, only read (but for the cursor) per request. */
export interface Candidates {
  readonly endpoints: readonly UpstreamEndpoint[]
  /** Sums of the weights up to and including each endpoint. */
  readonly cumulativeWeights: Float64Array
  readonly hasEqualWeights: boolean
  /** Where round robin goes on. */
  cursor: number
}

/**
 * Chooses one endpoint that is neither a suspect at `now` nor in `exclude`, or null when there is none.
 * `random` gives numbers in [0, 1).
 */
export type Policy = (
  candidates: Candidates,
  exclude: readonly UpstreamEndpoint[] | null,
  now: number,
  random: () => number,
) => UpstreamEndpoint | null
