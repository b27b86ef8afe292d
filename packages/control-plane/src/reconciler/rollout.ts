import type { Alarm } from './alarm.js'
import { bounds, isStaged, rolloutSpecOf } from './rollout-state.js'
import { isCurrent, isHealthy, type ServiceView } from './service-view.js'
import type { DesiredService, ObservedInstance, Rollout } from './state.js'

/**
 * How instances are replaced. Rolling: at most `max_surge` active ones more than wanted, and never fewer available ones than wanted
 * less `max_unavailable` because of us. Instances that drain are not counted as active, so a long drain holds nothing up.
 * Canary and blue-green: the old ones stay whole until the new ones are and have the traffic.
 * Stop-first, as for a fixed port that two cannot share: the old one leaves first, one at a time.
 */

/** How long the old revision is kept whole after all traffic has gone to the new one. */
const keptAfterSwitchMs = 5000

/** It has been healthy for as long as it must be to count. */
export function isAvailable(instance: ObservedInstance, desired: DesiredService | null, alarm: Alarm): boolean {
  if (!isHealthy(instance)) return false
  return desired === null || alarm.passed(instance.record.since, rolloutSpecOf(desired).minHealthyMs)
}

/** How many instances of the new revision there are to be now. When old ones are lost meanwhile, new ones take their place. */
export function stagedCount(view: ServiceView, rollout: Rollout | undefined): number {
  const { desired, wanted, old } = view
  if (desired === null || rollout === undefined || !isStaged(desired, rollout)) return wanted
  const step = rolloutSpecOf(desired).steps[rollout.step]
  if (step === undefined) return wanted
  const share = Math.max(1, Math.ceil((wanted * step.weight) / 100))
  return Math.min(wanted, Math.max(share, wanted - old.length))
}

/**
 * How many instances of the wanted revision are not there. One that has failed counts as there until it is buried: its place is
 * taken up in its own slot, after its backoff, and not in another slot at once.
 */
export function missing(view: ServiceView, rollout: Rollout | undefined): number {
  const there = view.current.length + view.failing.filter((i) => isCurrent(i, view.desired)).length
  return Math.max(0, stagedCount(view, rollout) - there)
}

/** How many instances may be started now. */
export function startsAllowed(view: ServiceView, rollout: Rollout | undefined): number {
  const { desired, wanted } = view
  const lacking = missing(view, rollout)
  if (desired === null) return 0
  if (isStopFirst(view)) return Math.max(0, Math.min(lacking, wanted - view.instances.length))
  if (isStaged(desired, rollout)) return lacking
  const taken = view.active.length + view.failing.length - bounds(desired, wanted).surge
  return Math.max(0, Math.min(lacking, wanted - taken))
}

/**
 * Which active instances are to leave now. `isReady`: a successor could start at once (it is built, and what it depends on is
 * there); without that nothing is taken down to make room for it.
 */
export function leavers(
  view: ServiceView,
  rollout: Rollout | undefined,
  isReady: boolean,
  alarm: Alarm,
): ObservedInstance[] {
  const excess = worstFirst(view.current).slice(0, Math.max(0, view.current.length - view.wanted))
  return view.old.length === 0 ? excess : [...outdated(view, rollout, isReady, alarm), ...excess]
}

export function isStopFirst({ desired }: ServiceView): boolean {
  return desired !== null && (desired.spec.port !== null || rolloutSpecOf(desired).order === 'stop-first')
}

/**
 * Old instances that are no longer needed: those beyond what is still missing of available current ones. The unhealthy go first,
 * so a healthy one goes only when healthy ones enough remain; and a new revision that never becomes healthy displaces nobody.
 */
function outdated(view: ServiceView, rollout: Rollout | undefined, isReady: boolean, alarm: Alarm): ObservedInstance[] {
  const { desired, wanted } = view
  const old = worstFirst(view.old)
  if (desired === null || wanted === 0) return old
  if (rollout !== undefined && isStaged(desired, rollout)) return released(view, rollout, old, alarm)
  const arrived = Math.min(view.current.filter((i) => isAvailable(i, desired, alarm)).length, wanted)
  const isEarly = isReady && !isStopFirst(view)
  const spare = isEarly ? bounds(desired, wanted).unavailable : 0
  const surplus = Math.max(0, arrived + old.length - (wanted - spare))
  if (surplus > 0 || !isStopFirst(view) || !isReady) return old.slice(0, surplus)
  const isSettled = view.leaving.length === 0 && arrived === view.current.length
  return isSettled && view.active.length >= wanted ? old.slice(0, 1) : []
}

/**
 * Of a staged rollout. What is left of an earlier, unfinished one goes as soon as the good revision does without it, and so do
 * those of the good one that are more than wanted by now.
 */
function released(view: ServiceView, rollout: Rollout, old: ObservedInstance[], alarm: Alarm): ObservedInstance[] {
  const { desired, wanted, current } = view
  if (rollout.switchedAt !== null) {
    const isWhole = current.filter((i) => isAvailable(i, desired, alarm)).length >= wanted
    return isWhole && alarm.passed(rollout.switchedAt, keptAfterSwitchMs) ? old : []
  }
  const good = old.filter((i) => i.revision === rollout.good?.revision)
  if (good.filter(isHealthy).length < wanted) return []
  const surplus = good.slice(0, Math.max(0, good.length - wanted))
  return [...old.filter((i) => i.revision !== rollout.good?.revision), ...surplus]
}

/** The order in which instances are given up: not healthy, older generation, highest slot. */
function worstFirst(instances: readonly ObservedInstance[]): ObservedInstance[] {
  return [...instances].sort(
    (a, b) => Number(isHealthy(a)) - Number(isHealthy(b)) || a.generation - b.generation || b.slot - a.slot,
  )
}
