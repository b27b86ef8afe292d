import type { RetryReason, RetrySpec } from '@pando/model'

/** One route's rules, ready to be asked. */
export class RetryRules {
  readonly attempts: number
  readonly backoffMs: number
  readonly idempotencyKey: boolean
  readonly idempotent: boolean
  readonly onReset: boolean
  readonly onTimeout: boolean
  /** Some status is a reason: answers have to be looked at. */
  readonly hasStatuses: boolean
  readonly #statuses: ReadonlySet<RetryReason>
  readonly #calls: ReadonlySet<string>

  constructor(spec: RetrySpec) {
    this.attempts = spec.attempts
    this.backoffMs = spec.backoffMs
    this.idempotencyKey = spec.idempotencyKey
    this.idempotent = spec.idempotent
    this.#statuses = new Set(spec.on)
    this.#calls = new Set(spec.on.filter((reason) => typeof reason === 'string').map((reason) => reason.toUpperCase()))
    this.onReset = this.#statuses.has('reset')
    this.onTimeout = this.#statuses.has('timeout')
    this.hasStatuses = spec.on.some((reason) => typeof reason === 'number')
  }

  takesStatus(status: number): boolean {
    return this.hasStatuses && this.#statuses.has(status as RetryReason)
  }

  /** Of a call of gRPC that ended with the status of that name. */
  takesCall(name: string): boolean {
    return this.#calls.has(name)
  }
}

/** Of a route that says nothing: what a broken connection costs is mended, what the service answers is its answer. */
export function defaultRules(attempts: number): RetryRules {
  return new RetryRules({ attempts, on: ['reset', 'timeout'], backoffMs: 0, idempotencyKey: false, idempotent: false })
}
