/** A shared cache of a route's answers, one in each worker (RFC 9111). */
export interface CacheSpec {
  /** All answers of the route together, in one worker. */
  readonly maxBytes: number
  /** A larger answer is not kept. */
  readonly maxEntryBytes: number
}
