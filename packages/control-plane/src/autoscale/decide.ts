import type { AutoscaleSpec, InstanceCount } from '@pando/model'

/** A share of this size above or below the target is no reason to move. */
const tolerance = 0.1

/** What a service has to do now, measured over the last seconds. Null is not known, and never a reason to have fewer instances. */
export interface Load {
  /** In flight and waiting, of all instances together. */
  readonly inFlight: number | null
  /** Requests a second. */
  readonly rps: number | null
  /** Percent of their limits, added up over so many instances. */
  readonly cpu: Usage | null
  readonly memory: Usage | null
}

export interface Usage {
  readonly percent: number
  readonly instances: number
}

/** What was asked for and done before. */
export interface Past {
  /** Ascending by time; the first is the count that was found. */
  readonly asked: readonly { readonly at: number; readonly replicas: number }[]
  readonly moves: readonly { readonly at: number; readonly by: number }[]
  /** Since when there has been no request; null while there are some, or nobody knows. */
  readonly idleSince: number | null
}

export interface Situation {
  readonly spec: AutoscaleSpec
  /** The count that is wanted now. */
  readonly present: number
  readonly load: Load
  readonly past: Past
  /** Requests that the gateway holds because there is no instance. */
  readonly held: number
  /** One revision is replacing another: that takes instances away by itself. */
  readonly isRolling: boolean
  /** The rollout waits for somebody's word, however long that takes. */
  readonly isHeld?: boolean
  /** Unix time, ms. */
  readonly now: number
}

export interface Decision {
  readonly replicas: number
  /** Why it is another count than now, in words; empty when it is not. */
  readonly why: string
  /** What the load alone asks for, to be remembered; null when nothing is known of it. */
  readonly asked: number | null
}

/**
 * How many instances shall run. Pure. The arithmetic is that of Kubernetes' HorizontalPodAutoscaler v2 (the target that asks for most
 * counts; stabilisation windows; steps in a period). Sleeping and waking go before it and know no windows.
 */
export function decide(situation: Situation): Decision {
  const { spec, present, past, held, isRolling, isHeld = false, now } = situation
  const stay: Decision = { replicas: present, why: '', asked: null }
  if (present === 0) {
    if (spec.min > 0) return { ...stay, replicas: spec.min, why: `min is ${spec.min}` }
    return held > 0 ? { ...stay, replicas: 1, why: 'a request waits for it' } : stay
  }
  if (present < spec.min) return { ...stay, replicas: spec.min, why: `min is ${spec.min}` }
  if (present > spec.max) return { ...stay, replicas: spec.max, why: `max is ${spec.max}` }
  const isIdle = past.idleSince !== null && now - past.idleSince >= spec.idleMs
  if (spec.min === 0 && isIdle && held === 0 && !isRolling) {
    return { ...stay, replicas: 0, why: `no request for ${spec.idleMs / 1000} s` }
  }
  const wish = wishOf(situation)
  if (wish === null) return stay
  const asked = Math.min(spec.max, Math.max(spec.min, 1, wish.replicas))
  const steady = stabilised(asked, situation)
  const replicas = paced(steady, situation)
  if (replicas === present || (replicas < present && isRolling && !isHeld)) return { ...stay, asked }
  return { replicas, why: wish.why, asked }
}

interface Wish {
  readonly replicas: number
  readonly why: string
}

/** What the load asks for, whatever the bounds and the past. */
function wishOf({ spec, present, load }: Situation): Wish | null {
  const { inFlight, rps } = load
  const targets: { readonly target: number | null; readonly wish: () => Wish | null }[] = [
    {
      target: spec.concurrency,
      wish: () =>
        ofTotal(inFlight, spec.concurrency ?? 1, present, (sum, target) => `${sum} in flight, ${target} an instance`),
    },
    {
      target: spec.rps,
      wish: () =>
        ofTotal(rps, spec.rps ?? 1, present, (sum, target) => `${sum} requests a second, ${target} an instance`),
    },
    { target: spec.cpuPercent, wish: () => ofUsage(load.cpu, spec.cpuPercent ?? 1, present, 'cpu') },
    { target: spec.memoryPercent, wish: () => ofUsage(load.memory, spec.memoryPercent ?? 1, present, 'memory') },
  ]
  const set = targets.filter(({ target }) => target !== null)
  if (set.length === 0) return null
  const known = set.map(({ wish }) => wish()).filter((wish) => wish !== null)
  const most = known.reduce<Wish | null>((a, b) => (a === null || b.replicas > a.replicas ? b : a), null)
  // What is not known may be the one that asks for most.
  return most !== null && known.length < set.length && most.replicas < present ? null : most
}

function ofTotal(
  total: number | null,
  target: number,
  present: number,
  why: (total: number, target: number) => string,
): Wish | null {
  if (total === null) return null
  return { replicas: instancesFor(total / target, present), why: why(rounded(total), target) }
}

/** An instance that says nothing yet has nothing to do where more are asked for, and all that it can where fewer are. */
function ofUsage(usage: Usage | null, target: number, present: number, what: string): Wish | null {
  if (usage === null || usage.instances === 0) return null
  const silent = Math.max(0, present - usage.instances)
  const least = usage.percent / target
  const up = instancesFor(least, present)
  const down = instancesFor(least + silent, present)
  const replicas = up > present ? up : Math.min(present, Math.max(up, down))
  const mean = rounded(usage.percent / usage.instances)
  return { replicas, why: `${what} at ${mean} % of the limit, ${target} % is the target` }
}

function instancesFor(needed: number, present: number): number {
  if (Math.abs(needed / present - 1) <= tolerance) return present
  // What only the floating point adds is no reason for one more.
  return Math.ceil(needed - 1e-9)
}

/** Of what was asked for in the window, the smallest move. */
function stabilised(asked: number, { spec, present, past, now }: Situation): number {
  const within = (windowMs: number): number[] =>
    past.asked.flatMap(({ at, replicas }) => (now - at < windowMs ? [replicas] : []))
  const highest = Math.max(asked, ...within(spec.down.stabilizationMs))
  const lowest = Math.min(asked, ...within(spec.up.stabilizationMs))
  if (lowest > present) return lowest
  return highest < present ? highest : present
}

/** No more than a step away from where the count was a period ago. */
function paced(wanted: number, { spec, present, past, now }: Situation): number {
  const moved = (periodMs: number, sign: 1 | -1): number =>
    past.moves.reduce((sum, { at, by }) => (now - at < periodMs && by * sign > 0 ? sum + by : sum), 0)
  if (wanted > present) {
    const start = present - moved(spec.up.periodMs, 1)
    return Math.max(present, Math.min(wanted, start + stepOf(spec.up.step, start)))
  }
  if (wanted < present) {
    const start = present - moved(spec.down.periodMs, -1)
    return Math.min(present, Math.max(wanted, start - stepOf(spec.down.step, start)))
  }
  return present
}

function stepOf(step: InstanceCount, of: number): number {
  return Math.max(1, 'percent' in step ? Math.ceil((step.percent * of) / 100) : step.count)
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}
