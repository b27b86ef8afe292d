import { PandoError, type ExitReason } from '@pando/model'
import type { Clock } from '../clock.js'
import type { Driver, InstanceReport, StartOrder } from './driver.js'

/** What one run in the fake world does. Everything left out is the friendliest: starts at once, runs for ever, stops when told. */
export interface FakeBehaviour {
  /** `start` rejects with this and nothing runs. */
  readonly reject?: PandoError
  /** How long `start` works before the program runs, ms. A control plane that dies in this time leaves nothing behind. */
  readonly beginsAfterMs?: number
  /** How long after that `start` resolves, ms; null never does (the program runs all the same). */
  readonly resolvesAfterMs?: number | null
  /** When it ends by itself, ms after it began; null never. */
  readonly exitsAfterMs?: number | null
  /** What it ends with then. Exit code 1 by default. */
  readonly exit?: ExitReason
  /** How long it takes to end after a stop signal, ms; null ignores the signal. */
  readonly stopsAfterMs?: number | null
  /** From when `isHealthy` says true, ms after it began; null never. */
  readonly healthyAfterMs?: number | null
  /** From when it says false again, ms after it began; null never. */
  readonly unhealthyAfterMs?: number | null
}

/** The scripted source of faults, asked once for each run and each call. */
export interface FakeFaults {
  behaviour?(order: StartOrder): FakeBehaviour
  /** An error makes that call reject without having done anything. */
  call?(method: 'stop' | 'kill' | 'remove' | 'list', id: string | null): PandoError | null
}

interface FakeRun {
  readonly order: StartOrder
  readonly behaviour: FakeBehaviour
  readonly pid: number
  readonly startedAt: number
  /** The driver that is its parent: only it learns the exit code. */
  readonly parent: FakeDriver
  /** Ms on the substrate's own steady time, which clock jumps do not touch. */
  ageMs: () => number
  exited: { readonly at: number; readonly reason: ExitReason } | null
  cancel: (() => void)[]
}

/**
 * The world in which fake instances run. It outlives every control plane: give the same substrate to the next `FakeDriver`.
 * All waiting is done on the given clock; nothing here touches real time.
 */
export class FakeSubstrate {
  readonly clock: Clock
  /** How many starts were begun, of all drivers. */
  starts = 0
  readonly #faults: FakeFaults
  readonly #runs = new Map<string, FakeRun>()
  readonly #drivers = new Set<FakeDriver>()
  #nextPid = 1000

  constructor(options: { clock: Clock; faults?: FakeFaults }) {
    this.clock = options.clock
    this.#faults = options.faults ?? {}
  }

