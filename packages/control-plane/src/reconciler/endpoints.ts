import type { Endpoint } from '@pando/model'
import { shareOf } from './rollout-state.js'
import type { Desired, Observed, ObservedInstance } from './state.js'

const usualWeight = 100
const largestWeight = 1000

/** What gateways may know of the instances: those that listen and have not been told to stop, and how requests are shared out. */
export function endpointsOf(observed: Pick<Observed, 'instances' | 'rollouts'>, desired?: Desired): Endpoint[] {
  const weightOf = weights(observed, desired)
  const endpoints: Endpoint[] = []
  for (const instance of observed.instances) {
    const { id, service, address, exited, record, revision, slot, generation } = instance
    if (address === null || exited !== null || record.stop !== null) continue
    endpoints.push({
      id,
      service,
      address,
      state: record.drain === null ? record.health : 'draining',
      revision,
      weight: weightOf(instance),
      metadata: { slot: String(slot), generation: String(generation) },
      source: 'pando',
    })
  }
  return endpoints
}

/**
 * Weights that give the wanted revision its share of the requests, however many instances each has. Where only one of the two has
 * healthy instances, they take all: that somebody answers goes before who does.
 */
function weights(
  { instances, rollouts }: Pick<Observed, 'instances' | 'rollouts'>,
  desired: Desired | undefined,
): (instance: ObservedInstance) => number {
  const pairs = new Map<string, { fresh: number; old: number; revision: string }>()
  for (const [name, service] of desired ?? []) {
    const share = shareOf(service, rollouts?.get(name))
    if (share === null) continue
    const taking = instances.filter(
      ({ service: of, exited, record: { drain, stop, health }, address }) =>
        of === name && exited === null && drain === null && stop === null && health === 'healthy' && address !== null,
    )
    const fresh = taking.filter((instance) => instance.revision === service.revision).length
    const old = taking.length - fresh
    if (fresh === 0 || old === 0) continue
    const each = { fresh: share / fresh, old: (100 - share) / old }
    const unit = largestWeight / Math.max(each.fresh, each.old)
    const whole = (part: number): number => (part === 0 ? 0 : Math.max(1, Math.round(part * unit)))
    pairs.set(name, { fresh: whole(each.fresh), old: whole(each.old), revision: service.revision })
  }
  return ({ service, revision }) => {
    const pair = pairs.get(service)
    if (pair === undefined) return usualWeight
    return revision === pair.revision ? pair.fresh : pair.old
  }
}
