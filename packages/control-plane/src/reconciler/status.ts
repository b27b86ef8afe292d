import { describeExit, type Address, type InstancePhase, type InstanceStatus, type ServiceStatus } from '@pando/model'
import { isAsleep } from './dependencies.js'
import { failuresOwed } from './backoff.js'
import { isStaged, rolloutSpecOf, shareOf, waitsForPromote } from './rollout-state.js'
import { isHealthy, slotKey, viewServices, type ServiceView } from './service-view.js'
import type { Desired, DesiredService, Observed, ObservedInstance, Rollout, SlotHistory } from './state.js'
import type { Plan } from './step.js'

/** What the reconciler does not know of a service, and its status shows all the same. */
export interface ServiceFacts {
  readonly address: Address | null
  readonly routes: readonly string[]
}

export interface Usage {
  readonly memoryBytes: number
  readonly cpuSeconds: number
}

export interface StatusInput {
  readonly desired: Desired
  readonly observed: Observed
  readonly plan: Plan
  readonly now: number
  readonly facts: (service: string) => ServiceFacts
  /** Null when it is not known. */
  readonly usage?: (instance: string) => Usage | null
}

/** How every service fares, by name; also one that is gone while its last instances are leaving. */
export function statusOf(input: StatusInput): ServiceStatus[] {
  return [...viewServices(input.desired, input.observed).values()].map((view) => serviceStatus(view, input))
}

function serviceStatus(view: ServiceView, input: StatusInput): ServiceStatus {
  const { name, desired, instances } = view
  const { address, routes } = input.facts(name)
  return {
    name,
    ...stateOf(view, input),
    protocol: desired?.spec.protocol ?? 'none',
    revision: desired?.revision ?? instances.at(-1)?.revision ?? '',
    replicas: desired?.replicas ?? 0,
    ...(desired?.autoscale === undefined
      ? {}
      : { autoscale: { min: desired.autoscale.min, max: desired.autoscale.max } }),
    healthy: view.active.filter(isHealthy).length,
    address,
    routes,
    instances: instances.map((instance) => instanceStatus(instance, input)),
    ...rolloutStatus(view, input),
  }
}

function rolloutStatus({ name, desired }: ServiceView, { observed }: StatusInput): Pick<ServiceStatus, 'rollout'> {
  const rollout = observed.rollouts?.get(name)
  if (rollout === undefined || desired === null) return {}
  const { strategy, steps } = rolloutSpecOf(desired)
  return {
    rollout: {
      state: rollout.state,
      strategy,
      from: rollout.good?.revision ?? null,
      to: rollout.revision,
      since: rollout.startedAt,
      step: Math.min(rollout.step + 1, steps.length),
      steps: steps.length,
      weight: rollout.state === 'progressing' ? shareOf(desired, rollout) : null,
      isRollback: rollout.isRollback,
      ...(waitsForPromote(desired, rollout) ? { waitsForPromote: true as const } : {}),
      reason: rolloutReason(desired, rollout),
    },
  }
}

/** What a rollout waits for, or why it ended as it did. */
function rolloutReason(desired: DesiredService, rollout: Rollout): string {
  if (rollout.switchedAt !== null && rollout.state === 'progressing') return 'the old instances finish what they have'
  if (rollout.stepSince === null || !isStaged(desired, rollout)) return rollout.reason
  return waitsForPromote(desired, rollout)
    ? 'it waits for pando promote'
    : 'it is looked at before it gets more requests'
}

