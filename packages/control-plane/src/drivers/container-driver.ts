import { join, resolve } from 'node:path'
import { PandoError, type ExitReason } from '@pando/model'
import type { Clock } from '../clock.js'
import { lastLineOf, pruneLogs } from '../logs/log-files.js'
import { holderOf } from '../ports/port-holder.js'
import { ensureNetwork, removeNetworks, type AppNetwork } from './container/app-network.js'
import { describeInstance, exitOf, type ContainerInstance } from './container/container-instance.js'
import { containerSettings } from './container/container-settings.js'
import { EngineClient, isEngineAway } from './container/engine-client.js'
import { EngineContainers } from './container/engine-containers.js'
import type { ContainerDetails, ContainerSummary } from './container/engine-types.js'
import { EventFeed } from './container/event-feed.js'
import { execute } from './container/exec-run.js'
import { putFiles, putIntoNew } from './container/file-put.js'
import { factsOf, type InstanceFacts } from './container/instance-facts.js'
import { initFailureOf } from './container/init-failure.js'
import { InstanceFiles } from './container/instance-files.js'
import { factsIn, instanceLabel, labelsOf, containerKey } from './container/labels.js'
import { LogCopy } from './container/log-copy.js'
import { missingLimits } from './container/missing-limits.js'
import { startFailure } from './container/start-failure.js'
import { UsageMeter, usageOf, type Usage } from './container/usage-meter.js'
import type {
  CommandResult,
  CommandRunner,
  Driver,
  FileChange,
  InstanceReport,
  StartOrder,
  UsageReporter,
} from './driver.js'

/** Should the engine's events be away. */
const pollIntervalMs = 2000
/** A program that was handed to the system a moment ago may not yet be there to take a signal. */
const youngMs = 300
const safeName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

export interface ContainerDriverOptions {
  /** Holds `containers/` and `logs/`. One driver at a time. */
  readonly stateDir: string
  /** The state directory whose app's network the containers join; their own by default. */
  readonly networkOf?: string
  readonly clock: Clock
  /** Says where the engine is: DOCKER_HOST, XDG_RUNTIME_DIR, HOME. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Names of services that lead to the mesh's listeners, for whatever starts now. */
  readonly meshNames: () => readonly string[]
  /** What was put into instances of this revision, so that a new one has it as well. */
  readonly synced?: (service: string, revision: string) => Promise<readonly FileChange[]>
}

/**
 * Runs instances as containers of a Docker-compatible engine.
 *
 * What holds at every point in time, also after a kill -9 of this process:
 * - a container's labels are its record, and it has them before anything of it runs;
 * - a container that was made and not started is left over from such a kill, and is removed when it is seen;
 * - how one ended is the engine's to remember, so it is known whoever watched;
 * - while the engine is away the last that is known counts: nothing is taken for ended because nobody could be asked.
 */
export class ContainerDriver implements Driver, UsageReporter, CommandRunner {
  readonly kind = 'container'
  readonly #engine: EngineClient
  readonly #containers: EngineContainers
  readonly #clock: Clock
  /** Names this state directory to the engine. */
  readonly #key: string
  readonly #networkKey: string
  readonly #files: InstanceFiles
  readonly #logDirectory: string
  readonly #meshNames: () => readonly string[]
  readonly #synced: ContainerDriverOptions['synced']
  readonly #usage: UsageMeter
  readonly #instances = new Map<string, ContainerInstance>()
  readonly #starting = new Map<string, Promise<InstanceReport>>()
  readonly #watchers = new Set<(report: InstanceReport) => void>()
  #refresh: Promise<void> | null = null
  /** Memos have been read: something is known even without the engine. */
  #isPrimed = false
  #isAdopted = false
  #feed: EventFeed | null = null
  #cancelPoll: (() => void) | null = null
  #isClosed = false

  constructor(options: ContainerDriverOptions) {
    const stateDir = resolve(options.stateDir)
    this.#clock = options.clock
    this.#engine = new EngineClient({ environment: options.environment, clock: options.clock })
    this.#containers = new EngineContainers(this.#engine, this.#clock)
    this.#key = containerKey(stateDir)
    this.#networkKey = containerKey(resolve(options.networkOf ?? stateDir))
    this.#files = new InstanceFiles(join(stateDir, 'containers'))
    this.#logDirectory = join(stateDir, 'logs')
    this.#meshNames = options.meshNames
    this.#synced = options.synced
    this.#usage = new UsageMeter({ clock: this.#clock, ask: (id) => this.#askUsage(id) })
  }

  async start(order: StartOrder): Promise<InstanceReport> {
    await this.#adopt()
    const known = this.#instances.get(order.id)
    if (known !== undefined) return describeInstance(known)
    const underWay = this.#starting.get(order.id)
    if (underWay !== undefined) return underWay
    const started = this.#start(order).finally(() => this.#starting.delete(order.id))
    this.#starting.set(order.id, started)
    return started
  }

