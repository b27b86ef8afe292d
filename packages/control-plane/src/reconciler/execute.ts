import { describeExit, type ExitReason, PandoError } from '@pando/model'
import type { Clock } from '../clock.js'
import type { Driver } from '../drivers/driver.js'
import type { NewEvent } from '../events/events.js'
import { exitReasonOf, backoffMs } from './backoff.js'
import type { Builds } from './builds.js'
import type { Ledger, Run } from './ledger.js'
import type { Preparation } from './ports.js'
import type { DesiredService } from './state.js'
import type { Step } from './step.js'
import type { Tasks } from './tasks.js'

/** A start that the driver has neither answered nor reported in this time counts as refused. */
const startDeadlineMs = 120_000

export interface ExecutorOptions {
  readonly ledger: Ledger
  readonly driver: Driver
  readonly builds: Builds
  readonly tasks: Tasks
  readonly clock: Clock
  readonly random: () => number
  readonly emit: (event: NewEvent) => void
  readonly prepare: (service: DesiredService, slot: number, id: string) => Preparation
  /** Makes the endpoints known as the ledger has them now. */
  readonly publish: () => void
  /** Asks for a new listing: a start has been refused. */
  readonly relist: () => void
  /** How many listings have begun. */
  readonly listings: () => number
}

/**
 * Carries out the steps of a plan in three movements: all that they change is written to the ledger, then the endpoints are made
 * known, and only then is the driver told. So a control plane that dies between any two of them leaves a record of what it was
 * about, and no instance is told to stop while a table still offers it. Nothing waits: what comes of it is observed.
 */
export class Executor {
  readonly #options: ExecutorOptions

  constructor(options: ExecutorOptions) {
    this.#options = options
  }

  /** False when no step could be begun now. */
  execute(steps: readonly Step[], now: number): boolean {
    const acts: (() => void)[] = []
    let isBegun = false
    for (const step of steps) {
      try {
        const act = this.#write(step, now)
        if (act === null) continue
        isBegun = true
        acts.push(act)
      } catch (error) {
        this.#fault(`could not begin to ${step.kind}`, error)
      }
    }
    if (!isBegun) return false
    this.#options.publish()
    for (const act of acts) act()
    return true
  }

  /** Tells the driver again what an instance was told to do before it was known to the driver, or by an earlier control plane. */
  repeat(run: Run): void {
    if (run.record.stop !== null && run.exited === null) {
      if (run.record.stop.killedAt === null) this.#tellStop(run)
      else this.#tellKill(run)
    }
  }

  remove(id: string): void {
    this.#tell('remove', id, () => this.#options.driver.remove(id))
  }

