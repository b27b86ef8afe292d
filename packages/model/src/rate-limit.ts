/** Whose requests are counted together. A request that has no such value is counted by its client's address. */
export type RateLimitKey =
  /** The client's address; of IPv6 its /64, as one subscriber has all of it. */
  | { readonly kind: 'address' }
  /** Who authentication says it is (an API key is one of them). */
  | { readonly kind: 'identity' }
  /** Every request of the route. */
  | { readonly kind: 'all' }
  /** `name` in lower case. */
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'claim'; readonly name: string }

/** A token bucket: it holds `burst` requests and gets `requests` back in every `periodMs`, evenly. */
export interface RateLimitSpec {
  /** Unique in its route: the `RateLimit` header and problems name it. */
  readonly name: string
  readonly requests: number
  readonly periodMs: number
  readonly burst: number
  readonly key: RateLimitKey
  /** Counted in the gateway's shared store, when it has one; false: by this gateway alone. */
  readonly isShared: boolean
}

export interface RouteRateLimit {
  /** All of them must have room. */
  readonly limits: readonly RateLimitSpec[]
  /** Tells clients by `RateLimit` and `RateLimit-Policy`. */
  readonly hasHeaders: boolean
}

/** A Redis-compatible store where several gateways count together. */
export interface RateLimitStoreSpec {
  /** Where its address is; a file's content may hold a password, `url` has none. */
  readonly url: { readonly kind: 'url'; readonly url: string } | { readonly kind: 'file'; readonly file: string }
  /** An answer that takes longer is none. */
  readonly timeoutMs: number
  /** What a request gets when the store does not answer: the limit of this gateway alone, no limit, or 503. */
  readonly onFailure: 'local' | 'allow' | 'deny'
}
