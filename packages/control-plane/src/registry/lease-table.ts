import type { Endpoint } from '@pando/model'
import type { Clock } from '../clock.js'
import { decideEviction, initialEviction } from './eviction.js'
import type { EvictionDecision, LeaseView } from './eviction.js'
import { LivedTime } from './lived-time.js'

/** How often it looks for leases that have ended, so a lease ends up to this much late. */
export const sweepMs = 500
/** After a restart and after a stall nobody's lease ends before this, however short it is. */
const minGraceMs = 10_000

interface HeldLease extends LeaseView {
  readonly endpoint: Endpoint
  renewedAt: number
}

/** Leases and their time; decides which have ended, tells nobody. Keys are `service/id`. */
export class LeaseTable {
  readonly #clock: Clock
  readonly #time: LivedTime
  readonly #leases = new Map<string, HeldLease>()
  #eviction = initialEviction()
  /** No lease ends before this lived time; so most sweeps look at nothing. */
  #nothingBefore = 0

  constructor(options: { readonly clock: Clock }) {
    this.#clock = options.clock
    this.#time = new LivedTime({ now: options.clock.now(), maxStepMs: 2 * sweepMs })
  }

  get size(): number {
    return this.#leases.size
  }

  get(key: string): { readonly endpoint: Endpoint; readonly ttlMs: number } | undefined {
    return this.#leases.get(key)
  }

  /** A new lease, or a new content for one, from now. Returns when it ends, Unix time, ms. */
  hold(endpoint: Endpoint, ttlMs: number): number {
    this.#advance()
    const key = leaseKey(endpoint)
    const renewedAt = this.#time.lived
    this.#leases.set(key, { key, service: endpoint.service, endpoint, ttlMs, renewedAt })
    this.#nothingBefore = Math.min(this.#nothingBefore, renewedAt + ttlMs)
    return this.#clock.now() + ttlMs
  }

  /** As `hold`, for one that was held before a restart: its holder has its whole time, and some, to find us again. */
  restore(endpoint: Endpoint, ttlMs: number): void {
    this.hold(endpoint, ttlMs)
    this.#leases.get(leaseKey(endpoint))!.renewedAt += Math.max(0, minGraceMs - ttlMs)
  }

  /** From now on again; undefined when there is no such lease. Returns when it ends, Unix time, ms. */
  renew(key: string): number | undefined {
    this.#advance()
    const lease = this.#leases.get(key)
    if (lease === undefined) return undefined
    lease.renewedAt = this.#time.lived
    return this.#clock.now() + lease.ttlMs
  }

  release(key: string): void {
    this.#leases.delete(key)
  }

  /** Ends leases whose time is over, as far as the guard allows; null when there was nothing to look at. */
  sweep(): (EvictionDecision & { readonly evicted: readonly Endpoint[] }) | null {
    this.#advance()
    const now = this.#time.lived
    if (now < this.#nothingBefore && this.#eviction.paused.size === 0) return null
    const decision = decideEviction(this.#leases.values(), this.#eviction, now)
    this.#eviction = decision.state
    const evicted: Endpoint[] = []
    for (const key of decision.evict) {
      evicted.push(this.#leases.get(key)!.endpoint)
      this.#leases.delete(key)
    }
    for (const key of decision.forgive) this.#leases.get(key)!.renewedAt = now
    this.#nothingBefore = Infinity
    for (const lease of this.#leases.values()) {
      this.#nothingBefore = Math.min(this.#nothingBefore, lease.renewedAt + lease.ttlMs)
    }
    return { ...decision, evicted }
  }

  #advance(): void {
    if (this.#time.advance(this.#clock.now())) return
    // What was sent while we could not hear lies unread in sockets: everyone gets the time to be heard first.
    const now = this.#time.lived
    for (const lease of this.#leases.values()) {
      const left = lease.renewedAt + lease.ttlMs - now
      const least = Math.min(lease.ttlMs, minGraceMs)
      if (left < least) lease.renewedAt += least - left
    }
  }
}

export function leaseKey(endpoint: { readonly service: string; readonly id: string }): string {
  return `${endpoint.service}/${endpoint.id}`
}
