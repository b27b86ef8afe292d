import { join } from 'node:path'
import {
  describeExit,
  driverOf,
  PandoError,
  type ExitReason,
  type JobRun,
  type JobsStatus,
  type ScheduleSpec,
} from '@pando/model'
import { buildOrderOf, type Builder } from '../build/builder.js'
import type { Clock } from '../clock.js'
import { nextTime } from '../cron.js'
import type { Driver, InstanceReport } from '../drivers/driver.js'
import { ExitCodes } from '../drivers/process/exit-code.js'
import type { NewEvent } from '../events/events.js'
import type { Desired, DesiredService } from '../reconciler/state.js'
import type { Store } from '../store/store.js'
import { decide, retryDelayMs } from './decide.js'
import { JobRecords } from './job-records.js'

/** Schedules are looked at at least so often, whatever the clock does meanwhile. */
const longestWaitMs = 30_000
const mostRuns = 100
/** An end that could not be written down is written again after it. */
const writeAgainMs = 1000

export interface JobRunnerOptions {
  readonly stateDir: string
  /** One of its own: what it lists are runs and nothing else. */
  readonly driver: Driver
  readonly builder: Builder
  readonly store: Store
  readonly clock: Clock
  readonly random: () => number
  readonly emit: (event: NewEvent) => void
  readonly desired: () => Desired
  readonly schedules: () => ReadonlyMap<string, ScheduleSpec>
  readonly environment: (service: DesiredService, id: string) => Readonly<Record<string, string>>
}

/** What is known of a run that goes on. */
interface Active {
  readonly abort: AbortController
  readonly service: DesiredService | null
  readonly schedule: ScheduleSpec | null
  /** It was told to stop: how it will be remembered. */
  stop: { readonly result: 'stopped' | 'failed'; readonly reason: string } | null
  timers: (() => void)[]
  /** It is being built or started: whoever does that sees `stop` afterwards. */
  isTrying: boolean
}

/**
 * Runs services to their end, by hand and by their schedules.
 *
 * What holds: a run is written down before anything of it starts; one that is written as running and that the driver does not list
 * has ended, with what its exit code file says. Each run has one end, and every one who waits for it hears of it.
 */
export class JobRunner {
  readonly #options: JobRunnerOptions
  readonly #records: JobRecords
  readonly #codes: ExitCodes
  readonly #active = new Map<string, Active>()
  readonly #waiters = new Set<() => void>()
  #unwatch = (): void => {}
  #cancelLook = (): void => {}
  #isClosed = false
  #isStarting = true

  constructor(options: JobRunnerOptions) {
    this.#options = options
    this.#records = new JobRecords(options.store)
    this.#codes = new ExitCodes(join(options.stateDir, 'exits'))
  }

