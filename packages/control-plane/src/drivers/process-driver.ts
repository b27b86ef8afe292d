import type { ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { PandoError } from '@pando/model'
import type { Clock } from '../clock.js'
import { lastLineOf, pruneLogs } from '../logs/log-files.js'
import type { CommandRunner, Driver, InstanceReport, StartOrder, UsageReporter } from './driver.js'
import { BusyCgroups } from './process/busy-cgroups.js'
import { claimantOf } from './process/claimant.js'
import { needsLooking, reportOf, type Instance } from './process/instance.js'
import { CgroupTree, hadOutOfMemory, membership, prepareCgroups } from './process/cgroup.js'
import { runCommand } from './process/command-run.js'
import { exitReason } from './process/exit-reason.js'
import { processesOf, signalAll, strayTraces, usageOf } from './process/instance-processes.js'
import { InstanceRecords, type InstanceRecord } from './process/instance-records.js'
import { parseClaim } from './process/launcher.js'
import {
  isAlive,
  nobody,
  systemProcessTable,
  type ProcessIdentity,
  type ProcessTable,
} from './process/process-table.js'
import { spawnProgram } from './process/spawn-program.js'
import { checkStartable, environmentOf, marksOf } from './process/program-environment.js'
import { checkPort } from './process/check-port.js'

const pollIntervalMs = 50
/** Rounds of killing what a dead instance left, before it counts as ended all the same (processes stuck in the kernel). */
const maxKillRounds = 100
const maxCloseRounds = 20
const safeName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

export interface ProcessDriverOptions {
  /** Holds `instances/` and `logs/`. One driver at a time. */
  readonly stateDir: string
  readonly clock: Clock
  /** The system's by default. */
  readonly processes?: ProcessTable
  /**
   * What is left of an instance that ended by itself goes on until it is removed, and the instance counts as ended meanwhile: the
   * gateway's workers serve until the next gateway takes their ports. Otherwise it is killed at once.
   */
  readonly isRestKept?: boolean
  /** Null runs everything without control groups; the system's by default. */
  readonly cgroups?: CgroupTree | null
}

/**
 * Runs instances as processes of this machine, each in its own session, with its output straight in its log file, so that nothing
 * of it hangs on this process.
 *
 * What holds at every point in time, also after a kill -9 of this process:
 * - a record is on disk before anything is spawned, and the launched process claims it before it becomes the user's program
 *   (see launcher.ts), so a record without a claim means that nothing runs;
 * - an instance is named by pid, start time and boot, never by the pid alone;
 * - an instance has exited only when none of its processes is left. Left-overs of one that ended by itself are killed; those of one
 *   that was told to stop have until `kill`.
 */
export class ProcessDriver implements Driver, UsageReporter, CommandRunner {
  readonly kind = 'process'
  readonly #clock: Clock
  readonly #table: ProcessTable
  readonly #cgroups: CgroupTree | null
  readonly #isRestKept: boolean
  readonly #records: InstanceRecords
  readonly #logDirectory: string
  readonly #instances = new Map<string, Instance>()
  readonly #starting = new Map<string, Promise<InstanceReport>>()
  readonly #watchers = new Set<(report: InstanceReport) => void>()
  readonly #busyCgroups: BusyCgroups
  #adoption: Promise<void> | null = null
  #cancelPoll: (() => void) | null = null
  #isClosed = false

  constructor(options: ProcessDriverOptions) {
    const stateDir = resolve(options.stateDir)
    this.#clock = options.clock
    this.#isRestKept = options.isRestKept ?? false
    this.#table = options.processes ?? systemProcessTable()
    this.#cgroups = options.cgroups === undefined ? new CgroupTree({ name: cgroupName(stateDir) }) : options.cgroups
    this.#busyCgroups = new BusyCgroups(this.#table)
    this.#records = new InstanceRecords(join(stateDir, 'instances'))
    this.#logDirectory = join(stateDir, 'logs')
  }

  async start(order: StartOrder): Promise<InstanceReport> {
    await this.#adopt()
    const known = this.#instances.get(order.id)
    if (known !== undefined) return reportOf(known)
    const underWay = this.#starting.get(order.id)
    if (underWay !== undefined) return underWay
    const started = this.#start(order).finally(() => this.#starting.delete(order.id))
    this.#starting.set(order.id, started)
    return started
  }

  async stop(id: string): Promise<void> {
    await this.#adopt()
    const instance = this.#instances.get(id)
    if (instance === undefined || instance.phase === 'exited') return
    this.#records.markStopping(id)
    instance.isStopping = true
    signalAll(this.#table, instance.traces, instance.record.order.spec.stopSignal)
  }

  async kill(id: string): Promise<void> {
    await this.#adopt()
    const instance = this.#instances.get(id)
    if (instance === undefined || instance.phase === 'exited') return
    instance.isKilled = true
    signalAll(this.#table, instance.traces, 'SIGKILL')
    this.#poll()
  }

  async remove(id: string): Promise<void> {
    await this.#adopt()
    const instance = this.#instances.get(id)
    if (instance === undefined) return
    if (instance.phase !== 'exited') throw new PandoError('conflict', `instance ${id} still runs`)
    if (this.#keepsRest(instance)) {
      signalAll(this.#table, instance.traces, 'SIGKILL')
      this.#release(instance.record.cgroups)
    }
    this.#records.remove(id)
    this.#instances.delete(id)
    const { service } = instance.record.order
    pruneLogs(join(this.#logDirectory, service), new Set(this.#instances.keys()))
  }

  async list(): Promise<InstanceReport[]> {
    await this.#adopt()
    this.#lookAtAdopted()
    return Array.from(this.#instances.values(), reportOf)
  }

  watch(onExit: (report: InstanceReport) => void): () => void {
    this.#watchers.add(onExit)
    return () => this.#watchers.delete(onExit)
  }

  async usage(id: string): Promise<{ readonly memoryBytes: number; readonly cpuSeconds: number } | null> {
    await this.#adopt()
    const instance = this.#instances.get(id)
    if (instance === undefined || instance.phase === 'exited') return null
    return usageOf(this.#table, instance.traces)
  }

  async run(
    id: string,
    command: string | readonly string[],
    timeoutMs: number,
  ): Promise<{ readonly exitCode: number; readonly output: string }> {
    await this.#adopt()
    const instance = this.#instances.get(id)
    if (instance === undefined || instance.phase !== 'running') {
      throw new PandoError('not_found', `instance ${id} does not run`)
    }
    const { order } = instance.record
    const environment = environmentOf(order)
    return runCommand({ command, workdir: order.program.workdir, environment, timeoutMs, clock: this.#clock })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelPoll?.()
    this.#cancelPoll = null
    this.#watchers.clear()
    for (const instance of this.#instances.values()) instance.child?.removeAllListeners()
    // Nobody may come after us to clear them away.
    for (let round = 0; round < maxCloseRounds && !this.#busyCgroups.isEmpty; round += 1) {
      await this.#sleep(10)
      this.#busyCgroups.sweep()
    }
    this.#cgroups?.close()
  }

  async #start(order: StartOrder): Promise<InstanceReport> {
    if (!safeName.test(order.id) || !safeName.test(order.service)) {
      throw new PandoError('internal', `instance "${order.id}" of service "${order.service}" cannot be a file name`)
    }
    const environment = environmentOf(order)
    checkStartable(order, environment)
    await checkPort(order)
    const logFile = join(this.#logDirectory, order.service, `${order.id}.log`)
    const nonce = InstanceRecords.nonce()
    const { cgroups, notes } = prepareCgroups(this.#cgroups, `${order.id}.${nonce}`, order.spec.resources)
    const record: InstanceRecord = {
      order,
      startedAt: this.#clock.now(),
      boot: this.#table.boot,
      nonce,
      cgroups,
      logFile,
      notes,
    }
    try {
      mkdirSync(join(this.#logDirectory, order.service), { recursive: true, mode: 0o700 })
      const output = openSync(logFile, 'a', 0o600)
      try {
        this.#records.create(record)
        const claim = this.#records.claimFile(record)
        const { child, pid } = await spawnProgram(record, { claim, environment, output })
        const instance = this.#supervise(record, child, pid)
        await this.#claimed(instance)
        this.#confine(instance)
        return reportOf(instance)
      } finally {
        closeSync(output)
      }
    } catch (error) {
      this.#records.remove(order.id)
      this.#release(cgroups)
      throw PandoError.from(error)
    }
  }

  #supervise(record: InstanceRecord, child: ChildProcess, pid: number): Instance {
    // Its parent can always read it: until we have reaped it, it is at least a zombie.
    const start = this.#table.read(pid)?.start ?? ''
    const instance = this.#track(record, { pid, start }, child)
    child.once('exit', (code, signal) => this.#mainEnded(instance, code, signal))
    child.unref()
    return instance
  }

  #track(record: InstanceRecord, main: ProcessIdentity, child: ChildProcess | null): Instance {
    const { order, cgroups } = record
    const instance: Instance = {
      record,
      traces: { main, cgroups, marks: marksOf(order), isConfined: false },
      notes: record.notes,
      child,
      phase: 'running',
      exit: null,
      isStopping: false,
      isKilled: false,
      killRounds: 0,
    }
    this.#instances.set(order.id, instance)
    return instance
  }

  /** Until the launch has claimed its record a later control plane could still call it off: only then it counts as started. */
  async #claimed({ record, child }: Instance): Promise<void> {
    for (;;) {
      const hasEnded = child === null || child.exitCode !== null || child.signalCode !== null
      if (hasEnded || parseClaim(this.#records.readClaim(record) ?? '') !== null) return
      await this.#sleep(2)
    }
  }

  /** Only a running process can be seen in its groups: of one that has ended all is looked for everywhere. */
  #confine(instance: Instance): void {
    const { main, cgroups } = instance.traces
    const { isConfined, notes } = membership(cgroups, main.pid)
    if (!isAlive(this.#table, main)) return
    instance.traces = { ...instance.traces, isConfined }
    instance.notes = [...instance.record.notes, ...notes]
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((wake) => void this.#clock.after(ms, wake))
  }

  /** Takes over what earlier control planes have started. Once, or until it works; every call waits for it. */
  #adopt(): Promise<void> {
    this.#adoption ??= this.#adoptAll().catch((error: unknown) => {
      this.#adoption = null
      throw error
    })
    return this.#adoption
  }

  async #adoptAll(): Promise<void> {
    const { records, broken } = this.#records.load()
    for (const record of records) await this.#adoptOne(record)
    for (const name of broken) this.#records.discard(name)
    const known = new Set([...this.#instances.values()].flatMap(({ record }) => record.cgroups.directories))
    for (const cgroups of this.#cgroups?.strays(known) ?? []) {
      signalAll(this.#table, strayTraces(cgroups), 'SIGKILL')
      this.#release(cgroups)
    }
    this.#poll()
  }

  async #adoptOne(record: InstanceRecord): Promise<void> {
    const { id } = record.order
    const exit = this.#records.readExit(id)
    const isThisBoot = record.boot === this.#table.boot
    const main = isThisBoot ? await claimantOf(record, this.#records, this.#table, (ms) => this.#sleep(ms)) : nobody
    if (main === null) {
      this.#records.remove(id)
      this.#release(record.cgroups)
      return
    }
    const instance = this.#track(record, main, null)
    instance.isStopping = this.#records.isStopping(id)
    this.#confine(instance)
    if (exit === null && !isThisBoot) this.#mainEnded(instance, null, null)
    if (exit !== null) {
      instance.exit = exit
      instance.phase = 'ending'
      this.#settle(instance)
    }
  }

  #mainEnded(instance: Instance, code: number | null, signal: string | null): void {
    if (instance.phase !== 'running') return
    const { order, cgroups, logFile } = instance.record
    const reason = exitReason({
      code,
      signal,
      hadOutOfMemory: !instance.isKilled && hadOutOfMemory(cgroups),
      memoryLimitBytes: order.spec.resources.memoryBytes,
      lastLine: () => lastLineOf(logFile),
      isShell: typeof order.program.command === 'string',
    })
    instance.exit = this.#records.writeExit(order.id, { at: this.#clock.now(), reason })
    instance.phase = 'ending'
    this.#settle(instance)
  }

  /** Moves an ending instance on: to `exited` when nothing of it is left. */
  #settle(instance: Instance): void {
    const isLeft = !this.#keepsRest(instance) && processesOf(this.#table, instance.traces).length > 0
    const mayKill = instance.isKilled || !instance.isStopping
    if (isLeft && !(mayKill && instance.killRounds >= maxKillRounds)) {
      if (mayKill) {
        instance.killRounds += 1
        signalAll(this.#table, instance.traces, 'SIGKILL')
      }
      this.#poll()
      return
    }
    instance.phase = 'exited'
    if (!this.#keepsRest(instance)) this.#release(instance.record.cgroups)
    const report = reportOf(instance)
    for (const watcher of this.#watchers) watcher(report)
  }

  #keepsRest({ isStopping, isKilled }: Instance): boolean {
    return this.#isRestKept && !isStopping && !isKilled
  }

  #release(cgroups: InstanceRecord['cgroups']): void {
    if (!this.#busyCgroups.release(cgroups)) this.#poll()
  }

  /** The main processes whose parent we are not: nobody tells us of their end. */
  #lookAtAdopted(): void {
    for (const instance of this.#instances.values()) {
      const isAdopted = instance.phase === 'running' && instance.child === null
      if (isAdopted && !isAlive(this.#table, instance.traces.main)) this.#mainEnded(instance, null, null)
    }
  }

  #lookAtLeftovers(): void {
    for (const instance of this.#instances.values()) if (instance.phase === 'ending') this.#settle(instance)
    this.#busyCgroups.look()
  }

  /** Looks again in a moment, and so on for as long as there is something to look at. */
  #poll(): void {
    if (this.#cancelPoll !== null || this.#isClosed) return
    this.#cancelPoll = this.#clock.after(pollIntervalMs, () => {
      this.#cancelPoll = null
      this.#lookAtLeftovers()
      this.#lookAtAdopted()
      if (!this.#busyCgroups.isEmpty || [...this.#instances.values()].some(needsLooking)) this.#poll()
    })
  }
}

/** Two apps of the same name in two folders must not meet in one group. */
function cgroupName(stateDir: string): string {
  return `pando-${createHash('sha256').update(stateDir).digest('hex').slice(0, 12)}`
}
