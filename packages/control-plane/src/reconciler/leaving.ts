import type { Alarm } from './alarm.js'
import type { ServiceView } from './service-view.js'
import type { ObservedInstance } from './state.js'
import type { Step } from './step.js'

/** A kill that has not ended the instance in this time was lost, and is sent again. */
export const killAgainAfterMs = 5000

/** How long an instance stays unhealthy before it is replaced: time enough to recover from a pause, at any interval. */
export function replaceAfterMs(intervalMs: number): number {
  return Math.max(10 * intervalMs, 30_000)
}

/** The next step of an instance that leaves or has exited: drained, stopped, killed, exited, buried. Null: wait. */
export function leavingStep(instance: ObservedInstance, alarm: Alarm): Step | null {
  const { id, record, exited } = instance
  if (exited !== null) return { kind: 'bury', instance: id }
  if (record.stop !== null) {
    const { since, killedAt } = record.stop
    const isDue =
      killedAt === null ? alarm.passed(since, record.terms.stopGracePeriodMs) : alarm.passed(killedAt, killAgainAfterMs)
    return isDue ? { kind: 'kill', instance: id } : null
  }
  if (record.drain !== null) {
    const isDue = instance.isDrained || alarm.passed(record.drain.since, record.terms.drainTimeoutMs)
    return isDue ? { kind: 'stop', instance: id, reason: record.drain.reason } : null
  }
  return null
}

/**
 * Wanted instances that are not well. One that is not healthy by the end of its startup is stopped at once: it never had a
 * request to finish. One that stays unhealthy is drained and replaced, but only one of a service at a time: when all fall ill
 * together the cause is mostly what they share, and starting all anew at once would only add to it.
 */
export function ailingSteps(view: ServiceView, staying: readonly ObservedInstance[], alarm: Alarm): Step[] {
  const steps: Step[] = []
  let isReplacing = view.leaving.some((i) => (i.record.stop ?? i.record.drain)?.reason.kind === 'unhealthy')
  for (const { id, record } of staying) {
    const { health, since, detail, terms } = record
    if (health === 'starting' && alarm.passed(since, terms.healthcheck.startupMs)) {
      steps.push({ kind: 'stop', instance: id, reason: { kind: 'never_healthy', detail } })
    }
    if (health !== 'unhealthy' || isReplacing) continue
    if (!alarm.passed(since, replaceAfterMs(terms.healthcheck.intervalMs))) continue
    isReplacing = true
    steps.push({
      kind: 'drain',
      instance: id,
      reason: { kind: 'unhealthy', detail },
      why: `has been unhealthy for too long: ${detail}`,
    })
  }
  return steps
}
