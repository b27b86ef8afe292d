import type { Affinity } from '../balancer/affinity.js'
import type { GrpcStatus } from '../grpc/grpc-status.js'
import { backoffMs } from '../resilience/backoff.js'
import type { Admission } from '../resilience/failure-breaker.js'
import type { RetryRules } from '../resilience/retry-rules.js'
import type { GuardRefusal, ServiceGuard } from '../resilience/service-guard.js'
import type { UpstreamService } from '../upstream.js'
import type { AskedPause } from './retriable-answer.js'
import type { Traffic } from '../http1/traffic.js'

/** Why a request that was sent is to be sent again: what the route's rules are asked for. */
export type RetryCause = 'reset' | 'timeout' | number | GrpcStatus

/**
 * The tries of one request: what may be tried, and when. An exchange has one and uses it for one request after the other.
 *
 * Invariants: what `enter` took of the service's guard is given back by `leave`, once; at most one pause is under way.
 */
export class Tries {
  /** Further tries so far. */
  retries = 0
  /** What binds the request to an endpoint; null where nothing does. */
  affinity: Affinity | null = null
  /** The last try failed by its connection: others that are idle may have died of the same cause. */
  distrustsIdle = false
  readonly #traffic: Traffic
  #service: UpstreamService | null = null
  #rules: RetryRules | null = null
  #guard: ServiceGuard | null = null
  #admission: Admission = 'normal'
  #holdsRetry = false
  #pause: NodeJS.Timeout | null = null

  constructor(traffic: Traffic) {
    this.#traffic = traffic
  }

  /** A new request. */
  begin(): void {
    this.retries = 0
    this.affinity = null
    this.distrustsIdle = false
    this.#service = null
    this.#rules = null
    this.#guard = null
    this.#holdsRetry = false
  }

  /** The request is about to be sent to the service; it is not where that has too much to do or fails too often. */
  enter(service: UpstreamService, rules: RetryRules): GuardRefusal | null {
    const { now } = this.#traffic.wheel
    this.#service = service
    this.#rules = rules
    service.budget.noteRequest(now)
    const { guard } = service
    if (guard === null) return null
    const refusal = guard.admit(service.name, now)
    if (refusal === null) {
      this.#guard = guard
      this.#admission = guard.admission
    }
    return refusal
  }

  /** Whether the rules allow one more try for that cause, of a request that can be sent again. Nothing is taken yet. */
  allows(cause: RetryCause): boolean {
    const rules = this.#rules
    if (rules === null || this.retries >= rules.attempts) return false
    if (cause === 'reset') return rules.onReset
    if (cause === 'timeout') return rules.onTimeout
    return typeof cause === 'number' ? rules.takesStatus(cause) : rules.takesCall(cause.name)
  }

  /**
   * Takes one more try out of what the service may be tried. `isPaidFor`: the connection had served before it broke, so that the first further
   * try stands against an answer that came, and the end of a connection is not paid for by the others.
   */
  take(cause: RetryCause, isPaidFor: boolean): boolean {
    const service = this.#service
    if (service === null) return false
    const metrics = this.#traffic.table.serviceMetrics(service)
    const isFree = isPaidFor && this.retries === 0
    if ((!isFree && !service.budget.take(this.#traffic.wheel.now)) || !this.#holdRetry()) {
      metrics.retriesRefused.inc()
      return false
    }
    metrics.retries.inc()
    this.retries++
    this.distrustsIdle = typeof cause === 'string'
    return true
  }

  /** One more try of a request that the service has done nothing with, and says so: it costs the service next to nothing. */
  takeUntouched(): boolean {
    if (this.#service === null || this.retries >= this.#traffic.limits.maxRetries) return false
    this.#traffic.table.serviceMetrics(this.#service).retries.inc()
    this.retries++
    this.distrustsIdle = true
    return true
  }

  /** Takes a second try beside the first out of what the service may be tried. */
  takeHedge(): boolean {
    const service = this.#service
    if (service === null) return false
    const metrics = this.#traffic.table.serviceMetrics(service)
    const isTaken = service.budget.take(this.#traffic.wheel.now) && this.#holdRetry()
    if (isTaken) metrics.hedges.inc()
    else metrics.retriesRefused.inc()
    return isTaken
  }

  /** Milliseconds until the next try, by the rules and what the answer asked for. */
  pauseMs(asked: AskedPause, random: () => number = Math.random): number {
    if (asked.isExact || this.#rules === null) return asked.ms
    return Math.max(asked.ms, backoffMs(this.retries, this.#rules.backoffMs, random))
  }

  /** Calls back after so many milliseconds, unless it is `stop`ped before. */
  pause(ms: number, callback: () => void): void {
    this.stop()
    this.#pause = setTimeout(() => {
      this.#pause = null
      callback()
    }, ms)
  }

  stop(): void {
    if (this.#pause === null) return
    clearTimeout(this.#pause)
    this.#pause = null
  }

  /** The request is over. `isFailure` is null when that says nothing of the service. */
  leave(isFailure: boolean | null): void {
    this.stop()
    const guard = this.#guard
    if (guard === null) return
    this.#guard = null
    if (this.#holdsRetry) guard.leaveRetry()
    guard.leave(this.#admission, isFailure, this.#traffic.wheel.now)
  }

  #holdRetry(): boolean {
    if (this.#guard === null || this.#holdsRetry) return true
    this.#holdsRetry = this.#guard.takeRetry()
    return this.#holdsRetry
  }
}
