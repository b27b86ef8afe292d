import { PandoError } from '@pando/model'
import type { InstanceReport } from '../drivers/driver.js'
import { HealthMonitor } from '../health/monitor.js'
import type { ProbedHealth } from '../health/tracker.js'
import { Alarm } from './alarm.js'
import { Builds } from './builds.js'
import { endpointsOf } from './endpoints.js'
import { Executor } from './execute.js'
import { Inventory } from './inventory.js'
import { Ledger } from './ledger.js'
import { plan as realPlan } from './plan.js'
import type { ReconcilerOptions, RolloutEnd } from './ports.js'
import { aborted, advance as realAdvance, isOver, promoted, type Advance } from './rollout-advance.js'
import { viewServices } from './service-view.js'
import type { Comparison } from './judge.js'
import type { Desired, Observed, Rollout } from './state.js'
import type { Plan, Step } from './step.js'
import { Tasks } from './tasks.js'

/** How often everything is looked at anew, whatever was reported or lost meanwhile. */
const resyncMs = 5000
/** What is still under way when it closes is waited for so long. */
const closeDeadlineMs = 5000
/** When what could not be done is tried again. */
const afterFaultMs = 1000
/** The clock has leapt when so much more than a resync has gone by since the last tick. */
const leapMs = 15_000
/** How often a canary's figures are looked at. */
const figuresMs = 1000
/** What tells how a rollout has ended. */
const endings: ReadonlySet<string> = new Set(['rollout.succeeded', 'rollout.failed', 'rollout.rolled_back'])
/** A plan is carried out in a few rounds; more than this many are a fault of ours, and wait for the next tick. */
const maxRounds = 50

