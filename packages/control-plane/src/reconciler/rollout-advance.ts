import { describeExit } from '@pando/model'
import type { NewEvent } from '../events/events.js'
import type { Alarm } from './alarm.js'
import { isGoing, unmetDependency } from './dependencies.js'
import { judge, type Comparison } from './judge.js'
import { isAvailable, stagedCount } from './rollout.js'
import { isProofNear, provenBy, unprovenBeside } from './rollout-proof.js'
import { isStaged, rolloutSpecOf, shareOf } from './rollout-state.js'
import type { ServiceView } from './service-view.js'
import type { DesiredService, Observed, Rollout } from './state.js'

/** Failures of the new revision that make a crash loop. */
const crashesAllowed = 2

/** A step whose figures the gateway does not give is held so much longer than its pause: ms. */
const figuresPatienceMs = 10_000

/** What becomes of a rollout now. Only what has changed is there. */
export interface Advance {
  readonly rollout: Rollout
  /** Set when the service is to go back: what is wanted from now on. */
  readonly back: DesiredService | null
  /** Set when it has come to its end. */
  readonly result: {
    readonly result: 'succeeded' | 'failed'
    readonly reason: string
    readonly revision: string
    /** It failed, and nothing is to be gone back to. */
    readonly isWithoutReturn?: boolean
  } | null
  /** A revision that was replaced early has shown itself to be well after all. */
  readonly proven?: string
  readonly events: readonly NewEvent[]
}

export interface Surroundings {
  readonly views: ReadonlyMap<string, ServiceView>
  readonly observed: Observed
  readonly alarm: Alarm
  /** The gateway's figures since the step began; null when there are none. */
  readonly figures: Comparison | null
  /** Whether a revision that was replaced early may be gone back to when it shows itself to be well: nobody has rolled it back. */
  readonly mayProve: (revision: string) => boolean
}

/** The next state of a service's rollout, or null when nothing changes. Pure; one change at a time, asked again until null. */
export function advance(view: ServiceView, before: Rollout | undefined, around: Surroundings): Advance | null {
  const { desired } = view
  if (desired === null || isGoing(view)) return null
  const isSame = before?.revision === desired.revision && before.generation === desired.generation
  if (before === undefined || !isSame) return begun(desired, before ?? null, around.alarm.now)
  if (before.state === 'succeeded') return null
  if (isWhole(view, before, around.alarm)) return succeeded(desired, before)
  const proven = provenBy(view, before, around)
  if (proven !== null && !(before.state === 'failed' && isJob(view, around))) {
    return withProof(desired, before, proven, around.alarm.now)
  }
  // It may still come to be well, and then it is.
  if (before.state === 'failed') return null
  const failure = failureOf(view, before, around)
  if (failure !== null) {
    if (isProofNear(view, before, around)) return null
    return failed(desired, before, failure, around.alarm.now, isJob(view, around))
  }
  return awaited(view, before, around) ?? staged(view, before, around)
}

/** True when nothing can change in it until something else is wanted. */
export function isOver({ revision, generation }: DesiredService, rollout: Rollout | undefined): boolean {
  return rollout?.state === 'succeeded' && rollout.revision === revision && rollout.generation === generation
}

/** Goes on to the end without waiting for its steps. Null when nothing is under way that could. */
export function promoted(desired: DesiredService, rollout: Rollout | undefined): Advance | null {
  if (rollout === undefined || rollout.state !== 'progressing' || !isStaged(desired, rollout)) return null
  const { steps } = rolloutSpecOf(desired)
  const next = { ...rollout, isPromoted: true, step: steps.length, stepSince: null }
  return changed(next, event('rollout.promoted', desired, 'is promoted by hand'))
}

/** Gives it up by hand. Null when there is nothing under way, or nothing to go back to. */
export function aborted(desired: DesiredService, rollout: Rollout | undefined, now: number): Advance | null {
  if (rollout === undefined || rollout.state === 'succeeded' || !hasWayBack(rollout)) return null
  const next = failed(desired, rollout, 'it was aborted by hand', now)
  return { ...next, events: [event('rollout.aborted', desired, 'is aborted by hand'), ...next.events.slice(1)] }
}

function begun(desired: DesiredService, before: Rollout | null, now: number): Advance {
  const good = before?.good ?? null
  const unproven = unprovenBeside(desired, before)
  const rollout: Rollout = {
    revision: desired.revision,
    generation: desired.generation,
    good,
    wanted: desired,
    ...(unproven.length === 0 ? {} : { unproven }),
    state: 'progressing',
    isRollback: false,
    startedAt: now,
    step: 0,
    stepSince: null,
    isPromoted: false,
    switchedAt: null,
    best: 0,
    waitsSince: null,
    reason: '',
  }
  if (good === null || good.revision === desired.revision) return changed(rollout)
  const { strategy } = rolloutSpecOf(desired)
  return changed(rollout, event('rollout.started', desired, `replaces ${good.revision} (${strategy})`))
}

