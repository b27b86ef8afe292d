import type { GatewayConfig, RateLimitSpec, RouteSpec } from '@pando/model'
import type { PolicyKind } from '../policy/policy-kind.js'
import type { RoutePolicy } from '../policy/route-policy.js'
import { Limit, limitId } from './limit.js'
import { RateLimitPolicy } from './rate-limit-policy.js'
import { RedisLimits } from './redis-limits.js'
import { WorkerShares } from './worker-shares.js'

export interface RateLimitsOptions {
  /** Whole milliseconds, monotonic. */
  readonly now: () => number
  /** A random whole number below 2^31. */
  readonly seed: () => number
  readonly onTrouble: (message: string) => void
  /** The store has not counted a request. */
  readonly onUncounted: () => void
}

/**
 * `rate_limit` of routes. What is owed outlives a table as long as the limit is the same.
 *
 * Limits that need no identity are asked before authentication, so that guessing credentials is limited too.
 */
export class RateLimits implements PolicyKind {
  readonly shares: WorkerShares
  readonly #options: RateLimitsOptions
  #before = new Map<string, Limit>()
  #limits = new Map<string, Limit>()
  #store: RedisLimits | null = null

  constructor(options: RateLimitsOptions) {
    this.#options = options
    this.shares = new WorkerShares((id) => this.#limits.get(id) ?? null, options.now)
  }

  configure({ app, rateLimitStore }: GatewayConfig): void {
    this.#before = this.#limits
    this.#limits = new Map()
    if (this.#store?.isOf(app, rateLimitStore ?? null) === true) return
    this.#store?.close()
    this.#store = rateLimitStore === undefined ? null : new RedisLimits(app, rateLimitStore, this.#options)
  }

  of({ name, rateLimit }: RouteSpec): readonly RoutePolicy[] {
    if (rateLimit === undefined) return []
    const early = rateLimit.limits.filter((limit) => !needsIdentity(limit))
    const late = rateLimit.limits.filter(needsIdentity)
    return [
      ...(early.length === 0
        ? []
        : [this.#policyOf(name, early, { phase: 'authenticate', rateLimit, isAddition: false })]),
      ...(late.length === 0
        ? []
        : [this.#policyOf(name, late, { phase: 'limit', rateLimit, isAddition: early.length > 0 })]),
    ]
  }

  /** What is amiss with the store, if anything is. */
  storeWarnings(): Readonly<Record<string, readonly string[]>> {
    const warning = this.#store?.warning ?? null
    return warning === null ? {} : { rate_limit_store: [warning] }
  }

  close(): void {
    this.shares.close()
    this.#store?.close()
    this.#store = null
  }

  #policyOf(
    route: string,
    specs: readonly RateLimitSpec[],
    how: {
      readonly phase: 'authenticate' | 'limit'
      readonly rateLimit: NonNullable<RouteSpec['rateLimit']>
      readonly isAddition: boolean
    },
  ): RoutePolicy {
    return new RateLimitPolicy({
      limits: specs.map((spec) => this.#limitOf(route, spec)),
      phase: how.phase,
      hasHeaders: how.rateLimit.hasHeaders,
      isAddition: how.isAddition,
      shared: this.#store,
      now: this.#options.now,
      onTaken: (limit, key) => this.shares.note(limit.id, key),
    })
  }

  #limitOf(route: string, spec: RateLimitSpec): Limit {
    const id = limitId(route, spec)
    const known = this.#limits.get(id) ?? this.#before.get(id)
    const limit = known?.spec.isShared === spec.isShared ? known : new Limit(route, spec, this.#options.seed())
    this.#limits.set(id, limit)
    return limit
  }
}

function needsIdentity({ key }: RateLimitSpec): boolean {
  return key.kind === 'identity' || key.kind === 'claim'
}