  /** Writes what the step changes and returns how to act on it; null when it cannot be begun now. */
  #write(step: Step, now: number): (() => void) | null {
    const { ledger, builds } = this.#options
    switch (step.kind) {
      case 'build': {
        const service = ledger.desired.get(step.service)
        return service !== undefined && builds.begin(service) ? () => {} : null
      }
      case 'start':
        return this.#start(step, now)
      case 'drain':
        return this.#change(step.instance, (run) => {
          // How long a drain may take is no part of the revision: what is wanted by now counts.
          const { drainTimeoutMs } = ledger.desired.get(run.service) ?? run.record.terms
          const terms = { ...run.record.terms, drainTimeoutMs }
          ledger.setRecord(run, { drain: { since: now, reason: step.reason }, terms })
          this.#emit('instance.draining', run, `${run.id} takes no new requests: ${step.why}`)
          return () => {}
        })
      case 'stop':
        return this.#change(step.instance, (run) => {
          ledger.setRecord(run, { stop: { since: now, reason: step.reason, killedAt: null } })
          this.#emit('instance.stopping', run, `${run.id} is told to stop${whyStopped(step.reason)}`)
          return () => this.#tellStop(run)
        })
      case 'kill':
        return this.#change(step.instance, (run) => {
          const stop = run.record.stop ?? { since: now, reason: { kind: 'stopped' } }
          ledger.setRecord(run, { stop: { ...stop, killedAt: now } })
          this.#emit('instance.killed', run, `${run.id} did not stop in its grace period and is killed`)
          return () => this.#tellKill(run)
        })
      case 'bury':
        return this.#change(step.instance, (run) => this.#bury(run, now))
    }
  }

  #start(step: Step & { kind: 'start' }, now: number): () => void {
    const { ledger, builds, prepare } = this.#options
    const service = ledger.desired.get(step.service)
    const program = builds.program(step.revision)
    if (service === undefined || program === undefined) throw new PandoError('internal', `${step.service} is not built`)
    const { name, spec, drainTimeoutMs } = service
    const id = this.#newId(name, step.slot)
    let preparation: Preparation = { address: null, environment: {} }
    let refusal: string | null = null
    try {
      preparation = prepare(service, step.slot, id)
    } catch (error) {
      refusal = PandoError.from(error).message
    }
    const { address, environment } = preparation
    const { slot, revision, generation } = step
    const run: Run = {
      id,
      service: name,
      slot,
      revision,
      generation,
      address,
      pid: null,
      startedAt: now,
      exited: refusal === null ? null : { at: now, reason: { kind: 'start_failed', detail: refusal } },
      record: {
        health: 'starting',
        since: now,
        detail: 'has not answered yet',
        drain: null,
        stop: null,
        terms: {
          healthcheck: spec.healthcheck,
          stopGracePeriodMs: spec.stopGracePeriodMs,
          drainTimeoutMs,
          dependsOn: Object.keys(service.dependsOn),
        },
      },
      confirmedAfter: null,
      refused: null,
    }
    ledger.add(run)
    if (refusal !== null) return () => {}
    return () => {
      const cancel = this.#options.clock.after(startDeadlineMs, () =>
        this.#refuse(run, `the driver has not answered in ${startDeadlineMs / 1000} s`),
      )
      // Whether one that serves has ended well nobody asks: it is started again.
      const isExitKept = service.restart !== 'always' && spec.protocol === 'none'
      const order = { id, service: name, slot, revision, generation, spec, address, isExitKept, program, environment }
      this.#options.tasks.run(`start ${id}`, async () => {
        try {
          const report = await this.#options.driver.start(order)
          this.confirm(run, report)
        } catch (error) {
          this.#refuse(run, PandoError.from(error).message)
        } finally {
          cancel()
        }
      })
    }
  }

  /** The driver has reported a run for the first time, in answer to its start or in a listing. */
  confirm(run: Run, report: Parameters<Ledger['confirm']>[1]): void {
    const { ledger, listings } = this.#options
    if (run.confirmedAfter !== null || ledger.runs.get(run.id) !== run) return
    ledger.confirm(run, report, listings())
    const notes = report.notes.length === 0 ? '' : ` (${report.notes.join('; ')})`
    if (notes !== '') this.#emit('limits.unavailable', run, `${run.id}: ${report.notes.join('; ')}`)
    const pid = report.pid === null ? '' : ` as process ${report.pid}`
    this.#emit('instance.started', run, `${run.id} has started${pid}`)
    this.repeat(run)
  }

  /** A refused start runs nothing, by the driver's promise; a listing confirms that before the slot is given to another. */
  #refuse(run: Run, detail: string): void {
    if (run.confirmedAfter !== null || run.exited !== null || run.refused !== null) return
    run.refused = { after: this.#options.listings(), detail }
    this.#options.relist()
  }

  #bury(run: Run, now: number): () => void {
    const reason = exitReasonOf({ ...run, isDrained: false })
    const history = this.#options.ledger.bury(run, now)
    const isFailure = history.failures > 0
    const again =
      history.ended === null && isFailure ? `; started again in ${backoffMs(history.failures) / 1000} s` : ''
    this.#emit(
      isFailure ? 'instance.failed' : 'instance.exited',
      run,
      `${run.id} ${reason.kind === 'stopped' ? 'has stopped' : `has ended: ${describeExit(reason)}`}${again}`,
    )
    return () => this.remove(run.id)
  }

  #change(id: string, change: (run: Run) => () => void): (() => void) | null {
    const run = this.#options.ledger.runs.get(id)
    return run === undefined ? null : change(run)
  }

  #tellStop(run: Run): void {
    // One whose start is still under way is told as soon as the driver has it; see `confirm`.
    if (run.confirmedAfter === null) return
    this.#tell('stop', run.id, () => this.#options.driver.stop(run.id))
  }

  #tellKill(run: Run): void {
    this.#tell('kill', run.id, () => this.#options.driver.kill(run.id))
  }

  #tell(verb: string, id: string, work: () => Promise<void>): void {
    this.#options.tasks.run(`${verb} ${id}`, work)
  }

  #newId(service: string, slot: number): string {
    const suffix = Math.floor(this.#options.random() * 36 ** 6)
    const id = `${service}-${slot}-${suffix.toString(36).padStart(6, '0')}`
    return this.#options.ledger.runs.has(id) ? this.#newId(service, slot) : id
  }

  #emit(kind: NewEvent['kind'], run: Run, message: string): void {
    this.#options.emit({ kind, service: run.service, instance: run.id, message })
  }

  #fault(what: string, error: unknown): void {
    this.#options.emit({ kind: 'fault', message: `${what}: ${PandoError.from(error).message}` })
  }
}

function whyStopped(reason: ExitReason): string {
  return reason.kind === 'stopped' ? '' : `: ${describeExit(reason)}`
}
