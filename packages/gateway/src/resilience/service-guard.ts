import type { CircuitBreakerSpec } from '@pando/model'
import { type Admission, FailureBreaker } from './failure-breaker.js'

/** Why a request is not sent; `waitMs` is when to come again. */
export interface GuardRefusal {
  readonly reason: 'overloaded' | 'circuit_open'
  readonly detail: string
  readonly waitMs: number
}

/**
 * What keeps one service from taking all of a worker with it, and the worker from making a sick service sicker. Only a service with a
 * `circuit_breaker` has one. Invariant: every `admit` that refuses nothing is followed by one `leave`, every true `takeRetry` by one `leaveRetry`.
 */
export class ServiceGuard {
  readonly spec: CircuitBreakerSpec
  /** Requests under way, waiting ones included. */
  requests = 0
  retries = 0
  admission: Admission = 'normal'
  readonly breaker: FailureBreaker | null

  constructor(spec: CircuitBreakerSpec, now: number) {
    this.spec = spec
    this.breaker = spec.failures === null ? null : new FailureBreaker(spec.failures, now)
  }

  /** Null lets the request in; `admission` is then what `leave` wants back. */
  admit(service: string, now: number): GuardRefusal | null {
    const { maxRequests } = this.spec
    if (maxRequests !== null && this.requests >= maxRequests) {
      return {
        reason: 'overloaded',
        detail: `${maxRequests} requests for ${service} are under way already.`,
        waitMs: 1000,
      }
    }
    const admission = this.breaker === null ? 'normal' : this.breaker.admit(now)
    if (this.breaker !== null && admission === 'refused') {
      const detail = `Too many requests to ${service} failed of late; some are let through soon to see whether it is well again.`
      return { reason: 'circuit_open', detail, waitMs: this.breaker.waitMs(now) }
    }
    this.admission = admission
    this.requests++
    return null
  }

  leave(admission: Admission, isFailure: boolean | null, now: number): void {
    this.requests--
    this.breaker?.leave(admission, isFailure, now)
  }

  takeRetry(): boolean {
    const { maxRetries } = this.spec
    if (maxRetries !== null && this.retries >= maxRetries) return false
    this.retries++
    return true
  }

  leaveRetry(): void {
    this.retries--
  }
}
