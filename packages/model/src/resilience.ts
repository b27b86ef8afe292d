/** How an endpoint is chosen for a request. */
export type BalancerPolicy = 'round_robin' | 'random' | 'least_request' | 'consistent_hash' | 'sticky'

/** What of a request decides where `consistent_hash` sends it. A request without that header or cookie goes to a random endpoint. */
export type HashKey =
  | { readonly by: 'header'; readonly name: string }
  | { readonly by: 'cookie'; readonly name: string }
  | { readonly by: 'address' }

export interface BalancingSpec {
  /** Of `consistent_hash`. */
  readonly hash: HashKey
  /** Of `consistent_hash`: no endpoint has more than so many times its fair share of the requests in flight; at least 1. */
  readonly loadBound: number
  /** Of `sticky`: the cookie that the gateway sets. */
  readonly cookie: string
  /** Of `sticky`: how long the client keeps the cookie, milliseconds; null as long as the browser is open. */
  readonly cookieMs: number | null
  /** Endpoints whose metadata has this `zone` come first; null: all alike. */
  readonly zone: string | null
  /** When fewer percent of the healthy endpoints are not ejected, all are used; 0 never. */
  readonly panicPercent: number
  /** A new endpoint's share grows to its full one in so many milliseconds; 0 gives it that at once. */
  readonly slowStartMs: number
}

/** When an endpoint that answers, and answers with errors, is left alone for a while. Every worker decides by what it sees. */
export interface EjectionSpec {
  /** Errors in a row. */
  readonly consecutive: number
  /** `gateway`: 502, 503, 504, and no answer at all; `all`: every status of 500 and above besides. */
  readonly errors: 'gateway' | 'all'
  /** The first time; each further one is `multiplier` times as long, to `maxMs`. */
  readonly baseMs: number
  readonly multiplier: number
  readonly maxMs: number
  /** Never more than so many percent of the service's healthy endpoints at once. */
  readonly maxPercent: number
}

/** An endpoint that some worker leaves alone at present. */
export interface EjectedEndpoint {
  readonly service: string
  /** The last of its errors, a few words. */
  readonly error: string
}

/** Of all tries of a service in the last ten seconds, how many may be further ones. */
export interface RetryBudgetSpec {
  /** Percent of the requests. */
  readonly percent: number
  /** So many besides, so that a service with few requests has any. */
  readonly minimum: number
}

/** Opens for a service of which too many requests fail, and then lets a few through to see. */
export interface FailureBreakerSpec {
  /** Percent of the tries within `windowMs`. */
  readonly failurePercent: number
  /** With fewer tries in the window nothing is decided. */
  readonly minRequests: number
  readonly windowMs: number
  readonly openMs: number
  /** Tries let through to see; all must succeed. */
  readonly probes: number
}

/** What one worker lets happen at once to one service; null has no limit of its own (the gateway's limits stand). */
export interface CircuitBreakerSpec {
  readonly maxConnections: number | null
  readonly maxPending: number | null
  readonly maxRequests: number | null
  readonly maxRetries: number | null
  readonly failures: FailureBreakerSpec | null
}

/** How the gateway treats a service whose endpoints fail, or are unlike. */
export interface ResilienceSpec {
  readonly balancing: BalancingSpec
  /** Null: endpoints are never ejected. */
  readonly ejection: EjectionSpec | null
  readonly retryBudget: RetryBudgetSpec
  /** Null: none. */
  readonly circuitBreaker: CircuitBreakerSpec | null
  /**
   * When requests have been waiting for a connection for a second on end, one that comes waits no longer than this, milliseconds; null: all may wait
   * for the gateway's `pendingTimeoutMs`.
   */
  readonly queueMs: number | null
}

/** What a service goes by whose manifest says nothing of it. */
export const defaultResilience = {
  balancing: {
    hash: { by: 'address' },
    loadBound: 1.25,
    cookie: 'pando-endpoint',
    cookieMs: null,
    zone: null,
    panicPercent: 50,
    slowStartMs: 0,
  },
  ejection: { consecutive: 5, errors: 'gateway', baseMs: 30_000, multiplier: 2, maxMs: 300_000, maxPercent: 50 },
  retryBudget: { percent: 20, minimum: 3 },
  circuitBreaker: null,
  queueMs: 500,
} as const satisfies ResilienceSpec

/** Why a request may be sent again; that its connection could not be opened is always one. */
export type RetryReason =
  /** The connection broke before the answer's head was whole. */
  | 'reset'
  /** The time for one try was over. */
  | 'timeout'
  | 502
  | 503
  | 504
  /** Only with a Retry-After that can be waited for, or none. */
  | 429
  /** A call of gRPC ended with that status, before any message. Only with a pushback that can be waited for, or none. */
  | 'cancelled'
  | 'deadline_exceeded'
  | 'internal'
  | 'resource_exhausted'
  | 'unavailable'

export interface RetrySpec {
  /** Further tries, beside the first. */
  readonly attempts: number
  readonly on: readonly RetryReason[]
  /** Before the second try up to so many milliseconds by chance, twice as many before each further one. */
  readonly backoffMs: number
  /** A POST or PATCH with an `Idempotency-Key` is as safe as a PUT: the service has promised to do it once. */
  readonly idempotencyKey: boolean
  /** Every request of the route may be done twice, whatever its method says: calls of gRPC are all POST. */
  readonly idempotent: boolean
}

/** A second try of a read that is slow; the first answer is taken. */
export interface HedgeSpec {
  /** Milliseconds after which it is made; null: when it is slower than 95 of 100 of the service's answers to this route. */
  readonly delayMs: number | null
}
