import { isCurrent, isHealthy, type ServiceView } from './service-view.js'
import type { ObservedInstance } from './state.js'

/**
 * Rolling replacement, one at a time: at most one active instance more than wanted, and never fewer healthy ones than wanted
 * because of us. Instances that drain are not counted as active, so a long drain does not hold the rollout up.
 *
 * A service that insists on its port cannot run two at once: there the old one leaves first.
 */

/**
 * How many instances of the wanted revision are not there. One that has failed counts as there until it is buried: its place is
 * taken up in its own slot, after its backoff, and not in another slot at once.
 */
export function missing(view: ServiceView): number {
  return Math.max(0, view.wanted - view.current.length - view.failing.filter((i) => isCurrent(i, view.desired)).length)
}

/** How many instances may be started now. */
export function startsAllowed(view: ServiceView): number {
  const taken = isStopFirst(view) ? view.instances.length : view.active.length + view.failing.length - 1
  return Math.max(0, Math.min(missing(view), view.wanted - taken))
}

/**
 * Which active instances are to leave now. `isReady`: a successor could start at once (it is built, and what it depends on is
 * there); without that nothing is taken down to make room for it.
 */
export function leavers(view: ServiceView, isReady: boolean): ObservedInstance[] {
  const excess = worstFirst(view.current).slice(0, Math.max(0, view.current.length - view.wanted))
  return [...outdated(view, isReady), ...excess]
}

export function isStopFirst(view: ServiceView): boolean {
  return view.desired !== null && view.desired.spec.port !== null
}

/**
 * Old instances that are no longer needed: those beyond what is still missing of healthy current ones. The unhealthy go first,
 * so a healthy one goes only when healthy ones enough remain; and a new revision that never becomes healthy displaces nobody.
 */
function outdated(view: ServiceView, isReady: boolean): ObservedInstance[] {
  const old = worstFirst(view.old)
  const arrived = Math.min(view.current.filter(isHealthy).length, view.wanted)
  const surplus = Math.max(0, arrived + old.length - view.wanted)
  if (surplus > 0 || !isStopFirst(view) || !isReady) return old.slice(0, surplus)
  const isSettled = view.leaving.length === 0 && view.current.every(isHealthy)
  return isSettled && view.active.length >= view.wanted ? old.slice(0, 1) : []
}

/** The order in which instances are given up: not healthy, older generation, highest slot. */
function worstFirst(instances: readonly ObservedInstance[]): ObservedInstance[] {
  return [...instances].sort(
    (a, b) => Number(isHealthy(a)) - Number(isHealthy(b)) || a.generation - b.generation || b.slot - a.slot,
  )
}
