import type { Desired, DesiredService, Observed, ObservedInstance, SlotHistory } from './state.js'

/** One service, wanted and seen, sorted for the decisions of a plan. */
export interface ServiceView {
  readonly name: string
  /** Null when the service is no longer wanted at all. */
  readonly desired: DesiredService | null
  /** Instances that should be serving or working: replicas, less those that have ended and shall stay ended; 0 when stopped or gone. */
  readonly wanted: number
  /** Every instance that has not been buried, exited ones too: each holds its slot. */
  readonly instances: readonly ObservedInstance[]
  /** Live ones that nobody has told to leave. */
  readonly active: readonly ObservedInstance[]
  /** Active ones of the wanted revision and generation. */
  readonly current: readonly ObservedInstance[]
  /** Active ones of another revision or generation. */
  readonly old: readonly ObservedInstance[]
  /** Live ones that drain or have been told to stop. */
  readonly leaving: readonly ObservedInstance[]
  /** Exited, or leaving because they failed. */
  readonly failing: readonly ObservedInstance[]
  /** Slots whose run of the wanted revision and generation has ended for good. */
  readonly ended: readonly EndedSlot[]
}

export interface EndedSlot {
  readonly slot: number
  readonly isSuccess: boolean
}

/** Views of everything wanted or seen, by name in ascending order, so that equal inputs give equal plans. */
export function viewServices(desired: Desired, observed: Observed): Map<string, ServiceView> {
  const instances = group(observed.instances)
  const ended = endedSlots(desired, observed.slots)
  const names = [...new Set([...desired.keys(), ...instances.keys()])].sort()
  return new Map(
    names.map((name) => [
      name,
      viewService(name, desired.get(name) ?? null, instances.get(name) ?? [], ended.get(name) ?? []),
    ]),
  )
}

export function slotKey(service: string, slot: number): string {
  return `${service}/${slot}`
}

export function isCurrent(instance: ObservedInstance, desired: DesiredService | null): boolean {
  return instance.revision === desired?.revision && instance.generation === desired.generation
}

export function isHealthy(instance: ObservedInstance): boolean {
  return instance.record.health === 'healthy'
}

function viewService(
  name: string,
  desired: DesiredService | null,
  seen: readonly ObservedInstance[],
  endedHere: readonly EndedSlot[],
): ServiceView {
  const instances = [...seen].sort((a, b) => a.slot - b.slot || (a.id < b.id ? -1 : 1))
  const live = instances.filter((i) => i.exited === null)
  const active = live.filter((i) => i.record.drain === null && i.record.stop === null)
  const held = new Set(instances.filter((i) => isCurrent(i, desired)).map((i) => i.slot))
  const ended = endedHere.filter(({ slot }) => !held.has(slot))
  const replicas = desired === null || desired.isStopped ? 0 : desired.replicas
  return {
    name,
    desired,
    wanted: Math.max(0, replicas - ended.length),
    instances,
    active,
    current: active.filter((i) => isCurrent(i, desired)),
    old: active.filter((i) => !isCurrent(i, desired)),
    leaving: live.filter((i) => i.record.drain !== null || i.record.stop !== null),
    failing: instances.filter((i) => i.exited !== null || isFailing(i)),
    ended,
  }
}

function isFailing({ record }: ObservedInstance): boolean {
  const reason = (record.stop ?? record.drain)?.reason
  return reason !== undefined && reason.kind !== 'stopped'
}

function endedSlots(desired: Desired, slots: ReadonlyMap<string, SlotHistory>): Map<string, EndedSlot[]> {
  const byService = new Map<string, EndedSlot[]>()
  for (const [key, { ended }] of slots) {
    if (ended === null) continue
    const cut = key.lastIndexOf('/')
    const name = key.slice(0, cut)
    const service = desired.get(name)
    if (service?.revision !== ended.revision || service.generation !== ended.generation) continue
    // The restart policy is no part of the revision: it may have changed since.
    if (service.restart === 'always' || (service.restart === 'on-failure' && !ended.isSuccess)) continue
    const list = byService.get(name) ?? []
    list.push({ slot: Number(key.slice(cut + 1)), isSuccess: ended.isSuccess })
    byService.set(name, list)
  }
  return byService
}

function group(instances: readonly ObservedInstance[]): Map<string, ObservedInstance[]> {
  const groups = new Map<string, ObservedInstance[]>()
  for (const instance of instances) {
    const list = groups.get(instance.service)
    if (list === undefined) groups.set(instance.service, [instance])
    else list.push(instance)
  }
  return groups
}