  async stop(id: string): Promise<void> {
    const instance = await this.#find(id)
    if (instance === null || instance.exit !== null) return
    const age = this.#clock.now() - instance.seenAt
    if (age >= 0 && age < youngMs) await new Promise<void>((wake) => void this.#clock.after(youngMs - age, wake))
    await this.#containers.signal(instance.container, instance.facts.stopSignal)
  }

  async kill(id: string): Promise<void> {
    const instance = await this.#find(id)
    if (instance === null || instance.exit !== null) return
    instance.isKilled = true
    await this.#containers.signal(instance.container, 'SIGKILL')
  }

  async remove(id: string): Promise<void> {
    const instance = await this.#find(id)
    if (instance === null) return
    if (instance.exit === null) throw new PandoError('conflict', `instance ${id} still runs`)
    await instance.log?.finish()
    await this.#containers.discard(instance.container)
    this.#files.remove(id)
    this.#instances.delete(id)
    this.#usage.forget(id)
    const { service } = instance.facts
    pruneLogs(join(this.#logDirectory, service), new Set(this.#instances.keys()))
  }

  async list(): Promise<InstanceReport[]> {
    await this.#known()
    return Array.from(this.#instances.values(), describeInstance)
  }

  watch(onExit: (report: InstanceReport) => void): () => void {
    this.#watchers.add(onExit)
    return () => this.#watchers.delete(onExit)
  }

  async usage(id: string): Promise<Usage | null> {
    const instance = this.#instances.get(id)
    return instance === undefined || instance.exit !== null ? null : this.#usage.of(id)
  }

  async #askUsage(id: string): Promise<Usage | null> {
    const instance = this.#instances.get(id)
    if (instance === undefined || instance.exit !== null) return null
    return usageOf(this.#engine, instance.container)
  }

  async run(id: string, command: string | readonly string[], timeoutMs: number): Promise<CommandResult> {
    const instance = await this.#find(id)
    if (instance === null || instance.exit !== null) throw new PandoError('not_found', `instance ${id} does not run`)
    return execute({ engine: this.#engine, container: instance.container, command, timeoutMs, clock: this.#clock })
  }

  /** Puts files into an instance; nothing when it does not run. Rejects with `conflict` when the engine or the image lets it not. */
  async put(id: string, changes: readonly FileChange[]): Promise<void> {
    const instance = await this.#find(id)
    if (instance !== null && instance.exit === null)
      await putFiles(this.#engine, this.#clock, instance.container, changes)
  }

  /** Ids of the instances that run, when the engine cannot be told anything now; none when it answers, whatever it says. */
  async unreachable(): Promise<readonly string[]> {
    if (!(await this.#containers.isAway())) return []
    return [...this.#instances.values()].flatMap(({ exit, facts }) => (exit === null ? [facts.id] : []))
  }

  /** The network of this state directory's app, made when it is not there. Rejects with `tool_missing` without an engine. */
  network(appName: string): Promise<AppNetwork> {
    return ensureNetwork(this.#engine, { key: this.#networkKey, name: appName })
  }

  /** After the last container has gone. */
  removeNetwork(): Promise<void> {
    return removeNetworks(this.#engine, this.#networkKey)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#feed?.close()
    this.#cancelPoll?.()
    this.#watchers.clear()
    for (const { log } of this.#instances.values()) log?.close()
    this.#engine.close()
  }

  // Starting

  async #start(order: StartOrder): Promise<InstanceReport> {
    const { program, spec } = order
    if (!safeName.test(order.id) || !safeName.test(order.service)) {
      throw new PandoError('internal', `instance "${order.id}" of service "${order.service}" cannot be a name`)
    }
    if (program.image === undefined || spec.container === undefined) {
      throw new PandoError('internal', `service ${order.service} has no image`)
    }
    await this.#checkPort(order)
    const network = await this.network(order.environment['PANDO_APP'] ?? 'app')
    const facts = factsOf(order, this.#clock.now())
    this.#files.create(order.id)
    let container: string | null = null
    try {
      const settings = containerSettings({
        order,
        container: spec.container,
        image: program.image,
        key: this.#key,
        labels: labelsOf(this.#key, order, facts),
        network,
        secrets: this.#files.copySecrets(order.id, order.service, spec.container.secrets),
        meshNames: this.#meshNames(),
      })
      const made = await this.#containers.create(`pando-${this.#key}-${order.id}`, settings)
      container = made.id
      const synced = await putIntoNew(this.#engine, container, this.#synced?.(order.service, order.revision))
      await this.#containers.start(container)
      const details = await this.#containers.inspect(container)
      const missing = details === null ? [] : missingLimits(details, order)
      const notes = [...made.notes, ...synced, ...missing]
      const instance = this.#track(facts, container, details?.State.Pid || null, notes)
      if (details?.State.Running === false) await this.#settle(instance, details)
      return describeInstance(instance)
    } catch (error) {
      if (container !== null) await this.#containers.discard(container).catch(() => {})
      this.#files.remove(order.id)
      throw startFailure(error, order)
    }
  }

  async #checkPort(order: StartOrder): Promise<void> {
    if (order.address === null) return
    const holder = await holderOf(order.address)
    if (holder === null) return
    const { host, port } = order.address
    throw new PandoError('port_taken', `service ${order.service}: ${host}:${port} is taken by ${holder}`)
  }

  #track(facts: InstanceFacts, container: string, pid: number | null, notes: readonly string[]): ContainerInstance {
    const logFile = join(this.#logDirectory, facts.service, `${facts.id}.log`)
    this.#files.create(facts.id)
    const known = { facts, container, logFile, notes, pid }
    const instance: ContainerInstance = { ...known, seenAt: this.#clock.now(), exit: null, isKilled: false, log: null }
    this.#files.writeMemo({ facts, container, pid, notes })
    instance.log = new LogCopy({
      engine: this.#engine,
      container,
      logFile,
      positionFile: this.#files.positionFile(facts.id),
      clock: this.#clock,
    })
    this.#instances.set(facts.id, instance)
    this.#poll()
    return instance
  }

  // Observing

  /** Takes over what earlier control planes have started. */
  async #adopt(): Promise<void> {
    if (!this.#isAdopted) await this.#look()
  }

  /** Up to date when the engine answers; what was known last while it is away. */
  async #known(): Promise<void> {
    try {
      await this.#look()
    } catch (error) {
      if (!isEngineAway(error)) throw error
      if (!this.#isAdopted && !this.#isPrimed) this.#prime()
    }
  }

  async #find(id: string): Promise<ContainerInstance | null> {
    if (!this.#isAdopted) await this.#known()
    return this.#instances.get(id) ?? null
  }

  /** The engine is away since before we came: what was known last is what is known. */
  #prime(): void {
    this.#isPrimed = true
    for (const { facts, container, pid, notes } of this.#files.memos()) this.#track(facts, container, pid, notes)
  }

  /** One look at all containers of ours; one at a time is enough for everybody who asks meanwhile. */
  #look(): Promise<void> {
    this.#refresh ??= this.#lookAtAll().finally(() => {
      this.#refresh = null
    })
    return this.#refresh
  }

  async #lookAtAll(): Promise<void> {
    const known = new Set(this.#instances.keys())
    const listed = new Set<string>()
    for (const summary of await this.#containers.list(this.#key)) {
      const id = summary.Labels[instanceLabel] ?? ''
      listed.add(id)
      if (this.#starting.has(id)) continue
      const instance = this.#instances.get(id)
      if (instance === undefined) await this.#take(summary)
      else if (instance.exit === null && summary.State !== 'running') await this.#check(instance)
    }
    for (const id of known) {
      const instance = this.#instances.get(id)
      if (instance !== undefined && instance.exit === null && !listed.has(id)) this.#end(instance, { kind: 'unknown' })
    }
    if (!this.#isAdopted) for (const id of this.#files.ids()) if (!listed.has(id)) this.#files.remove(id)
    this.#isAdopted = true
    if (this.#feed === null && !this.#isClosed) this.#listen()
  }

  /** A container that we did not start in this life. */
  async #take(summary: ContainerSummary): Promise<void> {
    const facts = factsIn(summary.Labels)
    if (facts === null || summary.State === 'created') return this.#containers.discard(summary.Id)
    const details = await this.#containers.inspect(summary.Id)
    if (details === null || this.#isClosed) return
    const instance = this.#track(facts, details.Id, details.State.Pid || null, [])
    if (!details.State.Running) await this.#settle(instance, details)
  }

  async #check(instance: ContainerInstance): Promise<void> {
    const details = await this.#containers.inspect(instance.container)
    if (instance.exit !== null) return
    if (details === null) this.#end(instance, { kind: 'unknown' })
    else if (!details.State.Running) await this.#settle(instance, details)
  }

  async #settle(instance: ContainerInstance, details: ContainerDetails): Promise<void> {
    const failure = await initFailureOf(this.#engine, details, this.#clock).catch(() => null)
    const { at, reason } = exitOf(instance, details, () => lastLineOf(instance.logFile), failure)
    this.#end(instance, reason, at)
  }

  #end(instance: ContainerInstance, reason: ExitReason, at: number = this.#clock.now()): void {
    if (instance.exit !== null) return
    instance.exit = { at, reason }
    void instance.log?.finish()
    const report = describeInstance(instance)
    for (const watcher of this.#watchers) watcher(report)
  }

  #listen(): void {
    this.#feed = new EventFeed({
      engine: this.#engine,
      key: this.#key,
      clock: this.#clock,
      onEnded: (id) => {
        const instance = id === null ? undefined : this.#instances.get(id)
        const look = instance === undefined ? this.#look() : this.#check(instance)
        look.catch(() => {})
      },
    })
  }

  /** Looks now and then for as long as something runs. */
  #poll(): void {
    if (this.#cancelPoll !== null || this.#isClosed) return
    this.#cancelPoll = this.#clock.after(pollIntervalMs, () => {
      this.#cancelPoll = null
      void this.#lookAgain()
    })
  }

  async #lookAgain(): Promise<void> {
    await this.#look().catch(() => {})
    if ([...this.#instances.values()].some(({ exit }) => exit === null)) this.#poll()
  }
}