  /** Orders of everything that runs now: what an invariant such as "never two in one slot" is checked on. */
  running(): StartOrder[] {
    const orders: StartOrder[] = []
    for (const run of this.#runs.values()) if (run.exited === null) orders.push(run.order)
    return orders
  }

  /** Whether a probe of this instance would succeed now. */
  isHealthy(id: string): boolean {
    const run = this.#runs.get(id)
    if (run === undefined || run.exited !== null) return false
    const { healthyAfterMs = 0, unhealthyAfterMs = null } = run.behaviour
    const age = run.ageMs()
    return healthyAfterMs !== null && age >= healthyAfterMs && (unhealthyAfterMs === null || age < unhealthyAfterMs)
  }

  /** Makes a running instance end now, as a crash or a `kill -9` from outside does. No effect when it does not run. */
  crash(id: string, reason: ExitReason = { kind: 'signal', signal: 'SIGKILL' }): void {
    const run = this.#runs.get(id)
    if (run !== undefined) this.#exit(run, reason)
  }

  // What follows is for FakeDriver.

  attach(driver: FakeDriver): void {
    this.#drivers.add(driver)
  }

  detach(driver: FakeDriver): void {
    this.#drivers.delete(driver)
  }

  behaviourFor(order: StartOrder): FakeBehaviour {
    this.starts += 1
    return this.#faults.behaviour?.(order) ?? {}
  }

  refuse(method: 'stop' | 'kill' | 'remove' | 'list', id: string | null): PandoError | null {
    return this.#faults.call?.(method, id) ?? null
  }

  begin(order: StartOrder, behaviour: FakeBehaviour, parent: FakeDriver): InstanceReport {
    const run: FakeRun = {
      order,
      behaviour,
      parent,
      pid: this.#nextPid++,
      startedAt: this.clock.now(),
      ageMs: this.#stopwatch(behaviour),
      exited: null,
      cancel: [],
    }
    this.#runs.set(order.id, run)
    if (behaviour.exitsAfterMs !== undefined && behaviour.exitsAfterMs !== null) {
      run.cancel.push(
        this.clock.after(behaviour.exitsAfterMs, () => this.#exit(run, behaviour.exit ?? { kind: 'exit', code: 1 })),
      )
    }
    return reportOf(run)
  }

  stop(id: string): void {
    const run = this.#runs.get(id)
    if (run === undefined || run.exited !== null) return
    const { stopsAfterMs = 0 } = run.behaviour
    if (stopsAfterMs === null) return
    const { stopSignal } = run.order.spec
    run.cancel.push(this.clock.after(stopsAfterMs, () => this.#exit(run, { kind: 'signal', signal: stopSignal })))
  }

  remove(id: string): void {
    const run = this.#runs.get(id)
    if (run === undefined) return
    if (run.exited === null) throw new PandoError('conflict', `instance ${id} still runs`)
    this.#runs.delete(id)
  }

  report(id: string): InstanceReport | null {
    const run = this.#runs.get(id)
    return run === undefined ? null : reportOf(run)
  }

  reports(): InstanceReport[] {
    return Array.from(this.#runs.values(), reportOf)
  }

  #exit(run: FakeRun, reason: ExitReason): void {
    if (run.exited !== null) return
    for (const cancel of run.cancel) cancel()
    run.cancel = []
    const isKnown = !run.parent.isClosed || reason.kind === 'out_of_memory'
    run.exited = { at: this.clock.now(), reason: isKnown ? reason : { kind: 'unknown' } }
    const report = reportOf(run)
    for (const driver of this.#drivers) driver.notify(report)
  }

  /** Age by elapsed timers rather than by `now()`, only when the behaviour asks for it: `now()` may jump. */
  #stopwatch(behaviour: FakeBehaviour): () => number {
    const marks = [behaviour.healthyAfterMs, behaviour.unhealthyAfterMs].filter(
      (mark): mark is number => typeof mark === 'number' && mark > 0,
    )
    let age = 0
    for (const mark of marks) this.clock.after(mark, () => (age = Math.max(age, mark)))
    return () => age
  }
}

/** The `Driver` of simulations: the contract of the real one over a `FakeSubstrate`, cheap enough for tens of thousands of histories. */
export class FakeDriver implements Driver {
  readonly kind = 'process'
  /** True after `close` or `die`: it calls nobody any more. */
  isClosed = false
  readonly #substrate: FakeSubstrate
  readonly #watchers = new Set<(report: InstanceReport) => void>()
  readonly #starting = new Map<string, Promise<InstanceReport>>()

  constructor(substrate: FakeSubstrate) {
    this.#substrate = substrate
    substrate.attach(this)
  }

  start(order: StartOrder): Promise<InstanceReport> {
    const known = this.#substrate.report(order.id)
    const starting = this.#starting.get(order.id)
    if (starting !== undefined) return starting
    if (known !== null) return Promise.resolve(known)
    const started = this.#begin(order).finally(() => this.#starting.delete(order.id))
    this.#starting.set(order.id, started)
    return started
  }

  async stop(id: string): Promise<void> {
    this.#refuse('stop', id)
    this.#substrate.stop(id)
  }

  async kill(id: string): Promise<void> {
    this.#refuse('kill', id)
    this.#substrate.crash(id)
  }

  async remove(id: string): Promise<void> {
    this.#refuse('remove', id)
    this.#substrate.remove(id)
  }

  async list(): Promise<InstanceReport[]> {
    this.#refuse('list', null)
    return this.#substrate.reports()
  }

  watch(onExit: (report: InstanceReport) => void): () => void {
    this.#watchers.add(onExit)
    return () => this.#watchers.delete(onExit)
  }

  async close(): Promise<void> {
    this.die()
  }

  /** The control plane's kill -9: no call under way ever settles, no watcher is called again; what runs goes on. */
  die(): void {
    this.isClosed = true
    this.#watchers.clear()
    this.#substrate.detach(this)
  }

  notify(report: InstanceReport): void {
    for (const watcher of this.#watchers) watcher(report)
  }

  #begin(order: StartOrder): Promise<InstanceReport> {
    const { clock } = this.#substrate
    const behaviour = this.#substrate.behaviourFor(order)
    const { beginsAfterMs = 0, resolvesAfterMs = 0, reject } = behaviour
    return new Promise((resolve, refuse) => {
      const begin = (): void => {
        if (this.isClosed) return
        if (reject !== undefined) return refuse(reject)
        const report = this.#substrate.begin(order, behaviour, this)
        const settle = (): void => {
          if (!this.isClosed) resolve(report)
        }
        if (resolvesAfterMs === null) return
        if (resolvesAfterMs === 0) return settle()
        clock.after(resolvesAfterMs, settle)
      }
      if (beginsAfterMs === 0) begin()
      else clock.after(beginsAfterMs, begin)
    })
  }

  #refuse(method: 'stop' | 'kill' | 'remove' | 'list', id: string | null): void {
    const error = this.#substrate.refuse(method, id)
    if (error !== null) throw error
  }
}

function reportOf(run: FakeRun): InstanceReport {
  const { order, exited } = run
  return {
    id: order.id,
    service: order.service,
    slot: order.slot,
    revision: order.revision,
    generation: order.generation,
    address: order.address,
    pid: exited === null ? run.pid : null,
    startedAt: run.startedAt,
    state: exited === null ? { kind: 'running' } : { kind: 'exited', ...exited },
    resources: order.spec.resources,
    logs: order.spec.logs,
    logFile: `/fake/logs/${order.service}/${order.id}.log`,
    notes: [],
  }
}