/**
 * Observes, plans, executes, again. Level-triggered: an event only says that it is time to look, and what is done follows from
 * what is seen.
 *
 * A tick is one synchronous call, so ticks never overlap, and between them memory and store agree. What takes time (builds, calls
 * to the driver, probes, listings) runs beside it as tasks, which change what is known and then ask for a tick. At most one tick
 * is scheduled and at most one listing is wanted, however many events ask for them.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions
  readonly #plan: typeof realPlan
  readonly #advance: typeof realAdvance
  readonly #ledger: Ledger
  readonly #tasks: Tasks
  readonly #builds: Builds
  readonly #executor: Executor
  readonly #inventory: Inventory
  readonly #monitor: HealthMonitor
  #lastPlan: Plan = { steps: [], wakeAt: null, waiting: new Map() }
  #lastTickAt: number
  #rolloutWakeAt: number | null = null
  #state: 'new' | 'running' | 'closed' = 'new'
  #isTickDue = false
  #cancelTick = (): void => {}
  #cancelWake = (): void => {}
  #cancelResync = (): void => {}
  #unwatch = (): void => {}
  readonly #idleWaiters: (() => void)[] = []

  constructor(options: ReconcilerOptions) {
    const { builder, clock, driver, emit, prepare, prober, random, store } = options
    this.#options = options
    this.#plan = options.plan ?? realPlan
    this.#advance = options.advance ?? realAdvance
    this.#lastTickAt = clock.now()
    const ledger = new Ledger(store)
    const tasks = new Tasks({
      onError: (key, error) => this.#fault(`could not ${key}`, error),
      onEnd: () => this.poke(),
    })
    const states = ledger.builds
    this.#ledger = ledger
    this.#tasks = tasks
    this.#builds = new Builds({ builder, clock, tasks, emit, limit: options.maxBuilds ?? 4, states })
    this.#executor = new Executor({
      ledger,
      driver,
      builds: this.#builds,
      tasks,
      clock,
      random,
      emit,
      prepare,
      publish: () => this.#publish(),
      relist: () => this.#inventory.relist(),
      listings: () => this.#inventory.listings,
    })
    const executor = this.#executor
    const onExit = (report: InstanceReport): void => this.#onExit(report)
    this.#inventory = new Inventory({ driver, clock, ledger, tasks, executor, emit, onExit })
    this.#monitor = new HealthMonitor({ prober, clock, random, onResult: (id, health) => this.#onHealth(id, health) })
  }

  /** Takes over what runs, publishes what was healthy as healthy, and begins to reconcile. Resolves when that is done. */
  async start(): Promise<void> {
    const { driver, endpoints } = this.#options
    // Watched first, so that no exit falls between the listing and the watching.
    this.#unwatch = driver.watch((report) => this.#onExit(report))
    endpoints.onDrained(() => this.poke())
    await this.#inventory.open()
    if (this.#state === 'closed') return
    this.#state = 'running'
    try {
      this.#ledger.forgiveRollouts(this.#options.clock.now())
    } catch (error) {
      // Then they are held to the time in which nobody looked: better than not to take over at all.
      this.#fault('could not forgive rollouts the time without a control plane', error)
    }
    this.#publish()
    this.#scheduleResync()
    this.poke()
  }

  /**
   * Makes this the desired state. When it returns, that is durable, together with what `alongside` writes to the store; it is
   * reached later. When it throws, nothing has changed.
   */
  setDesired(desired: Desired, alongside?: () => void): void {
    this.#ledger.setDesired(desired, alongside)
    this.#builds.keepOnly(desired)
    this.poke()
  }

  desired(): Desired {
    return this.#ledger.desired
  }

  observed(): Observed {
    return this.#ledger.observed((id) => this.#options.endpoints.isDrained(id))
  }

  /** The last plan: what it waits for, and until when. */
  plan(): Plan {
    return this.#lastPlan
  }

  /** Asks for a look at everything soon. */
  poke(): void {
    if (this.#state !== 'running' || this.#isTickDue) return
    this.#isTickDue = true
    this.#cancelTick = this.#options.clock.after(0, () => this.#tick())
  }

  /** Resolves when there is nothing to do now: no step, no task under way, no instance starting or leaving. A backoff counts as nothing. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve)
      this.#answerIdle()
    })
  }

  /** Ends reconciling; instances go on. Builds are ended. The driver is not closed, since it is not ours. */
  async close(): Promise<void> {
    this.#state = 'closed'
    for (const cancel of [this.#cancelTick, this.#cancelWake, this.#cancelResync, this.#unwatch]) cancel()
    this.#monitor.close()
    this.#builds.close()
    this.#inventory.close()
    for (const resolve of this.#idleWaiters.splice(0)) resolve()
    await new Promise<void>((resolve) => {
      const cancelDeadline = this.#options.clock.after(closeDeadlineMs, resolve)
      void this.#tasks.settled().finally(cancelDeadline).finally(resolve)
    })
  }

  #tick(): void {
    if (this.#state !== 'running') return
    this.#isTickDue = false
    const now = this.#options.clock.now()
    try {
      const elapsed = now - this.#lastTickAt
      this.#ledger.anchor(now, elapsed > leapMs ? elapsed : 0)
      this.#lastTickAt = now
      this.#ledger.settle()
      const held = this.#reconcile(now)
      // What failed may have asked for a look at what it would have changed: there is nothing to see of that.
      if (held.size > 0) this.#forgetTick()
      this.#syncMonitor()
      this.#publish()
      this.#scheduleWake(now, this.#ledger.isOwing || held.size > 0 ? afterFaultMs : resyncMs)
    } catch (error) {
      // What could not be written was not done, and is planned again, but not at once.
      this.#fault('could not reconcile', error)
      // That goes for a look that was asked for meanwhile, too, for the sake of what has not come to be.
      this.#forgetTick()
      this.#cancelWake()
      this.#cancelWake = this.#options.clock.after(afterFaultMs, () => this.poke())
    }
    this.#answerIdle()
  }

  /** Returns the services of which nothing moves, as their rollouts could not be written. */
  #reconcile(now: number): ReadonlySet<string> {
    for (let round = 0; round < maxRounds; round++) {
      const held = this.#advanceRollouts(now)
      const next = this.#plan(this.#ledger.desired, this.observed(), now)
      this.#tellWaiting(next)
      this.#lastPlan = next
      const steps = next.steps.filter((step) => !held.has(this.#serviceOf(step)))
      for (const step of steps) if (step.kind === 'bury') this.#inventory.onBuried(step.instance)
      if (steps.length === 0 || !this.#executor.execute(steps, now)) return held
    }
    throw new PandoError('internal', `the plan came to no end in ${maxRounds} rounds`)
  }

  #serviceOf(step: Step): string {
    return 'service' in step ? step.service : (this.#ledger.runs.get(step.instance)?.service ?? '')
  }

  /** What a rollout cannot write, it has not done: its service stays as it is, and holds up no other. Returns those services. */
  #advanceRollouts(now: number): ReadonlySet<string> {
    const alarm = new Alarm(now)
    const held = new Set<string>()
    let seen: { readonly observed: Observed; readonly views: ReturnType<typeof viewServices> } | null = null
    for (const [name, service] of this.#ledger.desired) {
      if (isOver(service, this.#ledger.rollouts.get(name))) continue
      for (let round = 0; round < maxRounds; round++) {
        if (seen === null) {
          const observed = this.observed()
          seen = { observed, views: viewServices(this.#ledger.desired, observed) }
        }
        const view = seen.views.get(name)
        const rollout = this.#ledger.rollouts.get(name)
        if (view === undefined) break
        const figures = this.#figures(name, rollout, alarm)
        const mayProve = (revision: string): boolean => this.#options.proofs?.mayProve(name, revision) ?? true
        const next = this.#advance(view, rollout, { ...seen, alarm, figures, mayProve })
        if (next === null) break
        try {
          this.#take(name, next)
        } catch (error) {
          this.#fault(`could not go on with the rollout of ${name}`, error)
          held.add(name)
          break
        }
        seen = null
      }
    }
    this.#rolloutWakeAt = alarm.wakeAt
    return held
  }

  /** Of the step that a canary is at; looked at again soon. */
  #figures(service: string, rollout: Rollout | undefined, alarm: Alarm): Comparison | null {
    if (rollout === undefined || rollout.good === null || rollout.stepSince === null) return null
    alarm.reached(alarm.now + figuresMs)
    return this.#options.figures?.(service, rollout.revision, rollout.good.revision, rollout.stepSince) ?? null
  }

  /** Writes what has become of a rollout, and then tells of it. */
  #take(service: string, next: Advance): void {
    const { result, proven } = next
    let isTold = false
    this.#ledger.setRollout(service, next.rollout, next.back, () => {
      if (proven !== undefined) this.#options.proofs?.onProven(service, proven)
      if (result !== null) isTold = this.#options.onRolloutResult?.({ service, ...result, ...backIn(next) }) ?? false
    })
    for (const event of next.events) if (!isTold || !endings.has(event.kind)) this.#options.emit(event)
    if (next.back !== null) this.#builds.keepOnly(this.#ledger.desired)
  }

  /** Goes on to the end with what is under way, without waiting for its steps. False when nothing is that could. */
  promote(service: string): boolean {
    const desired = this.#ledger.desired.get(service)
    return this.#takeOrder(
      service,
      desired === undefined ? null : promoted(desired, this.#ledger.rollouts.get(service)),
    )
  }

  /** Goes back to the last good revision. False when nothing is under way, or there is none. */
  abort(service: string): boolean {
    const desired = this.#ledger.desired.get(service)
    const rollout = this.#ledger.rollouts.get(service)
    const next = desired === undefined ? null : aborted(desired, rollout, this.#options.clock.now())
    return this.#takeOrder(service, next)
  }

  #takeOrder(service: string, next: Advance | null): boolean {
    if (next === null) return false
    this.#take(service, next)
    this.poke()
    return true
  }

  #tellWaiting(next: Plan): void {
    for (const [service, { text }] of next.waiting) {
      const build = this.#ledger.builds.get(this.#ledger.desired.get(service)?.revision ?? '')
      // Builds tell of themselves.
      if (this.#lastPlan.waiting.get(service)?.text === text || build?.kind !== 'ready') continue
      this.#options.emit({ kind: 'service.waiting', service, message: `${service} ${text}` })
    }
  }

  /** A failure is the store's, and must not leave undone what has been written down already: every tick publishes again. */
  #publish(): void {
    try {
      this.#options.endpoints.sync(endpointsOf(this.observed(), this.#ledger.desired))
    } catch (error) {
      this.#fault('could not make the endpoints known', error)
    }
  }

  #scheduleWake(now: number, mostMs: number): void {
    this.#cancelWake()
    const times = [this.#lastPlan.wakeAt, this.#rolloutWakeAt].filter((at) => at !== null)
    if (mostMs < resyncMs) times.push(now + mostMs)
    const wakeAt = times.length === 0 ? null : Math.min(...times)
    this.#cancelWake =
      wakeAt === null ? () => {} : this.#options.clock.after(Math.min(wakeAt - now, mostMs), () => this.poke())
  }

  #forgetTick(): void {
    this.#cancelTick()
    this.#isTickDue = false
  }

  #answerIdle(): void {
    if (this.#idleWaiters.length === 0 || !this.#isIdle()) return
    for (const resolve of this.#idleWaiters.splice(0)) resolve()
  }

  #isIdle(): boolean {
    if (this.#state === 'closed') return true
    if (this.#state === 'new' || this.#isTickDue || this.#tasks.size > 0 || this.#lastPlan.steps.length > 0)
      return false
    return [...this.#ledger.runs.values()].every(
      ({ exited, record }) =>
        exited === null && record.drain === null && record.stop === null && record.health !== 'starting',
    )
  }

  // What is reported.

  #onExit(report: InstanceReport): void {
    const run = this.#ledger.runs.get(report.id)
    if (run === undefined || run.exited !== null || report.state.kind !== 'exited') return
    run.exited = { at: report.state.at, reason: report.state.reason }
    // Before anything else: every request that still goes there is lost.
    this.#publish()
    this.#monitor.unwatch(run.id)
    this.poke()
  }

  #onHealth(id: string, health: ProbedHealth): void {
    const run = this.#ledger.runs.get(id)
    if (run === undefined || this.#state !== 'running') return
    const before = run.record
    if (before.health === health.health) {
      // Only shown, so not worth a write.
      run.record = { ...before, detail: health.detail }
      return
    }
    this.#ledger.setRecord(run, { health: health.health, since: health.since, detail: health.detail })
    this.#publish()
    const isHealthy = health.health === 'healthy'
    this.#options.emit({
      kind: isHealthy ? 'instance.healthy' : 'instance.unhealthy',
      service: run.service,
      instance: id,
      message: isHealthy ? `${id} is healthy` : `${id} is unhealthy: ${health.detail}`,
    })
    this.poke()
  }

  #syncMonitor(): void {
    const asked = new Set<string>()
    for (const run of this.#ledger.runs.values()) {
      const { confirmedAfter, exited, record } = run
      if (confirmedAfter === null || exited !== null || record.drain !== null || record.stop !== null) continue
      asked.add(run.id)
      this.#monitor.watch({ id: run.id, address: run.address }, record.terms.healthcheck, record)
    }
    for (const id of this.#monitor.ids()) if (!asked.has(id)) this.#monitor.unwatch(id)
  }

  #scheduleResync(): void {
    this.#cancelResync = this.#options.clock.after(resyncMs, () => {
      this.#scheduleResync()
      this.#inventory.relist()
      this.poke()
    })
  }

  #fault(what: string, error: unknown): void {
    this.#options.emit({ kind: 'fault', message: `${what}: ${PandoError.from(error).message}` })
  }
}

function backIn({ back }: Advance): Pick<RolloutEnd, 'back'> {
  if (back === null) return {}
  const { name, revision, spec, source = null } = back
  return { back: { service: name, revision, spec, source } }
}
