import { isAvailable } from './rollout.js'
import { isHealthy, type ServiceView } from './service-view.js'
import type { DesiredService, Rollout } from './state.js'
import type { Surroundings } from './rollout-advance.js'

/**
 * A revision that was replaced before its `min_healthy_time` was over is not one to go back to: nobody knows yet whether it is
 * well. But its instances serve on while the next one arrives, and may show it all the same.
 */

/** So many are remembered: somebody who saves a file three times in a row has the first one to go back to. */
const keptUnproven = 3

/** Those that may still prove themselves while `desired` arrives, newest first. None while a good one is gone back to. */
export function unprovenBeside(desired: DesiredService, before: Rollout | null): readonly DesiredService[] {
  const good = before?.good ?? null
  if (before === null || before.state === 'succeeded' || good?.revision === desired.revision) return []
  // One that has failed has shown what it is.
  const isOpen = before.state === 'progressing' && !before.isRollback && before.wanted !== undefined
  const all = [...(isOpen ? [before.wanted] : []), ...(before.unproven ?? [])]
  const isElse = ({ revision }: DesiredService): boolean =>
    revision !== desired.revision && revision !== good?.revision && (isOpen || revision !== before.revision)
  return all.filter(isElse).slice(0, keptUnproven)
}

/** The newest of them that has shown itself to be well by now; null when there is none. */
export function provenBy(view: ServiceView, { unproven = [] }: Rollout, around: Surroundings): DesiredService | null {
  return (
    unproven.find((one) => {
      const its = instancesOf(one, view, around)
      return its.length > 0 && its.every((i) => isAvailable(i, view.desired, around.alarm))
    }) ?? null
  )
}

/** One of them may prove itself as soon as its time is over: a failure is not decided before. */
export function isProofNear(view: ServiceView, { unproven = [] }: Rollout, around: Surroundings): boolean {
  return unproven.some((one) => instancesOf(one, view, around).length > 0)
}

/** As many healthy ones as it takes; empty when there are fewer, or it is not one to be gone back to whatever they show. */
function instancesOf(one: DesiredService, view: ServiceView, { mayProve }: Surroundings): ServiceView['old'] {
  const healthy = view.old.filter((i) => i.revision === one.revision && i.generation === one.generation && isHealthy(i))
  healthy.sort((a, b) => a.record.since - b.record.since)
  const enough = Math.max(1, Math.min(one.replicas, view.wanted))
  return healthy.length >= enough && mayProve(one.revision) ? healthy.slice(0, enough) : []
}
