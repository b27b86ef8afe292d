import {
  beginningReplicas,
  canonicalJson,
  revisionOf,
  type AppSpec,
  type AutoscaleSpec,
  type ServiceSpec,
} from '@pando/model'
import type { ApplyResult } from '../api/app-control.js'
import type { Desired, DesiredService } from '../reconciler/state.js'

/**
 * The desired state that a manifest asks for. What it says nothing about is kept from before: the generation (so that applying
 * a manifest restarts nothing). A service stopped by hand is wanted again, and a replica count set by hand goes back to the manifest's;
 * one that follows the load stays as it is, but that a new revision is tried out at once.
 */
export function desiredFrom(app: AppSpec, before: Desired, sources: Sources = new Map()): Desired {
  return new Map(
    Object.values(app.services).map((service) => [
      service.name,
      desiredService(service, before.get(service.name), sources.get(service.name) ?? null),
    ]),
  )
}

/** Digest of the folder of every service that is deployed from a snapshot, by service name. */
export type Sources = ReadonlyMap<string, string | null>

export function desiredService(
  service: ServiceSpec,
  before: DesiredService | undefined,
  source: string | null,
): DesiredService {
  const revision = revisionOf(service.revision, source)
  const { autoscale } = service
  return {
    name: service.name,
    revision,
    spec: service.revision,
    ...(source === null ? {} : { source }),
    generation: before?.generation ?? 0,
    replicas: autoscale === undefined ? service.replicas : scaledReplicas(service, autoscale, before, revision),
    ...(autoscale === undefined ? {} : { autoscale }),
    isStopped: false,
    restart: service.restart,
    dependsOn: service.dependsOn,
    drainTimeoutMs: service.drainTimeoutMs,
    rollout: service.rollout,
  }
}

function scaledReplicas(
  { replicas }: ServiceSpec,
  autoscale: AutoscaleSpec,
  before: DesiredService | undefined,
  revision: string,
): number {
  if (before?.autoscale === undefined) return beginningReplicas(autoscale, replicas, null)
  return beginningReplicas(autoscale, replicas, before.revision === revision ? before.replicas : awake(before))
}

/** The count of a service that is to run now: one that follows the load and sleeps gets an instance. */
export function awake({ autoscale, replicas }: Pick<DesiredService, 'autoscale' | 'replicas'>): number {
  return autoscale === undefined ? replicas : Math.max(1, replicas)
}

/** What applying changes, by service name in ascending order. */
export function changesBetween(before: Desired, after: Desired): ApplyResult {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort()
  const same = (name: string): boolean => canonicalJson(before.get(name)) === canonicalJson(after.get(name))
  return {
    added: names.filter((name) => !before.has(name)),
    removed: names.filter((name) => !after.has(name)),
    changed: names.filter((name) => before.has(name) && after.has(name) && !same(name)),
    unchanged: names.filter((name) => before.has(name) && after.has(name) && same(name)),
  }
}

/** The desired state with one service changed; the rest is shared. */
export function withService(
  desired: Desired,
  name: string,
  change: (service: DesiredService) => DesiredService,
): Desired {
  const service = desired.get(name)
  if (service === undefined) return desired
  return new Map(desired).set(name, change(service))
}

/** In one sentence, for the events. */
export function describeChanges(app: string, changes: ApplyResult): string {
  const parts = (['added', 'changed', 'removed'] as const)
    .filter((kind) => changes[kind].length > 0)
    .map((kind) => `${kind} ${changes[kind].join(', ')}`)
  return parts.length === 0 ? `${app}: no service changes` : `${app}: ${parts.join('; ')}`
}
