import type { Endpoint } from '@pando/model'
import type { Observed } from './state.js'

/** What gateways may know of the instances: those that listen and have not been told to stop. */
export function endpointsOf(observed: Pick<Observed, 'instances'>): Endpoint[] {
  const endpoints: Endpoint[] = []
  for (const { id, service, address, exited, record, revision, slot, generation } of observed.instances) {
    if (address === null || exited !== null || record.stop !== null) continue
    endpoints.push({
      id,
      service,
      address,
      state: record.drain === null ? record.health : 'draining',
      revision,
      weight: 100,
      metadata: { slot: String(slot), generation: String(generation) },
      source: 'pando',
    })
  }
  return endpoints
}
