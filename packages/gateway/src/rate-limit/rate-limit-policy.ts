import type { RateLimitStoreSpec } from '@pando/model'
import type { Phase, PolicyRequest, RoutePolicy, Verdict } from '../policy/route-policy.js'
import type { Limit } from './limit.js'
import { LimitHeaders } from './limit-headers.js'

/** Where limits that are shared by several gateways are counted. */
export interface SharedLimits {
  readonly onFailure: RateLimitStoreSpec['onFailure']
  /** Takes one request from all of them or from none. Resolves with what each key owes then; null when the store does not answer. Never rejects. */
  take(limits: readonly Limit[], keys: readonly string[]): Promise<SharedTaking | null>
}

export interface SharedTaking {
  readonly isGranted: boolean
  readonly debts: readonly number[]
}

export interface RateLimitPolicyOptions {
  readonly limits: readonly Limit[]
  readonly phase: Phase
  readonly hasHeaders: boolean
  /** Another policy of the route tells limits of its own before. */
  readonly isAddition: boolean
  readonly shared: SharedLimits | null
  /** Whole milliseconds, monotonic. */
  readonly now: () => number
  /** A request was granted by this worker's own count. */
  readonly onTaken: (limit: Limit, key: string) => void
}

/**
 * Takes one request from every limit, or, where one has none left, from none. A limit that is shared is asked of its store only when this gateway's
 * own count grants it: that count follows what the store says, and whom it refuses the store would refuse too, so a flood does not reach it.
 */
export class RateLimitPolicy implements RoutePolicy {
  readonly name = 'rate limit'
  readonly phase: Phase
  readonly #options: RateLimitPolicyOptions
  readonly #headers: LimitHeaders | null
  readonly #sharedIndexes: readonly number[]

  constructor(options: RateLimitPolicyOptions) {
    this.phase = options.phase
    this.#options = options
    this.#headers = options.hasHeaders ? new LimitHeaders(options.limits, options.isAddition) : null
    this.#sharedIndexes =
      options.shared === null ? [] : options.limits.flatMap(({ spec }, index) => (spec.isShared ? [index] : []))
  }

  check(request: PolicyRequest): Verdict | Promise<Verdict> {
    const { limits, shared } = this.#options
    const keys: string[] = []
    for (let index = 0; index < limits.length; index++) keys.push((limits[index] as Limit).keyOf(request))
    if (shared === null || this.#sharedIndexes.length === 0) return this.#takeHere(keys)
    const debts = this.#debts(keys)
    return debts.some((debt, index) => !(limits[index] as Limit).rate.grants(debt))
      ? this.#refuse(debts)
      : this.#takeThere(shared, keys)
  }

  #takeHere(keys: readonly string[]): Verdict {
    const { limits, onTaken } = this.#options
    const now = this.#options.now()
    const debts = this.#debts(keys)
    for (let index = 0; index < limits.length; index++) {
      if (!(limits[index] as Limit).rate.grants(debts[index] as number)) return this.#refuse(debts)
    }
    for (let index = 0; index < limits.length; index++) {
      const limit = limits[index] as Limit
      const key = keys[index] as string
      debts[index] = (debts[index] as number) + limit.rate.cost
      limit.buckets.set(key, debts[index] as number, now)
      onTaken(limit, key)
    }
    return this.#pass(debts)
  }

  async #takeThere(shared: SharedLimits, keys: readonly string[]): Promise<Verdict> {
    const { limits } = this.#options
    const indexes = this.#sharedIndexes
    const taking = await shared.take(
      indexes.map((index) => limits[index] as Limit),
      indexes.map((index) => keys[index] as string),
    )
    if (taking === null) {
      if (shared.onFailure === 'allow') return null
      return shared.onFailure === 'deny' ? unavailable : this.#takeHere(keys)
    }
    const now = this.#options.now()
    const debts = this.#debts(keys)
    for (const [at, index] of indexes.entries()) {
      debts[index] = taking.debts[at] as number
      ;(limits[index] as Limit).buckets.set(keys[index] as string, debts[index] as number, now)
    }
    if (!taking.isGranted) return this.#refuse(debts)
    for (let index = 0; index < limits.length; index++) {
      if (indexes.includes(index)) continue
      const limit = limits[index] as Limit
      debts[index] = (debts[index] as number) + limit.rate.cost
      limit.buckets.set(keys[index] as string, debts[index] as number, now)
      this.#options.onTaken(limit, keys[index] as string)
    }
    return this.#pass(debts)
  }

  #debts(keys: readonly string[]): number[] {
    const { limits, now } = this.#options
    const time = now()
    const debts: number[] = []
    for (let index = 0; index < limits.length; index++) {
      debts.push((limits[index] as Limit).buckets.debt(keys[index] as string, time))
    }
    return debts
  }

  #pass(debts: readonly number[]): Verdict {
    return this.#headers === null ? null : { response: this.#headers.edit(debts) }
  }

  /** The limit that takes longest is the one that is named. */
  #refuse(debts: readonly number[]): Verdict {
    const { limits } = this.#options
    let waitMs = -1
    let longest = limits[0] as Limit
    for (const [index, limit] of limits.entries()) {
      const ms = limit.rate.waitMs(debts[index] as number)
      if (ms <= waitMs) continue
      waitMs = ms
      longest = limit
    }
    const { name, requests, periodMs } = longest.spec
    return {
      answer: {
        kind: 'problem',
        reason: 'rate_limited',
        detail: `The limit "${name}" is ${requests} requests in ${periodMs / 1000} s; there is room for one in ${waitMs} ms.`,
        retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)),
      },
      ...(this.#headers === null ? {} : { response: this.#headers.edit(debts) }),
    }
  }
}

const unavailable: Verdict = {
  answer: {
    kind: 'problem',
    reason: 'rate_limit_unavailable',
    detail: 'The store of the rate limits does not answer, and the manifest says to refuse then.',
    retryAfterSeconds: 1,
  },
}
