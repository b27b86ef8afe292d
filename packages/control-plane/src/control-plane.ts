import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { driverOf, PandoError, type Address, type AppSpec, type GatewayReport } from '@pando/model'
import { AppView } from './app-view.js'
import { Autoscaler } from './autoscale/autoscaler.js'
import type { ApplyRequest, ApplyResult } from './api/app-control.js'
import { ApiKeys } from './api-keys/api-keys.js'
import { createControlApi } from './api/control-api.js'
import { serveControlApi, type ControlApiServer } from './api/server.js'
import { tokenIn } from './api/token.js'
import { socketAddressOf } from './api/socket-path.js'
import { BuilderRouter } from './build/builder-router.js'
import type { Clock } from './clock.js'
import { ContainerSide } from './container-side.js'
import { ControlledApp } from './controlled-app.js'
import { appKey, Deployer, pastServices } from './deployer.js'
import { changesBetween, describeChanges } from './desired/desired-state.js'
import { environmentOf } from './desired/environment.js'
import { CertificateKeeper } from './certificates/certificate-keeper.js'
import { localCertificateFiles } from './certificates/local-certificate.js'
import { gatewayConfigOf } from './desired/gateway-config.js'
import { withKeys } from './desired/with-keys.js'
import type { InstanceReport } from './drivers/driver.js'
import { DriverRouter } from './drivers/driver-router.js'
import { ExitKeeper } from './drivers/exit-keeper.js'
import { ProcessDriver } from './drivers/process-driver.js'
import { Events } from './events/events.js'
import { adminRequest } from './gateway-process/admin-request.js'
import { RevisionFigures } from './gateway-process/revision-figures.js'
import { readServiceFigures } from './gateway-process/service-figures.js'
import { assertGatewayPorts } from './gateway-process/gateway-ports.js'
import { gatewayEnvironment } from './gateway-process/gateway-environment.js'
import { GatewayProcess } from './gateway-process/gateway-process.js'
import { JobRunner } from './jobs/job-runner.js'
import { schedulesOf } from './jobs/schedules.js'
import { JobSide } from './job-side.js'
import { LocalProber } from './health/local-prober.js'
import { InstanceLogs } from './logs/instance-logs.js'
import { LogRotation } from './logs/log-rotation.js'
import { instancePorts } from './ports/free-port.js'
import { namesOfTheMesh } from './ports/mesh-names.js'
import { MeshAddresses } from './ports/mesh-addresses.js'
import { holderOf } from './ports/port-holder.js'
import { PortPool } from './ports/port-pool.js'
import { Reconciler } from './reconciler/loop.js'
import type { Preparation } from './reconciler/ports.js'
import type { DesiredService } from './reconciler/state.js'
import { Registry } from './registry/registry.js'
import { scaledServices } from './scaled-services.js'
import { ServiceOrders } from './service-orders.js'
import { SqliteStore } from './store/sqlite-store.js'
import { TakeDown, unstoppedFile } from './take-down.js'
import { SyncedFiles } from './synced-files.js'
import { revisionFacts } from './upkeep/revision-facts.js'
import { Upkeep } from './upkeep/upkeep.js'
import { Turns } from './turns.js'
import { Why } from './why/why.js'

export interface ControlPlaneOptions {
  /** Absolute; made with mode 0700 when it is not there. */
  readonly stateDir: string
  /** Where the control API listens for this machine's users: a unix socket of mode 0600. */
  readonly socketPath: string
  /** Absolute path of the gateway's entry file. */
  readonly gatewayEntry: string
  readonly clock: Clock
  /** 0 ≤ r < 1. */
  readonly random: () => number
  /** The environment that we were started with: the instances' allow-list and the builds' tools come from it. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly version: string
  /** Take over what runs only to stop it: nothing is started any more. `down` is still to be called. */
  readonly isLast?: boolean
  /** Our own failures, with their cause: for the log. */
  readonly onFault: (what: string, error: unknown) => void
}

