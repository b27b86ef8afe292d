/**
 * Which leases end now. When heartbeats vanish together, the likeliest cause is on our side of the wire (a cut network, a stopped
 * virtual machine, a stalled control plane), and evicting everybody would turn a silence into an outage. So eviction pauses
 * while more than half of a group, and at least three, are silent; a group is one service, or all services together.
 */
export interface LeaseView {
  readonly key: string
  readonly service: string
  /** Lived time, ms. */
  readonly renewedAt: number
  readonly ttlMs: number
}

export interface EvictionState {
  /** Leases that ended lately, so that a herd which dies one by one is still seen as a herd. Lived time, ms. */
  readonly recent: readonly { readonly service: string; readonly at: number; readonly windowMs: number }[]
  /** Groups that are paused (a service, or `*` for all), since when. Lived time, ms. */
  readonly paused: ReadonlyMap<string, number>
}

export interface EvictionDecision {
  /** Keys of leases that end now. */
  readonly evict: readonly string[]
  /** Keys of leases that get their whole time again, as their group has just come out of a pause. */
  readonly forgive: readonly string[]
  readonly state: EvictionState
  readonly newlyPaused: readonly { readonly group: string; readonly silent: number; readonly all: number }[]
  readonly resumed: readonly string[]
}

/** After so long the silent ones are really gone, herd or not. */
export const maxPauseMs = 10 * 60_000
export const allGroups = '*'
const minSilent = 3

export function initialEviction(): EvictionState {
  return { recent: [], paused: new Map() }
}

/** One look, at lived time `now`. A lease is silent when half its time has passed without a renewal: those who renew every third never are. */
export function decideEviction(leases: Iterable<LeaseView>, before: EvictionState, now: number): EvictionDecision {
  // While a group is paused its first dead count on, or the pause would end when they are forgotten and not when somebody is heard.
  const isPaused = (service: string): boolean => before.paused.has(service) || before.paused.has(allGroups)
  const recent = before.recent.filter((ended) => now - ended.at < ended.windowMs || isPaused(ended.service))
  const groups = countGroups(recent)
  const due: LeaseView[] = []
  for (const lease of leases) {
    const age = now - lease.renewedAt
    for (const name of [lease.service, allGroups]) {
      const group = groupOf(groups, name)
      group.all++
      if (age > lease.ttlMs / 2) group.silent++
      if (age >= lease.ttlMs) group.due++
    }
    if (age >= lease.ttlMs) due.push(lease)
  }

  const paused = new Map<string, number>()
  const newlyPaused: { group: string; silent: number; all: number }[] = []
  const resumed: string[] = []
  const expired = new Set<string>()
  for (const [name, group] of groups) {
    const since = before.paused.get(name)
    const isHerd = group.silent >= minSilent && group.silent * 2 > group.all
    if (isHerd && since !== undefined && now - since >= maxPauseMs) expired.add(name)
    else if (isHerd && (since !== undefined || group.due > 0)) {
      paused.set(name, since ?? now)
      if (since === undefined) newlyPaused.push({ group: name, silent: group.silent, all: group.all })
    } else if (since !== undefined) resumed.push(name)
  }

  const evict: string[] = []
  const forgive: string[] = []
  for (const lease of due) {
    const groupsOfLease = [lease.service, allGroups]
    if (groupsOfLease.some((name) => expired.has(name))) evict.push(lease.key)
    else if (groupsOfLease.some((name) => paused.has(name))) continue
    else if (groupsOfLease.some((name) => resumed.includes(name))) forgive.push(lease.key)
    else {
      evict.push(lease.key)
      recent.push({ service: lease.service, at: now, windowMs: Math.min(lease.ttlMs, 60_000) })
    }
  }
  return { evict, forgive, state: { recent, paused }, newlyPaused, resumed }
}

interface Group {
  all: number
  silent: number
  due: number
}

function countGroups(recent: EvictionState['recent']): Map<string, Group> {
  const groups = new Map<string, Group>()
  for (const { service } of recent) {
    for (const name of [service, allGroups]) {
      const group = groupOf(groups, name)
      group.all++
      group.silent++
    }
  }
  return groups
}

function groupOf(groups: Map<string, Group>, name: string): Group {
  let group = groups.get(name)
  if (group === undefined) groups.set(name, (group = { all: 0, silent: 0, due: 0 }))
  return group
}
