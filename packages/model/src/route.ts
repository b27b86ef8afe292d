import type { RouteAuth } from './authentication.js'
import type { HeaderEdit } from './header-edit.js'
import type { HedgeSpec, RetrySpec } from './resilience.js'
import type { RouteTraffic } from './traffic.js'

/**
 * Routes after the Gateway API's HTTPRoute (matches OR-ed, the fields of a match AND-ed, filters, weighted backends, timeouts).
 * Source: https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule
 */
export type PathMatch =
  | { readonly type: 'exact'; readonly value: string }
  /** Whole segments: `/users` matches `/users` and `/users/1`, not `/usersX`. */
  | { readonly type: 'prefix'; readonly value: string }
  /** Segments with `{name}` for one segment and a trailing `{name...}` for the rest, for example `/users/{id}/orders`. */
  | { readonly type: 'pattern'; readonly value: string }

export type ValueMatch =
  | { readonly name: string; readonly type: 'exact'; readonly value: string }
  | { readonly name: string; readonly type: 'prefix'; readonly value: string }
  | { readonly name: string; readonly type: 'present' }

export interface RouteMatch {
  readonly path: PathMatch
  /** Upper case; null matches all. */
  readonly method: string | null
  /** Names in lower case. */
  readonly headers: readonly ValueMatch[]
  readonly query: readonly ValueMatch[]
}

export type RouteFilter =
  | ({ readonly type: 'requestHeaders' } & HeaderEdit)
  | ({ readonly type: 'responseHeaders' } & HeaderEdit)
  | {
      readonly type: 'rewrite'
      readonly host: string | null
      /** `prefix` replaces the matched prefix, `full` the whole path. */
      readonly path: { readonly type: 'prefix' | 'full'; readonly value: string } | null
    }
  | {
      readonly type: 'redirect'
      readonly scheme: 'http' | 'https' | null
      readonly host: string | null
      readonly port: number | null
      readonly path: { readonly type: 'prefix' | 'full'; readonly value: string } | null
      readonly status: 301 | 302 | 303 | 307 | 308
    }

export interface RouteBackend {
  readonly service: string
  /** Relative; 0 takes no traffic. */
  readonly weight: number
}

export interface RouteSpec extends RouteTraffic {
  /** Unique in the app, for example `users/0`: errors, logs and metrics name it. */
  readonly name: string
  /** Lower case, without port; `*.example.org` matches any number of labels before it; empty matches every host. */
  readonly hosts: readonly string[]
  readonly matches: readonly RouteMatch[]
  readonly filters: readonly RouteFilter[]
  /** Empty only with a redirect. */
  readonly backends: readonly RouteBackend[]
  readonly timeouts: {
    /** Whole exchange, milliseconds; null takes the gateway's. */
    readonly requestMs: number | null
    /** One try at one endpoint until the head of its response, milliseconds; null has none. */
    readonly backendRequestMs: number | null
  }
  /** Absent: what a broken connection costs is mended, `maxRetries` times, and what the service answers is its answer. */
  readonly retry?: RetrySpec
  /** Absent: a read is tried once at a time. */
  readonly hedge?: HedgeSpec
  /** Who gets in; null: anybody, whatever the gateway's default; absent: as the gateway's default says. */
  readonly auth?: RouteAuth | null
}
