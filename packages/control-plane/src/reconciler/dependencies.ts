import type { DependencyCondition } from '@pando/model'
import { isHealthy, type ServiceView } from './service-view.js'
import type { Waiting } from './step.js'

type Views = ReadonlyMap<string, ServiceView>

/**
 * Why no new instance of the service may start yet, or null. Dependencies gate starts only: what runs goes on when a
 * dependency falls ill, for it may well cope, and stopping it would make one failure two.
 */
export function unmetDependency(view: ServiceView, views: Views): Waiting | null {
  for (const [name, condition] of Object.entries(view.desired?.dependsOn ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const unmet = conditions[condition](views.get(name))
    if (unmet !== null) return { for: { kind: 'service', service: name }, text: `waits for ${name}, which ${unmet}` }
  }
  return null
}

/**
 * True when the service may begin to leave: everything that depends on it and leaves as well has gone first. A dependent that
 * stays does not hold it back, since stopping just this one is what the user asked for. Nor does one in a circle with it, as two
 * manifests can make one together: each would wait for the other for ever.
 */
export function mayLeave(view: ServiceView, views: Views): boolean {
  for (const dependent of views.values()) {
    if (dependent.instances.length === 0 || !isGoing(dependent)) continue
    if (dependenciesOf(dependent).includes(view.name) && !reaches(view, dependent.name, views)) return false
  }
  return true
}

/** Of a service that is no longer there, those that its instances were started under. */
function dependenciesOf({ desired, instances }: ServiceView): readonly string[] {
  return desired === null ? instances.flatMap((i) => i.record.terms.dependsOn) : Object.keys(desired.dependsOn)
}

function reaches(from: ServiceView, name: string, views: Views): boolean {
  const seen = new Set<string>()
  const next = [from.name]
  for (let at = next.pop(); at !== undefined; at = next.pop()) {
    if (at === name) return true
    const view = views.get(at)
    if (view === undefined || seen.has(at)) continue
    seen.add(at)
    next.push(...dependenciesOf(view))
  }
  return false
}

/** Nothing of the service shall run. */
export function isGoing(view: ServiceView): boolean {
  return view.desired === null || view.desired.isStopped || view.desired.replicas === 0
}

/** A request wakes it: whoever depends on it need not wait for that. */
export function isAsleep({ desired }: ServiceView): boolean {
  return desired !== null && desired.autoscale !== undefined && desired.replicas === 0 && !desired.isStopped
}

/** Each says what is missing, or null when the condition is met. One instance is enough: it is what serves the dependent. */
const conditions: Record<DependencyCondition, (dependency: ServiceView | undefined) => string | null> = {
  service_started(dependency) {
    if (dependency === undefined) return 'is not part of the app'
    if (dependency.active.some((i) => i.pid !== null) || hasCompleted(dependency) || isAsleep(dependency)) return null
    return isGoing(dependency) ? 'is stopped' : 'has not started'
  },
  service_healthy(dependency) {
    if (dependency === undefined) return 'is not part of the app'
    if (dependency.active.some(isHealthy) || isAsleep(dependency)) return null
    return isGoing(dependency) ? 'is stopped' : 'is not healthy'
  },
  service_completed_successfully(dependency) {
    if (dependency === undefined) return 'is not part of the app'
    if (hasCompleted(dependency)) return null
    if (dependency.ended.some((e) => !e.isSuccess)) return 'has failed'
    return isGoing(dependency) ? 'is stopped' : 'has not completed'
  },
}

function hasCompleted({ desired, ended }: ServiceView): boolean {
  return desired !== null && desired.replicas > 0 && ended.filter((e) => e.isSuccess).length >= desired.replicas
}
