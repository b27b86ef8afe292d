import type { RetryBudgetSpec } from '@pando/model'
import { SlidingCount } from './sliding-count.js'

const windowMs = 10_000

/**
 * Bounds the further tries of one service in one worker: in every ten seconds at most a share of the requests, and a few besides. When
 * everything fails, the service gets little more than the clients ask, instead of a multiple.
 */
export class RetryBudget {
  spec: RetryBudgetSpec
  readonly #requests: SlidingCount
  readonly #retries: SlidingCount

  constructor(spec: RetryBudgetSpec, now: number) {
    this.spec = spec
    this.#requests = new SlidingCount(windowMs, now)
    this.#retries = new SlidingCount(windowMs, now)
  }

  /** A request is sent for the first time. */
  noteRequest(now: number): void {
    this.#requests.add(now)
  }

  /** True when one more try is within the budget; it is counted then. */
  take(now: number): boolean {
    this.#requests.forget(now)
    this.#retries.forget(now)
    const { percent, minimum } = this.spec
    if (this.#retries.sum + 1 > (this.#requests.sum * percent) / 100 + minimum) return false
    this.#retries.add(now)
    return true
  }
}