  /** Takes over what runs; then looks at the schedules, but for a control plane that is there to stop everything. */
  async start(options: { readonly isLast: boolean }): Promise<void> {
    const { driver, desired, schedules } = this.#options
    this.#unwatch = driver.watch((report) => this.#exited(report))
    const reports = new Map((await driver.list()).map((report) => [report.id, report]))
    for (const run of this.#records.list().filter((one) => one.endedAt === null)) {
      const schedule = run.cause === 'schedule' ? (schedules().get(run.service) ?? null) : null
      const service = desired().get(run.service) ?? null
      this.#activate(run, service, schedule)
      const report = reports.get(run.id)
      if (report === undefined) this.#ended(run.id, this.#codes.read(run.id), { kind: 'unknown' })
      else this.#exited(report)
    }
    for (const report of reports.values()) if (!this.#active.has(report.id)) this.#clear(report)
    this.#isStarting = options.isLast
    this.look()
  }

  /** Begins a run of the service's present revision; resolves when it is written down. */
  run(service: DesiredService, command: readonly string[] | null): JobRun {
    return this.#begin(service, { command, cause: 'hand', dueAt: null, schedule: null })
  }

  get(id: string): JobRun {
    const run = this.#records.get(id)
    if (run === undefined) throw new PandoError('not_found', `there is no run ${id}`, { hint: 'pando jobs lists them' })
    return run
  }

  status(service: string | null): JobsStatus {
    const now = this.#options.clock.now()
    const schedules = [...this.#options.schedules()].filter(([name]) => service === null || name === service)
    return {
      schedules: schedules.map(([name, { cron, timeZone, isSuspended }]) => ({
        service: name,
        cron,
        timeZone,
        isSuspended,
        nextAt: isSuspended ? null : nextTime(cron, now, timeZone),
      })),
      runs: this.#records.list(service),
    }
  }

  /** Tells a run to stop, and kills it after its grace period. Nothing happens to one that has ended. */
  stop(id: string, how: Active['stop'] = { result: 'stopped', reason: 'stopped by hand' }): void {
    this.get(id)
    const active = this.#active.get(id)
    if (active === undefined || active.stop !== null) return
    active.stop = how
    active.abort.abort()
    this.#tellToStop(id, active)
    if (!active.isTrying) this.#tell(this.#endIdle(id))
  }

  /** Also once it has started after it was told: the first word may have found nothing there, and so may its kill. */
  #tellToStop(id: string, active: Active): void {
    const { driver, clock } = this.#options
    for (const cancel of active.timers.splice(0)) cancel()
    this.#tell(driver.stop(id))
    const graceMs = active.service?.spec.stopGracePeriodMs ?? 10_000
    active.timers.push(clock.after(graceMs, () => this.#tell(driver.kill(id))))
  }

  /** Stops everything; resolves when nothing runs. */
  async stopAll(): Promise<void> {
    this.#isStarting = true
    this.#cancelLook()
    for (const id of this.#active.keys()) this.stop(id, { result: 'stopped', reason: 'everything was stopped' })
    while (this.#active.size > 0) await new Promise<void>((wake) => void this.#waiters.add(wake))
  }

  /** Looks at the schedules now, and again when the next one is due. */
  look(): void {
    this.#cancelLook()
    if (this.#isClosed || this.#isStarting) return
    const { clock } = this.#options
    const now = clock.now()
    let wakeAt = now + longestWaitMs
    for (const [name, schedule] of this.#options.schedules()) {
      try {
        this.#lookAt(name, schedule, now)
      } catch (error) {
        this.#fault(`could not keep the schedule of ${name}`, error)
      }
      wakeAt = Math.min(wakeAt, nextTime(schedule.cron, now, schedule.timeZone) ?? wakeAt)
    }
    this.#cancelLook = clock.after(Math.max(1, wakeAt - now), () => this.look())
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelLook()
    this.#unwatch()
    for (const active of this.#active.values()) for (const cancel of active.timers) cancel()
    await this.#options.driver.close()
  }

  #lookAt(name: string, schedule: ScheduleSpec, now: number): void {
    const { store, desired } = this.#options
    const known = store.get('schedule', name)
    const { cron, timeZone } = schedule
    // A clock that was set back must not hold it up.
    const since = known?.cron === cron && known.since <= now ? known.since : now
    if (known?.since !== since || known.cron !== cron) store.put('schedule', name, { cron, since })
    const active = this.#records.list(name).filter((run) => run.endedAt === null && run.cause === 'schedule')
    const due = decide({ schedule, since, now, active, next: (after) => nextTime(cron, after, timeZone) })
    const service = desired().get(name)
    if (due === null || service === undefined) return
    store.put('schedule', name, { cron, since: due.at })
    if (due.action === 'pass' || service.isStopped) return
    if (due.action === 'miss') return this.#missed(service, schedule, due.at, due.why)
    if (due.action === 'replace') {
      for (const run of active) this.stop(run.id, { result: 'stopped', reason: 'a later run replaced it' })
    }
    this.#begin(service, { command: null, cause: 'schedule', dueAt: due.at, schedule })
  }

  #missed({ name, revision }: DesiredService, schedule: ScheduleSpec, dueAt: number, reason: string): void {
    const at = this.#options.clock.now()
    const id = this.#newId(name)
    const run = { id, service: name, revision, command: null, cause: 'schedule', dueAt, startedAt: at } as const
    this.#records.put({ ...run, endedAt: at, result: 'missed', exitCode: null, tries: 0, reason }, schedule.history)
    this.#emit('job.missed', id, name, `a run of ${name} was missed: ${reason}`)
  }

  #begin(
    service: DesiredService,
    how: Pick<JobRun, 'command' | 'cause' | 'dueAt'> & { readonly schedule: ScheduleSpec | null },
  ): JobRun {
    if (this.#active.size >= mostRuns) {
      throw new PandoError('limit_reached', `${mostRuns} runs are under way already`)
    }
    const { schedule, ...what } = how
    const run: JobRun = {
      id: this.#newId(service.name),
      service: service.name,
      revision: service.revision,
      ...what,
      startedAt: this.#options.clock.now(),
      endedAt: null,
      result: 'running',
      exitCode: null,
      tries: 0,
      reason: '',
    }
    this.#records.put(run)
    this.#activate(run, service, schedule)
    void this.#try(run.id)
    return run
  }

  /** From now on it goes on, and is ended after its time. */
  #activate({ id, startedAt }: JobRun, service: DesiredService | null, schedule: ScheduleSpec | null): void {
    const abort = new AbortController()
    const active: Active = { abort, service, schedule, stop: null, timers: [], isTrying: false }
    this.#active.set(id, active)
    const timeoutMs = schedule?.timeoutMs ?? null
    if (timeoutMs === null) return
    const { clock } = this.#options
    const reason = `it took longer than ${timeoutMs / 1000} s`
    const leftMs = Math.max(0, startedAt + timeoutMs - clock.now())
    active.timers.push(clock.after(leftMs, () => this.stop(id, { result: 'failed', reason })))
  }

  async #try(id: string): Promise<void> {
    const active = this.#active.get(id)
    const service = active?.service ?? null
    if (active === undefined || service === null) return
    const { builder, driver, environment, emit } = this.#options
    const { name, revision, generation, spec, source = null } = service
    const before = this.get(id)
    const run = { ...before, tries: before.tries + 1 }
    active.isTrying = true
    try {
      this.#records.put(run, active.schedule?.history)
      const program = await builder.build(
        buildOrderOf(run.command === null ? spec : { ...spec, command: run.command }, source),
        (message) => emit({ kind: 'build.output', service: name, message }),
        active.abort.signal,
      )
      if (active.stop !== null) return this.#ended(id, null, { kind: 'stopped' })
      this.#codes.forget(id)
      const order = { id, service: name, slot: 0, revision, generation, spec, address: null }
      const isProcess = driverOf(spec) === 'process'
      await driver.start({
        ...order,
        program: isProcess ? this.#codes.kept(id, program) : program,
        environment: environment(service, id),
      })
      this.#emit('job.started', id, name, `${id} has started`)
      if (active.stop !== null) this.#tellToStop(id, active)
    } catch (error) {
      const { message } = PandoError.from(error)
      this.#ended(id, null, { kind: 'start_failed', detail: message })
    } finally {
      active.isTrying = false
    }
  }

  /** One that waits to be tried again has nothing that could end. */
  async #endIdle(id: string): Promise<void> {
    const reports = await this.#options.driver.list()
    if (!reports.some((report) => report.id === id)) this.#ended(id, null, { kind: 'stopped' })
  }

  #exited(report: InstanceReport): void {
    if (report.state.kind !== 'exited') return
    const { reason } = report.state
    const code = this.#codes.read(report.id) ?? (reason.kind === 'exit' ? reason.code : null)
    void this.#options.driver
      .remove(report.id)
      .catch((error: unknown) => this.#fault(`could not remove ${report.id}`, error))
      .finally(() => this.#ended(report.id, code, reason))
  }

  #ended(id: string, exitCode: number | null, reason: ExitReason): void {
    const active = this.#active.get(id)
    const run = this.#records.get(id)
    if (active === undefined || run === undefined || this.#isClosed) return
    const isSuccess = exitCode === 0
    const { schedule, stop } = active
    if (!isSuccess && stop === null && run.tries <= (schedule?.retries ?? 0) && active.service !== null) {
      const delayMs = retryDelayMs(run.tries)
      this.#emit('job.failed', id, run.service, `${id}: ${words(exitCode, reason)}; tried again in ${delayMs / 1000} s`)
      active.timers.push(this.#options.clock.after(delayMs, () => void this.#try(id)))
      return
    }
    const result = stop !== null ? stop.result : isSuccess ? 'succeeded' : 'failed'
    const why = stop !== null ? stop.reason : isSuccess ? '' : words(exitCode, reason)
    const endedAt = this.#options.clock.now()
    try {
      this.#records.put({ ...run, endedAt, result, exitCode, reason: why }, schedule?.history)
    } catch (error) {
      // What is not written down has not ended for anybody.
      this.#fault(`could not write down how ${id} ended`, error)
      active.timers.push(this.#options.clock.after(writeAgainMs, () => this.#ended(id, exitCode, reason)))
      return
    }
    for (const cancel of active.timers) cancel()
    this.#active.delete(id)
    this.#codes.forget(id)
    const kind = result === 'succeeded' ? 'job.succeeded' : result === 'failed' ? 'job.failed' : 'job.stopped'
    this.#emit(kind, id, run.service, `${id} has ${result}${why === '' ? '' : `: ${why}`}`)
    for (const wake of this.#waiters) wake()
    this.#waiters.clear()
  }

  /** One that nobody has written down. */
  #clear({ id, state }: InstanceReport): void {
    const { driver } = this.#options
    this.#tell(state.kind === 'exited' ? driver.remove(id) : driver.kill(id))
  }

  #tell(done: Promise<void>): void {
    void done.catch((error: unknown) => this.#fault('could not reach a run', error))
  }

  #newId(service: string): string {
    const suffix = Math.floor(this.#options.random() * 36 ** 6)
    const id = `${service}-run-${suffix.toString(36).padStart(6, '0')}`
    return this.#records.get(id) === undefined ? id : this.#newId(service)
  }

  #emit(kind: NewEvent['kind'], instance: string, service: string, message: string): void {
    this.#options.emit({ kind, service, instance, message })
  }

  #fault(what: string, error: unknown): void {
    this.#options.emit({ kind: 'fault', message: `${what}: ${PandoError.from(error).message}` })
  }
}

function words(exitCode: number | null, reason: ExitReason): string {
  return exitCode === null ? describeExit(reason) : describeExit({ kind: 'exit', code: exitCode })
}
