import type { Revision } from '../deployments/revision.js'
import type { Desired, DesiredService } from '../reconciler/state.js'

/** Revisions of a service that stay ready to be run again, those that failed among them. */
export const historyLimit = 10

/** All that says which revisions may be needed again. */
export interface RevisionFacts {
  readonly desired: Desired
  /** Of every service that was ever deployed: its revisions, each once, newest first. */
  readonly history: ReadonlyMap<string, readonly Revision[]>
  /** Of a service: the revision that a failed rollout would go back to. */
  readonly lastHealthy: (service: string) => Revision | null
  /** Of the states of the whole app that can be gone back to. */
  readonly past: readonly DesiredService[]
  /** Instances and runs of jobs that are there. */
  readonly running: readonly { readonly service: string; readonly revision: string }[]
}

/** By service, the revisions whose builds stay. A service that is not in here has nothing that stays. */
export type KeptRevisions = ReadonlyMap<string, readonly Revision[]>

/**
 * What runs and what is wanted stays, whatever `isAll` says; otherwise so does what can be gone back to: the newest of each service, the
 * last healthy one, and those of the app's earlier states. A service that has left the app stays with those states alone; when the app
 * is down, none has left it.
 */
export function keptRevisions(facts: RevisionFacts, { isAll }: { readonly isAll: boolean }): KeptRevisions {
  const { desired, history, past, running } = facts
  const kept = new Map<string, Map<string, Revision>>()
  const keep = (revision: Revision): void => {
    const known = kept.get(revision.service) ?? new Map<string, Revision>()
    kept.set(revision.service, known.set(revision.revision, revision))
  }
  for (const service of desired.values()) keep(revisionFrom(service))
  for (const { service, revision } of running) {
    const found = history.get(service)?.find((each) => each.revision === revision)
    if (found !== undefined) keep(found)
  }
  if (isAll) return listed(kept)
  for (const service of past) keep(revisionFrom(service))
  for (const [service, revisions] of history) {
    if (hasLeft(facts, service)) continue
    for (const revision of revisions.slice(0, historyLimit)) keep(revision)
    const healthy = facts.lastHealthy(service)
    if (healthy !== null) keep(healthy)
  }
  return listed(kept)
}

/** True for one that the app had and has no more. */
export function hasLeft({ desired }: Pick<RevisionFacts, 'desired'>, service: string): boolean {
  return desired.size > 0 && !desired.has(service)
}

function listed(kept: ReadonlyMap<string, ReadonlyMap<string, Revision>>): KeptRevisions {
  return new Map([...kept].map(([service, revisions]) => [service, [...revisions.values()]]))
}

function revisionFrom({ name, revision, spec, source = null }: DesiredService): Revision {
  return { service: name, revision, spec, source }
}