/** A revision that this one replaced early is the good one after all. One that has failed already goes back to it. */
function withProof(desired: DesiredService, before: Rollout, good: DesiredService, now: number): Advance {
  const unproven = (before.unproven ?? []).slice(0, before.unproven?.indexOf(good))
  const rollout: Rollout = { ...before, good, unproven }
  const proven = good.revision
  if (before.state === 'failed') return { ...failed(desired, rollout, before.reason, now), proven }
  const told = event('rollout.progressed', good, `has been healthy for long enough to be gone back to`)
  return { ...changed(rollout, told), proven }
}

/** All that is wanted is of the new revision and well, and nothing old is left in service. */
function isWhole(view: ServiceView, rollout: Rollout, alarm: Alarm): boolean {
  const { desired, wanted, current, old, ended } = view
  if (ended.some((run) => !run.isSuccess) || old.length > 0) return false
  if (desired !== null && isStaged(desired, rollout) && rollout.switchedAt === null && rollout.state !== 'failed')
    return false
  return current.filter((i) => isAvailable(i, desired, alarm)).length >= wanted
}

function succeeded(desired: DesiredService, before: Rollout): Advance {
  const { unproven: _, ...rest } = before
  const rollout: Rollout = { ...rest, good: desired, state: 'succeeded', waitsSince: null }
  const isNews = before.good !== null && before.good.revision !== desired.revision
  const what = before.isRollback ? 'serves again' : 'has taken over'
  const events = isNews || before.isRollback ? [event('rollout.succeeded', desired, what)] : []
  return { ...changed(rollout, ...events), result: { result: 'succeeded', reason: '', revision: desired.revision } }
}

function failureOf(view: ServiceView, rollout: Rollout, { observed, alarm, figures }: Surroundings): string | null {
  const { name, ended } = view
  const desired = view.desired as DesiredService
  const build = observed.builds.get(desired.revision)
  if (build?.kind === 'failed' && view.current.length === 0) return `it could not be built: ${build.reason}`
  let crashes = 0
  let last = ''
  for (const [key, history] of observed.slots) {
    if (key.slice(0, key.lastIndexOf('/')) !== name) continue
    if (history.of?.revision !== desired.revision || history.of.generation !== desired.generation) continue
    crashes += history.failures
    if (history.lastExit !== null) last = `: ${describeExit(history.lastExit.reason)}`
  }
  if (ended.some((run) => !run.isSuccess)) return `it has ended and is not started again${last}`
  if (crashes > crashesAllowed) return `its instances failed ${crashes} times${last}`
  const { progressDeadlineMs, judge: thresholds } = rolloutSpecOf(desired)
  // Whoever promotes it by hand has judged it.
  if (figures !== null && isStaged(desired, rollout) && !rollout.isPromoted) {
    const { verdict, text } = judge(figures, thresholds)
    if (verdict === 'worse') return `it was judged worse: ${text}`
  }
  if (rollout.waitsSince === null || !alarm.passed(rollout.waitsSince, progressDeadlineMs)) return null
  const sick = view.current.find((i) => i.record.health !== 'healthy')
  const detail = sick === undefined ? last : `: ${sick.record.detail}`
  return `no further instance became healthy in ${progressDeadlineMs / 1000} s${detail}`
}

function hasWayBack({ good, revision, isRollback }: Rollout): boolean {
  return good !== null && good.revision !== revision && !isRollback
}

/**
 * Others wait for its end. Such a one is not gone back from: its older revision would run again, end well, and so let those begin
 * whose newer revisions wait for the newer job.
 */
function isJob({ name }: ServiceView, { views }: Surroundings): boolean {
  return [...views.values()].some(({ desired }) => desired?.dependsOn[name] === 'service_completed_successfully')
}

function failed(desired: DesiredService, before: Rollout, why: string, now: number, isWithoutReturn = false): Advance {
  const { good } = before
  const result = { result: 'failed', reason: why, revision: desired.revision, isWithoutReturn } as const
  if (good === null || !hasWayBack(before) || isWithoutReturn) {
    const stays = before.isRollback
      ? 'it was itself gone back to'
      : isWithoutReturn
        ? 'others wait for its end'
        : 'there is no older revision to go back to'
    const reason = before.isRollback ? `${before.reason}; nor did going back succeed: ${why}` : why
    const rollout: Rollout = { ...before, state: 'failed', reason, waitsSince: null }
    const message = `has failed: ${why}; it is ${isWithoutReturn ? 'not gone back from' : 'tried further'}, as ${stays}`
    return { rollout, back: null, result, events: [event('rollout.failed', desired, message)] }
  }
  const back = wayBack(desired, good)
  const reason = `${before.revision} failed: ${why}`
  const rollout: Rollout = {
    ...begun(back, before, now).rollout,
    isRollback: true,
    reason,
  }
  return {
    rollout,
    back,
    result,
    events: [
      event('rollout.failed', desired, `has failed: ${why}`),
      event('rollout.rolled_back', back, `is gone back to, as ${reason}`),
    ],
  }
}

