import type { ScaledService } from './autoscale/autoscaler.js'
import type { Reconciler } from './reconciler/loop.js'
import { waitsForPromote } from './reconciler/rollout-state.js'
import { isHealthy, viewServices } from './reconciler/service-view.js'

/** The services whose count follows their load, as the reconciler wants and sees them; not those that were stopped. */
export function scaledServices(reconciler: Pick<Reconciler, 'desired' | 'observed'>): ScaledService[] {
  const desired = reconciler.desired()
  // Nearly every app has none, and is looked at every second.
  if (![...desired.values()].some(({ autoscale }) => autoscale !== undefined)) return []
  const observed = reconciler.observed()
  const views = viewServices(desired, observed)
  return [...desired.values()].flatMap((service) => {
    const { name, autoscale, replicas, isStopped, spec } = service
    return autoscale === undefined || isStopped
      ? []
      : [
          {
            name,
            spec: autoscale,
            replicas,
            isRolling: observed.rollouts?.get(name)?.state === 'progressing',
            isHeld: waitsForPromote(service, observed.rollouts?.get(name)),
            limits: spec.resources,
            healthy: (views.get(name)?.current ?? []).filter(isHealthy).map(({ id }) => id),
          },
        ]
  })
}
