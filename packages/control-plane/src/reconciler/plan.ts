import { describeExit } from '@pando/model'
import { Alarm } from './alarm.js'
import { backoffMs, notBefore, trusted } from './backoff.js'
import { isGoing, mayLeave, unmetDependency } from './dependencies.js'
import { ailingSteps, leavingStep } from './leaving.js'
import { leavers, missing, startsAllowed } from './rollout.js'
import { slotKey, viewServices, type ServiceView } from './service-view.js'
import { freeSlots } from './slots.js'
import type { Desired, Observed, ObservedInstance } from './state.js'
import type { Plan, Step, Waiting } from './step.js'

/**
 * The steps from observed to desired state. Pure: equal inputs give equal plans. At most one step for an instance and one start
 * for a slot; every step, once begun, shows in the next observation, so that no plan asks for it twice.
 */
export function plan(desired: Desired, observed: Observed, now: number): Plan {
  const alarm = new Alarm(now)
  const views = viewServices(desired, observed)
  const steps: Step[] = []
  const waiting = new Map<string, Waiting>()
  for (const view of views.values()) {
    const arrival = planArrival(view, views, observed, alarm)
    steps.push(...arrival.steps, ...planDeparture(view, views, observed, arrival.isReady, alarm))
    if (arrival.waiting !== null) waiting.set(view.name, arrival.waiting)
  }
  return { steps, wakeAt: alarm.wakeAt, waiting }
}

interface Arrival {
  readonly steps: readonly Step[]
  /** Built, and what it depends on is there. */
  readonly isReady: boolean
  readonly waiting: Waiting | null
}

/** Builds and starts what is missing. Building does not wait for dependencies, so that all is built while the first ones start. */
function planArrival(
  view: ServiceView,
  views: ReadonlyMap<string, ServiceView>,
  observed: Observed,
  alarm: Alarm,
): Arrival {
  const { desired } = view
  const rollout = observed.rollouts?.get(view.name)
  if (desired === null || missing(view, rollout) === 0) return { steps: [], isReady: true, waiting: null }
  const { name, revision, generation } = desired
  const build = observed.builds.get(revision)
  if (build === undefined) {
    const waiting = forBuild('is about to be built')
    return { steps: [{ kind: 'build', service: name, revision }], isReady: false, waiting }
  }
  if (build.kind === 'building') return { steps: [], isReady: false, waiting: forBuild('is being built') }
  if (build.kind === 'failed') {
    const isDue = alarm.reached(trusted(build.retryAt, alarm.now))
    return {
      steps: isDue ? [{ kind: 'build', service: name, revision }] : [],
      isReady: false,
      waiting: forBuild(`waits to be built again after a failed build: ${build.reason}`),
    }
  }
  const unmet = unmetDependency(view, views)
  if (unmet !== null) return { steps: [], isReady: false, waiting: unmet }

  const slots = freeSlots(view, startsAllowed(view, rollout))
  const due = slots.filter((slot) =>
    alarm.reached(notBefore(observed.slots.get(slotKey(name, slot)), desired, alarm.now)),
  )
  return {
    steps: due.map((slot) => ({ kind: 'start', service: name, slot, revision, generation })),
    isReady: true,
    waiting: whyHeldBack(
      slots.find((slot) => !due.includes(slot)),
      name,
      observed,
    ),
  }
}

function forBuild(text: string): Waiting {
  return { for: { kind: 'build' }, text }
}

function whyHeldBack(slot: number | undefined, service: string, { slots }: Observed): Waiting | null {
  const history = slot === undefined ? undefined : slots.get(slotKey(service, slot))
  if (history === undefined) return null
  const { failures, lastExit } = history
  const exit = lastExit === null ? '' : ` (${describeExit(lastExit.reason)})`
  const often = failures === 1 ? 'has failed' : `has failed ${failures} times in a row`
  const text = `${often}${exit} and waits ${backoffMs(failures) / 1000} s to be started again`
  return { for: { kind: 'restart' }, text }
}

/** Moves on what leaves, and tells what is no longer wanted or no longer well to leave. */
function planDeparture(
  view: ServiceView,
  views: ReadonlyMap<string, ServiceView>,
  observed: Observed,
  isReady: boolean,
  alarm: Alarm,
): Step[] {
  const isHeld = isGoing(view) && !mayLeave(view, views)
  const unwanted = isHeld ? [] : leavers(view, observed.rollouts?.get(view.name), isReady, alarm)
  const unwantedIds = new Set(unwanted.map((i) => i.id))
  const staying = view.active.filter((i) => !unwantedIds.has(i.id))
  const moved = view.instances.map((i) => leavingStep(i, alarm)).filter((step) => step !== null)
  const drained = unwanted.map((i): Step => ({
    kind: 'drain',
    instance: i.id,
    reason: { kind: 'stopped' },
    why: whyUnwanted(i, view),
  }))
  return [...moved, ...drained, ...ailingSteps(view, staying, alarm)]
}

function whyUnwanted(instance: ObservedInstance, { desired }: ServiceView): string {
  if (desired === null) return 'its service is no longer part of the app'
  if (desired.isStopped) return 'its service was stopped'
  if (instance.revision !== desired.revision) return `revision ${desired.revision} replaces it`
  if (instance.generation !== desired.generation) return 'a restart replaces it'
  return `${desired.replicas} ${desired.replicas === 1 ? 'instance is' : 'instances are'} enough`
}
