import type { RetryReason, RetrySpec } from '@pando/model'

/** One route's rules, ready to be asked. */
export class RetryRules {
  readonly attempts: number
  readonly backoffMs: number
  readonly idempotencyKey: boolean
  readonly onReset: boolean
  readonly onTimeout: boolean
  /** Some status is a reason: answers have to be looked at. */
  readonly hasStatuses: boolean
  readonly #statuses: ReadonlySet<RetryReason>

  constructor(spec: RetrySpec) {
    this.attempts = spec.attempts
    this.backoffMs = spec.backoffMs
    this.idempotencyKey = spec.idempotencyKey
    this.#statuses = new Set(spec.on)
    this.onReset = this.#statuses.has('reset')
    this.onTimeout = this.#statuses.has('timeout')
    this.hasStatuses = spec.on.some((reason) => typeof reason === 'number')
  }

  takesStatus(status: number): boolean {
    return this.hasStatuses && this.#statuses.has(status as RetryReason)
  }
}

/** Of a route that says nothing: what a broken connection costs is mended, what the service answers is its answer. */
export function defaultRules(attempts: number): RetryRules {
  return new RetryRules({ attempts, on: ['reset', 'timeout'], backoffMs: 0, idempotencyKey: false })
}
