import type { FaultSpec } from '@pando/model'

/** What becomes of one request. */
export interface FaultDecision {
  readonly delayMs: number
  /** 0: none. */
  readonly status: number
}

/** What a request may ask for at most; a caller cannot hold a place in the gateway for longer. */
export const longestAskedDelayMs = 60_000
const none: FaultDecision = { delayMs: 0, status: 0 }

export const delayHeader = 'x-pando-fault-delay'
export const abortHeader = 'x-pando-fault-abort'

/** `random` gives numbers in [0, 1). Where a header asks, the route's own percentage of that fault does not count. */
export function decideFault(
  spec: FaultSpec,
  header: (name: string) => string | null,
  random: () => number,
): FaultDecision {
  const asked = spec.byHeader ? { delay: delayOf(header(delayHeader)), abort: statusOf(header(abortHeader)) } : null
  const delayMs = asked?.delay ?? (strikes(spec.delay?.percent, random) ? (spec.delay?.ms ?? 0) : 0)
  const status = asked?.abort ?? (strikes(spec.abort?.percent, random) ? (spec.abort?.status ?? 0) : 0)
  return delayMs === 0 && status === 0 ? none : { delayMs, status }
}

function strikes(percent: number | undefined, random: () => number): boolean {
  return percent !== undefined && random() * 100 < percent
}

/** `250`, `250ms` or `2s`; null when it is nothing of these. */
function delayOf(text: string | null): number | null {
  const match = /^(\d{1,6})(ms|s)?$/.exec(text ?? '')
  if (match === null) return null
  return Math.min(longestAskedDelayMs, Number(match[1]) * (match[2] === 's' ? 1000 : 1))
}

function statusOf(text: string | null): number | null {
  return /^[45]\d\d$/.test(text ?? '') ? Number(text) : null
}
