import { defaultRollout, type InstanceCount, type RolloutSpec } from '@pando/model'
import type { DesiredService, Rollout } from './state.js'

/** For what was wanted before there were rollouts. */
const plainRollout: RolloutSpec = { ...defaultRollout, minHealthyMs: 0 }

export function rolloutSpecOf(service: DesiredService): RolloutSpec {
  return service.rollout ?? plainRollout
}

/** Both revisions stand whole beside each other, and shares of the traffic decide; not for the way back, which has no time to lose. */
export function isStaged(service: DesiredService, rollout: Rollout | undefined): boolean {
  if (rollout === undefined || rollout.state === 'succeeded' || rollout.isRollback) return false
  const { strategy, order } = rolloutSpecOf(service)
  return (
    strategy !== 'rolling' &&
    order === 'start-first' &&
    service.spec.port === null &&
    rollout.good !== null &&
    rollout.good.revision !== rollout.revision
  )
}

/** Its step is reached, and only somebody's word leads on. That may take days. */
export function waitsForPromote(service: DesiredService, rollout: Rollout | undefined): boolean {
  if (rollout === undefined || rollout.stepSince === null || rollout.switchedAt !== null) return false
  if (!isStaged(service, rollout) || rollout.state !== 'progressing') return false
  const { steps, autoPromote } = rolloutSpecOf(service)
  const step = steps[rollout.step]
  return step === undefined ? !(autoPromote || rollout.isPromoted) : step.pauseMs === null
}

/** Percent of the traffic that the new revision is to have; null: instances share alike. */
export function shareOf(service: DesiredService, rollout: Rollout | undefined): number | null {
  if (rollout === undefined) return null
  if (rollout.isRollback && rollout.state !== 'succeeded') return 100
  if (!isStaged(service, rollout)) return null
  if (rollout.switchedAt !== null) return 100
  const { steps } = rolloutSpecOf(service)
  const reached = rollout.stepSince === null ? rollout.step - 1 : rollout.step
  return steps[Math.min(reached, steps.length - 1)]?.weight ?? 0
}

/** How many instances `wanted` ones may have beyond themselves, and how many of them may be missing. */
export function bounds(service: DesiredService, wanted: number): { surge: number; unavailable: number } {
  const { maxSurge, maxUnavailable } = rolloutSpecOf(service)
  const unavailable = Math.min(wanted, count(maxUnavailable, wanted, Math.floor))
  const surge = count(maxSurge, wanted, Math.ceil)
  return { surge: unavailable === 0 ? Math.max(1, surge) : surge, unavailable }
}

function count(amount: InstanceCount, of: number, round: (n: number) => number): number {
  return 'percent' in amount ? round((amount.percent * of) / 100) : amount.count
}
