import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { driverOf } from '@pando/model'
import type { ContainerDriver, ContainerDriverOptions } from './container-driver.js'
import type { CommandResult, CommandRunner, Driver, InstanceReport, StartOrder, UsageReporter } from './driver.js'

type FullDriver = Driver & UsageReporter & CommandRunner

/**
 * One driver towards the reconciler: each instance goes to the driver that its spec asks for. That of containers is loaded with the
 * first service that needs it, or when containers were started from this state directory before.
 */
export class DriverRouter implements FullDriver {
  readonly kind = 'process'
  readonly #processes: FullDriver
  readonly #options: ContainerDriverOptions
  readonly #watchers = new Set<(report: InstanceReport) => void>()
  #containers: Promise<ContainerDriver> | null = null
  /** Ids of the instances that are containers. */
  readonly #inContainers = new Set<string>()

  constructor(options: { readonly processes: FullDriver; readonly containers: ContainerDriverOptions }) {
    this.#processes = options.processes
    this.#options = options.containers
  }

  containers(): Promise<ContainerDriver> {
    this.#containers ??= this.#load()
    return this.#containers
  }

  async start(order: StartOrder): Promise<InstanceReport> {
    if (driverOf(order.spec) === 'process') return this.#processes.start(order)
    this.#inContainers.add(order.id)
    return (await this.containers()).start(order)
  }

  async stop(id: string): Promise<void> {
    return (await this.#of(id)).stop(id)
  }

  async kill(id: string): Promise<void> {
    return (await this.#of(id)).kill(id)
  }

  async remove(id: string): Promise<void> {
    await (await this.#of(id)).remove(id)
    this.#inContainers.delete(id)
  }

  async list(): Promise<InstanceReport[]> {
    const containers = await this.#known()
    const [processes, others] = await Promise.all([this.#processes.list(), containers?.list() ?? []])
    for (const { id } of others) this.#inContainers.add(id)
    return [...processes, ...others]
  }

  watch(onExit: (report: InstanceReport) => void): () => void {
    this.#watchers.add(onExit)
    const unwatch = this.#processes.watch(onExit)
    return () => {
      this.#watchers.delete(onExit)
      unwatch()
    }
  }

  async usage(id: string): Promise<{ readonly memoryBytes: number; readonly cpuSeconds: number } | null> {
    return (await this.#of(id)).usage(id)
  }

  async run(id: string, command: string | readonly string[], timeoutMs: number): Promise<CommandResult> {
    return (await this.#of(id)).run(id, command, timeoutMs)
  }

  /** Ids of the instances that run and can be told nothing now; processes always can. */
  async unreachable(): Promise<readonly string[]> {
    return (await (await this.#known())?.unreachable()) ?? []
  }

  /** After the last instance has gone: nothing of the app is left in the engine. */
  async removeNetwork(): Promise<void> {
    await (await this.#known())?.removeNetwork()
  }

  async close(): Promise<void> {
    this.#watchers.clear()
    await this.#processes.close()
    await (await this.#containers)?.close()
  }

  async #of(id: string): Promise<FullDriver> {
    return this.#inContainers.has(id) ? this.containers() : this.#processes
  }

  /** Null as long as nobody has needed it. */
  async #known(): Promise<ContainerDriver | null> {
    if (this.#containers !== null) return this.#containers
    return existsSync(join(this.#options.stateDir, 'containers')) ? this.containers() : null
  }

  async #load(): Promise<ContainerDriver> {
    const { ContainerDriver } = await import('./container-driver.js')
    const driver = new ContainerDriver(this.#options)
    driver.watch((report) => {
      for (const watcher of this.#watchers) watcher(report)
    })
    return driver
  }
}
