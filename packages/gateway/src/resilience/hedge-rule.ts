import type { HedgeSpec } from '@pando/model'
import { LatencyEstimate } from './latency-estimate.js'

/** When a read of one route is tried a second time. */
export class HedgeRule {
  readonly #delayMs: number | null
  readonly #estimate = new LatencyEstimate()

  constructor(spec: HedgeSpec) {
    this.#delayMs = spec.delayMs
  }

  /** Milliseconds after which an answer is late; 0 while that is not known. */
  get afterMs(): number {
    return this.#delayMs ?? this.#estimate.value
  }

  /** An answer has begun so many milliseconds after its request. */
  note(ms: number): void {
    if (this.#delayMs === null) this.#estimate.add(ms)
  }
}