function stateOf(
  view: ServiceView,
  { observed, plan }: StatusInput,
): Pick<ServiceStatus, 'state' | 'reason' | 'waitsFor'> {
  const { name, desired, wanted, instances, active, current, ended } = view
  if (desired === null) return { state: 'stopped', reason: 'It is no longer part of the app and is being stopped.' }
  if (isAsleep(view)) {
    const isLeaving = instances.length > 0
    return {
      state: 'stopped',
      reason: `It sleeps until a request comes${isLeaving ? '; its instances are leaving' : ''}.`,
      waitsFor: { kind: 'request' },
    }
  }
  if (desired.isStopped || desired.replicas === 0) {
    const what = desired.isStopped ? 'It was stopped' : 'It has no replicas'
    return { state: 'stopped', reason: instances.length > 0 ? `${what} and its instances are leaving.` : `${what}.` }
  }
  const lastExit = latestExit(name, observed.slots)
  if (wanted === 0) {
    const isSuccess = ended.every((run) => run.isSuccess)
    if (isSuccess) return { state: 'completed', reason: 'It ran to its end.' }
    return { state: 'failed', reason: `It has ended and is not started again: ${lastExit ?? 'it failed'}.` }
  }
  const healthy = active.filter(isHealthy).length
  const arrived = current.filter(isHealthy).length
  if (arrived >= wanted) return { state: 'ready', reason: '' }

  const build = observed.builds.get(desired.revision)
  const waiting = plan.waiting.get(name)
  const said = {
    reason: waiting === undefined ? missingReason(view, arrived) : `It ${waiting.text}.`,
    ...(waiting === undefined ? {} : { waitsFor: waiting.for }),
  }
  const isBuildFailed = build?.kind === 'failed'
  const isHeldBack = isBuildFailed || hasFailed(view, observed.slots)
  if (healthy > 0) return { state: healthy < wanted || isHeldBack ? 'degraded' : 'starting', ...said }
  if (current.length === 0 && isHeldBack) return { state: 'failed', ...said }
  if (current.length === 0 && (build === undefined || build.kind === 'building')) return { state: 'building', ...said }
  if (current.length === 0 && waiting !== undefined) return { state: 'waiting', ...said }
  return { state: current.some((i) => i.record.health === 'unhealthy') ? 'degraded' : 'starting', ...said }
}

function missingReason({ current, wanted, old }: ServiceView, arrived: number): string {
  const sick = current.find((i) => !isHealthy(i))
  const detail = sick === undefined || sick.record.detail === '' ? '' : `: ${sick.record.detail}`
  const ofWhich = old.length > 0 ? ' of the new revision' : ''
  return `${arrived} of ${wanted} instances${ofWhich} ${arrived === 1 ? 'is' : 'are'} healthy${detail}.`
}

function hasFailed({ name, desired }: ServiceView, slots: ReadonlyMap<string, SlotHistory>): boolean {
  return [...slots].some(
    ([key, { failures, of }]) =>
      key.slice(0, key.lastIndexOf('/')) === name &&
      failures > 0 &&
      (of === undefined || (of.revision === desired?.revision && of.generation === desired.generation)),
  )
}

function latestExit(service: string, slots: ReadonlyMap<string, SlotHistory>): string | null {
  const exits = [...slots].flatMap(([key, { lastExit }]) =>
    key.slice(0, key.lastIndexOf('/')) === service && lastExit !== null ? [lastExit] : [],
  )
  const latest = exits.sort((a, b) => b.at - a.at)[0]
  return latest === undefined ? null : describeExit(latest.reason)
}

function instanceStatus(instance: ObservedInstance, { observed, usage, now }: StatusInput): InstanceStatus {
  const { id, service, slot, revision, pid, address, startedAt } = instance
  const history = observed.slots.get(slotKey(service, slot))
  const used = usage?.(id) ?? null
  return {
    id,
    service,
    slot,
    revision,
    phase: phaseOf(instance),
    pid,
    address,
    startedAt,
    restarts: failuresOwed(history, instance, now),
    detail: detailOf(instance, history),
    memoryBytes: used?.memoryBytes ?? null,
    cpuSeconds: used?.cpuSeconds ?? null,
  }
}

function phaseOf({ exited, record }: ObservedInstance): InstancePhase {
  if (exited !== null) return 'exited'
  if (record.stop !== null) return 'stopping'
  return record.drain === null ? record.health : 'draining'
}

function detailOf({ record, exited }: ObservedInstance, history: SlotHistory | undefined): string {
  if (exited !== null) return describeExit(record.stop?.reason ?? exited.reason)
  if (record.health !== 'healthy' && record.detail !== '') return record.detail
  const lastExit = history?.lastExit ?? null
  return lastExit === null ? '' : `last exit: ${describeExit(lastExit.reason)}`
}
