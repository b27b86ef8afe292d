import type { Deployments } from '../deployments/deployments.js'
import type { Desired, DesiredService } from '../reconciler/state.js'
import type { RevisionFacts } from './kept-revisions.js'

/** What the history and the wishes say, and what runs. */
export function revisionFacts(of: {
  readonly desired: Desired
  readonly deployments: Pick<Deployments, 'history' | 'lastHealthy' | 'revisions'>
  readonly past: readonly DesiredService[]
  readonly running: RevisionFacts['running']
}): RevisionFacts {
  const { desired, deployments, past, running } = of
  const services = new Set(deployments.history(null).map(({ service }) => service))
  return {
    desired,
    history: new Map([...services].map((service) => [service, deployments.revisions(service)])),
    lastHealthy: (service) => deployments.lastHealthy(service),
    past,
    running,
  }
}
