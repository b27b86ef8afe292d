import { join } from 'node:path'
import { driverOf, PandoError, type Address, type AppSpec } from '@pando/model'
import type { Clock } from './clock.js'
import { ContainerSide } from './container-side.js'
import { environmentOf } from './desired/environment.js'
import type { AppNetwork } from './drivers/container/app-network.js'
import { DriverRouter } from './drivers/driver-router.js'
import { ExitKeeper } from './drivers/exit-keeper.js'
import { ProcessDriver } from './drivers/process-driver.js'
import type { Events } from './events/events.js'
import { instancePorts } from './ports/free-port.js'
import { MeshAddresses } from './ports/mesh-addresses.js'
import { namesOfTheMesh } from './ports/mesh-names.js'
import { PortPool } from './ports/port-pool.js'
import type { Preparation } from './reconciler/ports.js'
import type { DesiredService, Observed } from './reconciler/state.js'
import type { Store } from './store/store.js'
import { SyncedFiles } from './synced-files.js'

export interface InstanceSideOptions {
  readonly stateDir: string
  readonly clock: Clock
  readonly store: Store
  /** 0 ≤ r < 1. */
  readonly random: () => number
  readonly emit: Events['emit']
  /** The environment that we were started with: the instances' allow-list comes from it. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly app: () => AppSpec | null
  readonly observed: () => Observed
}

/** Instances and the mesh are for this machine only. */
const loopback = '127.0.0.1'
/** Ports kept ready: a service can be scaled all the way at once. */
const poolSize = 128

/** Instances as the app's control plane has them: what runs them, and what each is given: addresses, environment, changed files. */
export class InstanceSide {
  readonly driver: DriverRouter
  /** Files that were put into running containers since they were built. */
  readonly synced = new SyncedFiles()
  readonly #options: InstanceSideOptions
  readonly #mesh: MeshAddresses
  readonly #ports: PortPool
  readonly #containers: ContainerSide

  constructor(options: InstanceSideOptions) {
    const { app, clock, emit, environment, random, stateDir, store } = options
    this.#options = options
    this.driver = new DriverRouter({
      processes: new ExitKeeper({
        driver: new ProcessDriver({ stateDir, clock }),
        folder: join(stateDir, 'exits'),
        clock,
      }),
      containers: {
        stateDir,
        clock,
        environment,
        meshNames: () => namesOfTheMesh(app()),
        synced: (service, revision) => this.synced.of(service, revision),
      },
    })
    this.#mesh = new MeshAddresses({ store, random })
    this.#ports = new PortPool({ host: loopback, range: instancePorts, size: poolSize, random })
    this.#containers = new ContainerSide({ store, driver: this.driver, emit })
  }

  /** Resolves when ports are at hand. */
  open(): Promise<void> {
    return this.#ports.fill()
  }

  close(): void {
    this.#ports.close()
  }

  /** The stable address of each service of the app; none without one. */
  get mesh(): ReadonlyMap<string, Address> {
    const app = this.#options.app()
    return app === null ? new Map() : this.#mesh.of(app)
  }

  /** Of the app's containers; null when nothing of ours can listen there. */
  get network(): AppNetwork | null {
    return this.#containers.network
  }

  /**
   * Gives the app's services their stable addresses, on the machine and, where it has containers, on their network. `isIdle`
   * when nothing of the app runs.
   */
  async connect(app: AppSpec, options: { readonly isIdle: boolean }): Promise<void> {
    await this.#mesh.ensure(app, options)
    this.#containers.keep(await this.#containers.connect(app))
  }

  /** After everything has gone down. */
  disconnect(): void {
    this.#containers.keep(null)
  }

  prepare(service: DesiredService, id: string): Preparation {
    const address = service.spec.protocol === 'none' ? null : this.#addressFor(service)
    return { address, environment: this.environment(service, id, address) }
  }

  environment(service: DesiredService, instance: string, address: Address | null): Record<string, string> {
    const app = this.#options.app()
    if (app === null) throw new PandoError('internal', 'an instance was to be started without an app')
    const host = this.#options.environment
    const containerGateway = this.#containers.network?.gateway ?? null
    return environmentOf({ app, service, instance, address, mesh: this.mesh, containerGateway, host })
  }

  #addressFor(service: DesiredService): Address {
    const taken = new Set(this.#options.observed().instances.map((instance) => instance.address?.port ?? 0))
    // A container's own port is inside it, and says nothing of where it is reached.
    const fixed = driverOf(service.spec) === 'process' ? service.spec.port : null
    return { host: loopback, port: fixed ?? this.#ports.take(taken) }
  }
}
