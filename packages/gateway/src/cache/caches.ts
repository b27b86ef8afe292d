import type { RouteSpec } from '@pando/model'
import type { CacheMetrics } from '../metrics/gateway-metrics.js'
import type { PolicyKind } from '../policy/policy-kind.js'
import type { RoutePolicy } from '../policy/route-policy.js'
import { RouteCache } from './route-cache.js'

export interface CachesOptions {
  readonly metrics: (route: string) => CacheMetrics
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** `cache` of routes. What is kept outlives a table as long as nothing of its route changes. */
export class Caches implements PolicyKind {
  readonly #options: CachesOptions
  #before = new Map<string, RouteCache>()
  #caches = new Map<string, RouteCache>()

  constructor(options: CachesOptions) {
    this.#options = options
  }

  configure(): void {
    this.#before = this.#caches
    this.#caches = new Map()
  }

  of(route: RouteSpec): readonly RoutePolicy[] {
    if (route.cache === undefined) return []
    const key = JSON.stringify(route)
    const { metrics, now } = this.#options
    const cache = this.#before.get(key) ?? new RouteCache(route.cache, metrics(route.name), now)
    this.#caches.set(key, cache)
    return [cache]
  }

  close(): void {
    this.#before.clear()
    this.#caches.clear()
  }
}
