import type { FailureBreakerSpec } from '@pando/model'
import { SlidingCount } from './sliding-count.js'

const mostDoublings = 4

export type Admission = 'refused' | 'normal' | 'probe'

/**
 * closed ── too many of the last tries failed ──▶ open ── its time is over ──▶ half-open ── all probes succeed ──▶ closed
 *                                                  ▲                              │
 *                                                  └───── one fails (longer) ─────┘
 *
 * What began before it opened says nothing new when it ends and is left out. Every admitted request is given back once, by `leave`.
 */
export class FailureBreaker {
  readonly spec: FailureBreakerSpec
  readonly #tries: SlidingCount
  readonly #failures: SlidingCount
  #state: 'closed' | 'open' | 'half-open' = 'closed'
  /** While open: when probes may begin. */
  #openUntil = 0
  /** How often it has opened without having been closed between. */
  #openings = 0
  #probesUnderWay = 0
  #probesPassed = 0

  constructor(spec: FailureBreakerSpec, now: number) {
    this.spec = spec
    this.#tries = new SlidingCount(spec.windowMs, now)
    this.#failures = new SlidingCount(spec.windowMs, now)
  }

  get state(): 'closed' | 'open' | 'half-open' {
    return this.#state
  }

  admit(now: number): Admission {
    if (this.#state === 'closed') return 'normal'
    if (this.#state === 'open') {
      if (now < this.#openUntil) return 'refused'
      this.#state = 'half-open'
      this.#probesUnderWay = 0
      this.#probesPassed = 0
    }
    if (this.#probesUnderWay + this.#probesPassed >= this.spec.probes) return 'refused'
    this.#probesUnderWay++
    return 'probe'
  }

  /** Milliseconds until a request may be sent again; 0 when one may be now or soon. */
  waitMs(now: number): number {
    return this.#state === 'open' ? Math.max(0, this.#openUntil - now) : 0
  }

  /** The request is over. `isFailure` is null when it told nothing of the service: the client went away, or another limit refused it. */
  leave(admission: Admission, isFailure: boolean | null, now: number): void {
    if (admission === 'probe') this.#leaveProbe(isFailure, now)
    else if (this.#state === 'closed' && isFailure !== null) this.#noteClosed(isFailure, now)
  }

  #noteClosed(isFailure: boolean, now: number): void {
    this.#tries.add(now)
    if (!isFailure) return
    this.#failures.add(now)
    this.#tries.forget(now)
    const { minRequests, failurePercent } = this.spec
    if (this.#tries.sum >= minRequests && this.#failures.sum * 100 >= this.#tries.sum * failurePercent) this.#open(now)
  }

  #leaveProbe(isFailure: boolean | null, now: number): void {
    // Another probe may have decided meanwhile.
    if (this.#state !== 'half-open' || this.#probesUnderWay === 0) return
    this.#probesUnderWay--
    if (isFailure === null) return
    if (isFailure) {
      this.#open(now)
    } else if (++this.#probesPassed >= this.spec.probes) {
      this.#state = 'closed'
      this.#openings = 0
      this.#tries.clear()
      this.#failures.clear()
    }
  }

  #open(now: number): void {
    this.#state = 'open'
    this.#openUntil = now + this.spec.openMs * 2 ** Math.min(mostDoublings, this.#openings)
    this.#openings++
  }
}