/** Instances and the mesh are for this machine only. */
const loopback = '127.0.0.1'
/** What the gateway calls itself when it watches and reports. */
const gatewayName = 'gateway'
/** What a gateway may take to finish what is in flight when everything goes down. */
const gatewayGraceMs = 10_000
/** Ports kept ready: a service can be scaled all the way at once. */
const poolSize = 128

/**
 * One app's control plane: the only place that wires its rooms. It may die at any moment; `open` on the same state directory takes
 * up where it was, and only then answers anybody, so that no gateway ever sees an empty table by mistake.
 *
 * Changes of what is wanted (`apply`, `scale`, …) happen one after the other, each durable before it is answered.
 */
export class ControlPlane {
  /** Resolves after `down`, when nothing that we started is left. */
  readonly finished: Promise<void>

  readonly #options: ControlPlaneOptions
  readonly #store: SqliteStore
  readonly #events: Events
  readonly #registry: Registry
  readonly #driver: DriverRouter
  readonly #containers: ContainerSide
  readonly #synced = new SyncedFiles()
  readonly #reconciler: Reconciler
  readonly #mesh: MeshAddresses
  readonly #gateway: GatewayProcess
  readonly #certificates: CertificateKeeper
  readonly #view: AppView
  readonly #logs: InstanceLogs
  readonly #control: ControlledApp
  readonly #accessLog: string
  readonly #rotation: LogRotation
  readonly #jobs: JobRunner
  readonly #keys: ApiKeys
  readonly #token: string
  readonly #ports: PortPool
  readonly #deployer: Deployer
  readonly #orders: ServiceOrders
  readonly #turns = new Turns()
  readonly #autoscaler: Autoscaler
  readonly #upkeep: Upkeep
  readonly #takeDown: TakeDown
  #finish!: () => void
  #app: AppSpec | null
  #api: ControlApiServer | null = null

  static async open(options: ControlPlaneOptions): Promise<ControlPlane> {
    mkdirSync(options.stateDir, { recursive: true, mode: 0o700 })
    const store = new SqliteStore({ path: join(options.stateDir, 'state.db') })
    const controlPlane = new ControlPlane(options, store)
    await controlPlane.#start()
    return controlPlane
  }