/** The good revision with what is wanted by now of all that is no part of a revision. */
function wayBack(desired: DesiredService, good: DesiredService): DesiredService {
  const { replicas, autoscale, isStopped, restart, dependsOn, drainTimeoutMs, rollout } = desired
  const kept = { replicas: good.spec.port === null ? replicas : Math.min(1, replicas), isStopped, restart, dependsOn }
  return {
    ...good,
    ...kept,
    drainTimeoutMs,
    ...(autoscale === undefined ? {} : { autoscale }),
    ...(rollout === undefined ? {} : { rollout }),
  }
}

/** Keeps the time since when the new revision owes something. */
function awaited(view: ServiceView, before: Rollout, { views, observed, alarm }: Surroundings): Advance | null {
  const desired = view.desired as DesiredService
  const available = view.current.filter((i) => isAvailable(i, desired, alarm)).length
  const isMissing = available < Math.min(stagedCount(view, before), view.wanted)
  const isReady = observed.builds.get(desired.revision)?.kind === 'ready' && unmetDependency(view, views) === null
  const isOwed = isMissing && (isReady || view.current.length > 0)
  if (isOwed !== (before.waitsSince !== null)) {
    return changed({ ...before, best: Math.max(before.best, available), waitsSince: isOwed ? alarm.now : null })
  }
  if (available <= before.best) return null
  const rollout = { ...before, best: available, waitsSince: isOwed ? alarm.now : null }
  if (before.good === null || before.good.revision === desired.revision) return changed(rollout)
  return changed(rollout, event('rollout.progressed', desired, `has ${available} of ${view.wanted} instances`))
}

/** Moves a canary from step to step, and the traffic over. */
function staged(view: ServiceView, before: Rollout, { alarm, figures }: Surroundings): Advance | null {
  const desired = view.desired as DesiredService
  if (!isStaged(desired, before)) return null
  const { steps, autoPromote, judge: thresholds, progressDeadlineMs } = rolloutSpecOf(desired)
  const mayEnd = autoPromote || before.isPromoted
  if (before.switchedAt !== null) return null
  const available = view.current.filter((i) => isAvailable(i, desired, alarm)).length
  if (available < stagedCount(view, before)) return null
  if (before.stepSince === null) {
    const rollout = { ...before, stepSince: alarm.now }
    const weight = shareOf(desired, rollout)
    const pause = steps[before.step]?.pauseMs
    const isAtEnd = before.step >= steps.length
    if (isAtEnd && mayEnd) return changed(rollout)
    const until = isAtEnd || pause === null ? 'until pando promote' : `for ${(pause ?? 0) / 1000} s`
    return changed(rollout, event('rollout.paused', desired, `gets ${weight} % of the requests ${until}`))
  }
  const step = steps[before.step]
  if (step === undefined) {
    if (!mayEnd) return null
    return changed({ ...before, switchedAt: alarm.now }, event('rollout.promoted', desired, 'gets all requests'))
  }
  if (step.pauseMs === null || !alarm.passed(before.stepSince, step.pauseMs)) return null
  if (figures === null && !alarm.passed(before.stepSince, step.pauseMs + figuresPatienceMs)) return null
  const seen = figures === null ? null : judge(figures, thresholds)
  if (seen?.verdict === 'unsure' && !alarm.passed(before.stepSince, step.pauseMs + progressDeadlineMs)) return null
  if (before.step === steps.length - 1 && !mayEnd) return null
  const judged = seen === null ? 'without figures' : seen.verdict === 'fine' ? seen.text : `unjudged, with ${seen.text}`
  return changed(
    { ...before, step: before.step + 1, stepSince: null },
    event('rollout.progressed', desired, `has passed step ${before.step + 1} of ${steps.length}: ${judged}`),
  )
}

function changed(rollout: Rollout, ...events: NewEvent[]): Advance {
  return { rollout, back: null, result: null, events }
}

function event(kind: NewEvent['kind'], { name, revision }: DesiredService, what: string): NewEvent {
  return { kind, service: name, message: `${name}: revision ${revision} ${what}` }
}
