import type { CacheSpec } from './cache.js'
import type { CompressionSpec } from './compression.js'
import type { RateLimitStoreSpec, RouteRateLimit } from './rate-limit.js'

/** What a route may ask of the gateway beside where its requests go. Absent: off. */
export interface RouteTraffic {
  readonly rateLimit?: RouteRateLimit
  readonly cors?: CorsSpec
  readonly ip?: IpRules
  readonly fault?: FaultSpec
  readonly mirror?: MirrorSpec
  /** Null: none, whatever the gateway's say. Absent: the gateway's. */
  readonly securityHeaders?: SecurityHeaders | null
  readonly sizes?: MessageSizes
  readonly compress?: CompressionSpec
  readonly cache?: CacheSpec
}

/** What the gateway as a whole may ask. Absent: off. */
export interface GatewayTraffic {
  /** Networks in CIDR notation whose `X-Forwarded-For` is believed. */
  readonly trustedProxies?: readonly string[]
  readonly rateLimitStore?: RateLimitStoreSpec
  readonly securityHeaders?: SecurityHeaders
}

/** Cross-Origin Resource Sharing. Source: https://fetch.spec.whatwg.org/#http-cors-protocol */
export interface CorsSpec {
  /** `https://a.example`, `https://*.a.example` (any number of labels), or `*` alone. */
  readonly origins: readonly string[]
  /** Upper case; `*` alone is any. */
  readonly methods: readonly string[]
  /** Lower case; `*` alone is any that is asked for. */
  readonly headers: readonly string[]
  /** What scripts may read of an answer beside the plain fields. */
  readonly exposeHeaders: readonly string[]
  readonly maxAgeSeconds: number
  /** Never together with `*` under `origins`. */
  readonly hasCredentials: boolean
}

/** Networks in CIDR notation, or addresses. `deny` goes first; with `allow` all others are refused. */
export interface IpRules {
  readonly allow: readonly string[]
  readonly deny: readonly string[]
}

/** Faults that are made on purpose, to see what callers do. Percentages are 0 to 100. */
export interface FaultSpec {
  readonly delay?: { readonly ms: number; readonly percent: number }
  readonly abort?: { readonly status: number; readonly percent: number }
  /** Requests may ask for faults of their own by `X-Pando-Fault-Delay` and `X-Pando-Fault-Abort`. */
  readonly byHeader: boolean
}

/** A copy of the requests goes to another service, whose answer is dropped. */
export interface MirrorSpec {
  readonly service: string
  /** 0 to 100. */
  readonly percent: number
  /** Requests with larger bodies are not copied. */
  readonly maxBodyBytes: number
}

/** Header lines of every answer of a route; null leaves one out. */
export interface SecurityHeaders {
  /** `Strict-Transport-Security`, sent over TLS only. */
  readonly hsts: { readonly maxAgeSeconds: number; readonly includeSubdomains: boolean } | null
  /** `X-Content-Type-Options: nosniff`. */
  readonly nosniff: boolean
  /** Who may show it in a frame. */
  readonly frames: 'none' | 'self' | null
  readonly referrerPolicy: string | null
  /** `Content-Security-Policy`; `frames` has a policy of its own beside it. */
  readonly contentSecurityPolicy: string | null
  readonly permissionsPolicy: string | null
  /** `Cross-Origin-Opener-Policy`. */
  readonly openerPolicy: string | null
}

/** Bytes; an absent one takes the gateway's limit, or has none. */
export interface MessageSizes {
  readonly maxRequestBodyBytes?: number
  readonly maxResponseBodyBytes?: number
  /** Head of the response. */
  readonly maxResponseHeadBytes?: number
}