  private constructor(options: ControlPlaneOptions, store: SqliteStore) {
    const { stateDir, clock, random } = options
    this.#options = options
    this.#store = store
    this.#token = tokenIn(join(stateDir, 'token'))
    this.finished = new Promise((resolve) => {
      this.#finish = resolve
    })
    this.#app = (store.get('meta', appKey) as AppSpec | undefined) ?? null
    this.#events = new Events({ store, clock, onFault: options.onFault })
    const emit = this.#events.emit.bind(this.#events)
    this.#registry = new Registry({ store, clock, random, emit, onReport: (report) => this.#noted(report) })
    this.#driver = new DriverRouter({
      processes: new ExitKeeper({ driver: new ProcessDriver({ stateDir, clock }), folder: join(stateDir, 'exits') }),
      containers: {
        stateDir,
        clock,
        environment: options.environment,
        meshNames: () => namesOfTheMesh(this.#app),
        synced: (service, revision) => this.#synced.of(service, revision),
      },
    })
    this.#containers = new ContainerSide({ store, driver: this.#driver, emit })
    this.#mesh = new MeshAddresses({ store, random })
    this.#logs = new InstanceLogs({ stateDir, clock })
    const gatewayDriver = new ProcessDriver({ stateDir: join(stateDir, 'gateway'), clock, isRestKept: true })
    const jobDriver = new DriverRouter({
      processes: new ProcessDriver({ stateDir: join(stateDir, 'jobs'), clock }),
      containers: {
        stateDir: join(stateDir, 'jobs'),
        networkOf: stateDir,
        clock,
        environment: options.environment,
        meshNames: () => namesOfTheMesh(this.#app),
      },
    })
    const list = async (): Promise<InstanceReport[]> => [
      ...(await this.#driver.list()),
      ...(await jobDriver.list()),
      ...(await gatewayDriver.list()),
    ]
    this.#rotation = new LogRotation({ driver: { list }, clock })
    this.#ports = new PortPool({ host: loopback, range: instancePorts, size: poolSize, random })
    const adminSocket = socketAddressOf(join(stateDir, 'gateway.sock'))
    const figures = RevisionFigures.ofGateway(adminSocket, clock)
    const builder = new BuilderRouter({
      stateDir,
      clock,
      environment: options.environment,
      appName: () => this.#app?.name ?? '',
    })
    this.#reconciler = new Reconciler({
      driver: this.#driver,
      builder,
      prober: new LocalProber({ commands: this.#driver }),
      store,
      clock,
      random,
      endpoints: this.#registry,
      emit,
      figures: (...which) => figures.compare(...which),
      onRolloutResult: (result) => {
        this.#upkeep.soon()
        return this.#deployer.deployments.onRolloutResult(result)
      },
      proofs: {
        mayProve: (...which) => this.#deployer.deployments.mayProve(...which),
        onProven: (...which) => this.#deployer.deployments.onProven(...which),
      },
      prepare: (service, _slot, id) => this.#prepare(service, id),
    })
    this.#jobs = new JobRunner({
      stateDir: join(stateDir, 'jobs'),
      driver: jobDriver,
      builder,
      store,
      clock,
      random,
      emit,
      desired: () => this.#reconciler.desired(),
      schedules: () => schedulesOf(this.#app),
      environment: (service, id) => this.#environmentOf(service, id, null),
    })
    this.#keys = new ApiKeys({
      store,
      clock,
      random: randomBytes,
      emit,
      onChange: () => this.#app !== null && this.#serve(this.#app),
      figures: () => adminRequest(adminSocket, '/metrics'),
    })
    this.#takeDown = new TakeDown({
      stateDir,
      clock,
      reconciler: this.#reconciler,
      jobs: this.#jobs,
      instances: this.#driver,
      runs: jobDriver,
      emit,
    })
    this.#deployer = new Deployer({
      stateDir,
      store,
      clock,
      emit,
      reconciler: this.#reconciler,
      app: () => this.#app,
      setApp: (app) => {
        this.#app = app
      },
      onChanged: () => this.#upkeep.soon(),
    })
    this.#upkeep = new Upkeep({
      stateDir,
      clock,
      facts: async () => {
        const { deployments } = this.#deployer
        return revisionFacts({
          desired: this.#reconciler.desired(),
          deployments,
          past: pastServices(store),
          running: await list(),
        })
      },
      images: async () => (await import('./build/built-images.js')).builtImagesOf(options),
      inTurn: (work) => this.#turns.take(work),
      onFault: options.onFault,
    })
    this.#orders = new ServiceOrders({
      reconciler: this.#reconciler,
      deployer: this.#deployer,
      emit,
      inTurn: (work) => this.#turns.take(work),
      connect: (app) => this.#connect(app, { isIdle: false }),
      serve: (app) => this.#serve(app),
      app: () => this.#app,
    })
    this.#autoscaler = new Autoscaler({
      clock,
      services: () => scaledServices(this.#reconciler),
      figures: async () => readServiceFigures(await adminRequest(adminSocket, '/metrics')),
      usage: (instance) => this.#driver.usage(instance),
      move: (service, move) => this.#orders.follow(service, move),
      onFault: options.onFault,
    })
    this.#view = new AppView({
      clock,
      adminSocket,
      reconciler: this.#reconciler,
      driver: this.#driver,
      jobs: (service) => this.#jobs.status(service),
      now: () => ({
        app: this.#app,
        mesh: this.#app === null ? new Map() : this.#mesh.of(this.#app),
        isStopping: this.#turns.isStopping,
        driver: this.#deployer.driver,
        gatewayPid: this.#gateway.pid,
        api: this.#api?.address ?? null,
      }),
    })
    this.#accessLog = join(stateDir, 'logs', 'access.log')
    const why = new Why({
      accessLog: this.#accessLog,
      clock,
      events: this.#events,
      logs: this.#logs,
      status: () => this.#view.status(),
      routes: () => this.#view.routes(),
      history: (service) => this.#deployer.deployments.history(service),
      isLogged: () => this.#app?.gateway.accessLog === true,
    })
    this.#control = new ControlledApp({
      orders: this.#orders,
      deployer: this.#deployer,
      reconciler: this.#reconciler,
      view: this.#view,
      why,
      logs: this.#logs,
      driver: this.#driver,
      synced: this.#synced,
      upkeep: this.#upkeep,
      apply: (request) => this.#apply(request),
      down: () => this.down(),
    })
    this.#certificates = new CertificateKeeper({
      stateDir,
      clock,
      environment: options.environment,
      onMade: (reason) => emit({ kind: 'certificate.made', message: `made a development certificate: ${reason}` }),
      onFault: (error) => options.onFault('could not make a development certificate', error),
    })
    this.#gateway = new GatewayProcess({
      driver: gatewayDriver,
      clock,
      entry: options.gatewayEntry,
      name: gatewayName,
      controlSocket: socketAddressOf(options.socketPath),
      adminSocket,
      stateDir,
      environment: gatewayEnvironment(options.environment, stateDir),
      onStarted: (message) => emit({ kind: 'gateway.started', message }),
      onEnded: (message) => {
        // Nobody waits for its word any more.
        this.#registry.gatewayEnded(gatewayName)
        emit({ kind: 'gateway.exited', message })
      },
    })
  }

  /** Adopts before it answers; starts the gateway last, as that asks at once. */
  async #start(): Promise<void> {
    rmSync(join(this.#options.stateDir, unstoppedFile), { force: true })
    this.#events.emit({ kind: 'control_plane.started', message: `control plane started (pid ${process.pid})` })
    if (this.#options.isLast === true) this.#reconciler.setDesired(new Map())
    await this.#ports.fill()
    await this.#reconciler.start()
    // Before anybody is answered, too: a manifest must not find its own port taken by a gateway that we do not know yet.
    await this.#gateway.adopt()
    await this.#jobs.start({ isLast: this.#options.isLast === true })
    if (this.#gateway.pid === null) this.#registry.gatewayEnded(gatewayName)
    if (this.#app !== null) {
      this.#serve(this.#app)
      this.#certificates.look(this.#app)
    }
    this.#rotation.start()
    this.#autoscaler.start()
    this.#keys.start()
    const { onFault, socketPath, version } = this.#options
    const app = createControlApi({
      control: this.#control,
      jobs: new JobSide({
        runner: this.#jobs,
        logs: this.#logs,
        desired: () => this.#reconciler.desired(),
        inTurn: (work) => this.#turns.take(work),
      }),
      keys: this.#keys,
      registry: this.#registry,
      events: this.#events,
      version,
      onFault: (error, request) => onFault(`could not answer ${request}`, error),
    })
    this.#api = await serveControlApi({ app, socketPath, token: this.#token })
    if (this.#app === null || this.#options.isLast === true) return
    await this.#gateway.start(this.#app.gateway.workers)
    try {
      await this.#api.listen(this.#app.api)
    } catch (error) {
      this.#events.emit({ kind: 'fault', message: PandoError.from(error).message })
    }
  }

  // What is wanted

  #apply(request: ApplyRequest): Promise<ApplyResult> {
    return this.#turns.take(async () => {
      const { driver, ...wish } = await this.#deployer.wishOf(request)
      const { app, desired } = wish
      await assertGatewayPorts(app.gateway, this.#gateway.pid === null ? null : (this.#app?.gateway ?? null), holderOf)
      await this.#api?.listen(app.api)
      const isIdle = this.#gateway.pid === null && this.#reconciler.observed().instances.length === 0
      await this.#connect(app, { isIdle })
      const before = this.#reconciler.desired()
      await this.#deployer.want(wish, 'up', driver)
      this.#serve(app)
      await this.#gateway.start(app.gateway.workers)
      const changes = changesBetween(before, desired)
      this.#events.emit({ kind: 'app.applied', message: describeChanges(app.name, changes) })
      return changes
    })
  }

  async down(): Promise<void> {
    if (this.#turns.isStopping) return
    this.#events.emit({ kind: 'app.stopping', message: 'stopping everything' })
    void this.#turns.stop(() => this.#bringDown())
  }

  async #bringDown(): Promise<void> {
    const unstopped = await this.#takeDown.run()
    await this.#gateway.stop(gatewayGraceMs)
    // The network of what could not be reached is in use, and goes with it.
    const network = unstopped.length === 0 ? this.#driver.removeNetwork() : Promise.resolve()
    await network.catch((error: unknown) => this.#options.onFault('could not remove the network', error))
    this.#store.delete('meta', appKey)
    this.#containers.keep(null)
    await this.close()
    this.#finish()
  }

  /** Lets go of everything; instances and gateway go on. */
  async close(): Promise<void> {
    this.#autoscaler.close()
    this.#keys.close()
    this.#upkeep.close()
    await this.#api?.close()
    this.#certificates.stop()
    this.#ports.close()
    await this.#rotation.close()
    await this.#jobs.close()
    await this.#reconciler.close()
    await this.#gateway.close()
    await this.#driver.close()
    this.#registry.close()
    this.#store.close()
  }

  // How the rooms meet

  #prepare(service: DesiredService, id: string): Preparation {
    const address = service.spec.protocol === 'none' ? null : this.#addressFor(service)
    return { address, environment: this.#environmentOf(service, id, address) }
  }

  #environmentOf(service: DesiredService, instance: string, address: Address | null): Record<string, string> {
    const app = this.#app
    if (app === null) throw new PandoError('internal', 'an instance was to be started without an app')
    const mesh = this.#mesh.of(app)
    const host = this.#options.environment
    const containerGateway = this.#containers.network?.gateway ?? null
    return environmentOf({ app, service, instance, address, mesh, containerGateway, host })
  }

  #addressFor(service: DesiredService): Address {
    const taken = new Set(this.#reconciler.observed().instances.map((instance) => instance.address?.port ?? 0))
    // A container's own port is inside it, and says nothing of where it is reached.
    const fixed = driverOf(service.spec) === 'process' ? service.spec.port : null
    return { host: loopback, port: fixed ?? this.#ports.take(taken) }
  }

  #noted(report: GatewayReport): void {
    const { isFirst, newErrors, newWarnings, ejections } = this.#view.noteReport(report)
    if (isFirst) this.#events.emit({ kind: 'gateway.ready', message: 'gateway is ready' })
    for (const error of newErrors) this.#events.emit({ kind: 'gateway.listener_failed', message: error })
    for (const warning of newWarnings) this.#events.emit({ kind: 'gateway.warning', message: warning })
    for (const ejection of ejections) this.#events.emit(ejection)
    this.#autoscaler.noteHeld(report.held ?? {})
  }

  /** Gives the app's services their stable addresses, on the machine and, where it has containers, on their network. */
  async #connect(app: AppSpec, options: { readonly isIdle: boolean }): Promise<void> {
    await this.#mesh.ensure(app, options)
    await this.#certificates.ensure(app)
    this.#containers.keep(await this.#containers.connect(app))
  }

  #serve(app: AppSpec): void {
    this.#jobs.look()
    const desired = [...this.#reconciler.desired().values()]
    const stopped = new Set(desired.flatMap(({ name, isStopped }) => (isStopped ? [name] : [])))
    const { network } = this.#containers
    const files = { accessLog: this.#accessLog, localCertificate: localCertificateFiles(this.#options.stateDir) }
    const config = gatewayConfigOf(app, this.#mesh.of(app), files, network, stopped)
    this.#registry.setConfig(withKeys(config, this.#keys.specs()))
  }
}
