import type { HealthCheck } from '@pando/model'
import type { ProbeResult } from './prober.js'

export interface ProbedHealth {
  readonly health: 'starting' | 'healthy' | 'unhealthy'
  /** When that health began. Unix time, ms. */
  readonly since: number
  /** What the last failed probe said; empty after a success. */
  readonly detail: string
  /** In a row, of the kind that would change the health. */
  readonly count: number
}

/**
 * The health after one more answer. While starting, the first success is enough and failures do not count (whoever plans ends a
 * start that takes too long). After that `fall` failures in a row make it unhealthy, `rise` successes in a row healthy again.
 */
export function trackHealth(before: ProbedHealth, result: ProbeResult, check: HealthCheck, now: number): ProbedHealth {
  const detail = result.ok ? '' : result.detail
  const isAgainst = result.ok !== (before.health === 'healthy')
  if (!isAgainst) return { ...before, detail, count: 0 }
  const count = before.count + 1
  const needed = before.health === 'starting' ? 1 : before.health === 'healthy' ? check.fall : check.rise
  if (count < needed) return { ...before, detail, count }
  return { health: result.ok ? 'healthy' : 'unhealthy', since: now, detail, count: 0 }
}
