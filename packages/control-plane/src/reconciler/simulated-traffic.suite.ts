import type { Comparison, Figures } from './judge.js'
import { shareOf } from './rollout-state.js'
import { seededRandom } from './simulated-clock.suite.js'
import { isFaulty } from './simulated-history.suite.js'
import type { DesiredService, Rollout } from './state.js'

/** Requests to each service, shared out as a rollout has it. */
export interface Traffic {
  readonly requestsPerSecond: number
  /** Of the answers of a faulty revision, 0 to 1. */
  readonly errorRate: number
  /** What a faulty revision takes in seconds; others take 0.1. */
  readonly seconds: number
}

interface Counted {
  requests: number
  errors: number
  readonly random: () => number
}

/** What a gateway would have counted by now, each request decided once: the figures of a step only ever grow. */
export class SimulatedTraffic {
  readonly #traffic: Traffic
  readonly #seed: number
  /** By service, revision and the beginning of the step. */
  readonly #counted = new Map<string, Counted>()

  constructor(traffic: Traffic, seed: number) {
    this.#traffic = traffic
    this.#seed = seed
  }

  figures(service: DesiredService, rollout: Rollout, now: number): Comparison | null {
    const { good, revision, stepSince } = rollout
    if (good === null || stepSince === null) return null
    const share = (shareOf(service, rollout) ?? 100) / 100
    const seconds = Math.max(0, now - stepSince) / 1000
    const of = (which: string, part: number): Figures => {
      const requests = Math.floor(seconds * this.#traffic.requestsPerSecond * part)
      return this.#count(`${service.name} ${which} ${stepSince}`, which, requests)
    }
    return { fresh: of(revision, share), old: of(good.revision, 1 - share) }
  }

  #count(key: string, revision: string, requests: number): Figures {
    let counted = this.#counted.get(key)
    if (counted === undefined) {
      counted = { requests: 0, errors: 0, random: seededRandom(this.#seed + this.#counted.size) }
      this.#counted.set(key, counted)
    }
    const { errorRate, seconds } = this.#traffic
    for (; counted.requests < requests; counted.requests++) {
      if (isFaulty(revision) && counted.random() < errorRate) counted.errors++
    }
    const took = isFaulty(revision) ? seconds : 0.1
    return { requests: counted.requests, errors: counted.errors, durations: [[took, counted.requests]] }
  }
}

/** Whether the figures show the new revision to be worse, said again in other words than the judge's. */
export function isPlainlyWorse({ fresh, old }: Comparison, service: DesiredService): boolean {
  const { minRequests, maxErrorIncrease, maxP99Ratio } = service.rollout!.judge
  if (fresh.requests < minRequests) return false
  if (errorShare(fresh) > errorShare(old) + maxErrorIncrease / 100) return true
  const [took, before] = [fresh, old].map(({ durations }) => durations[0]![0])
  return old.requests >= minRequests && took! > before! * maxP99Ratio
}

function errorShare({ errors, requests }: Figures): number {
  return requests === 0 ? 0 : errors / requests
}
