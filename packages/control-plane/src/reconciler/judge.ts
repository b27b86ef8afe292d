import type { JudgeSpec } from '@pando/model'

/** What the gateway has counted of one revision's requests in some time. */
export interface Figures {
  readonly requests: number
  /** Answers of 500 and above. */
  readonly errors: number
  /** Times that the gateway left one of its instances alone because of errors; absent: it does not say. */
  readonly ejections?: number
  /** Upper bounds in seconds with the number of requests in each, ascending; the last bound is Infinity. */
  readonly durations: readonly (readonly [bound: number, count: number])[]
}

export interface Comparison {
  readonly fresh: Figures
  readonly old: Figures
}

/** A difference below it is no difference: seconds. Buckets are coarse, and a scheduler's whim is not a revision's fault. */
const p99Floor = 0.05
/** Of few requests the p99 is the slowest one, and the first requests of every instance are slow: fewer slow ones say nothing. */
const slowAllowed = 4

/**
 * Whether the new revision is worse than the old one. `unsure`: it has had too few requests. Each is judged once it has been asked
 * often enough, so a bad one is found out long before its pause is over. `text` has the numbers.
 */
export function judge(
  { fresh, old }: Comparison,
  spec: JudgeSpec,
): { verdict: 'unsure' | 'fine' | 'worse'; text: string } {
  if (fresh.requests < spec.minRequests) {
    // An instance that gets no requests would never be asked often enough.
    const { ejections = 0 } = fresh
    if (ejections > 0 && (old.ejections ?? 0) === 0) {
      return {
        verdict: 'worse',
        text: `the gateway left an instance alone, after ${fresh.errors} errors in ${fresh.requests} requests`,
      }
    }
    return { verdict: 'unsure', text: `${fresh.requests} of the ${spec.minRequests} requests that a judgement takes` }
  }
  const rate = percent(fresh)
  const oldRate = percent(old)
  const rates = `${shown(rate)} % of ${fresh.requests} requests failed, ${shown(oldRate)} % of ${old.requests} of the old revision`
  if (rate - oldRate > spec.maxErrorIncrease) return { verdict: 'worse', text: rates }
  // Without a comparison nothing can be said of a duration.
  if (old.requests < spec.minRequests) return { verdict: 'fine', text: rates }
  const p99 = quantile(fresh, 0.99)
  const oldP99 = quantile(old, 0.99)
  const times = `the p99 is at most ${shown(p99)} s, of the old revision ${shown(oldP99)} s`
  const limit = Math.max(oldP99 * spec.maxP99Ratio, oldP99 + p99Floor)
  const isSlower = p99 > limit && slowerThan(limit, fresh) > slowAllowed
  return { verdict: isSlower ? 'worse' : 'fine', text: isSlower ? times : `${rates}; ${times}` }
}

function percent({ errors, requests }: Figures): number {
  return requests === 0 ? 0 : (100 * errors) / requests
}

function slowerThan(limit: number, { durations }: Figures): number {
  return durations.reduce((sum, [bound, count]) => (bound > limit ? sum + count : sum), 0)
}

/** The upper bound of the bucket that holds it. */
function quantile({ durations }: Figures, q: number): number {
  const total = durations.reduce((sum, [, count]) => sum + count, 0)
  let seen = 0
  for (const [bound, count] of durations) {
    seen += count
    if (seen >= total * q) return bound
  }
  return 0
}

function shown(value: number): string {
  return Number.isFinite(value) ? String(Math.round(value * 1000) / 1000) : 'over the largest bucket'
}
