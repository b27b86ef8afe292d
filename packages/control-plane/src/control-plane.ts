import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { PandoError, type AppSpec } from '@pando/model'
import { AppView } from './app-view.js'
import { Autoscaler } from './autoscale/autoscaler.js'
import type { ApplyRequest, ApplyResult } from './api/app-control.js'
import { createControlApi } from './api/control-api.js'
import { serveControlApi, type ControlApiServer } from './api/server.js'
import { tokenIn } from './api/token.js'
import { BuilderRouter } from './build/builder-router.js'
import type { Clock } from './clock.js'
import { ControlledApp } from './controlled-app.js'
import { appKey, Deployer, pastServices } from './deployer.js'
import { changesBetween, describeChanges } from './desired/desired-state.js'
import type { InstanceReport } from './drivers/driver.js'
import { Events } from './events/events.js'
import { readServiceFigures } from './gateway-process/service-figures.js'
import { accessLogPolicy, GatewaySide } from './gateway-side.js'
import { InstanceSide } from './instance-side.js'
import { JobSide } from './job-side.js'
import { LocalProber } from './health/local-prober.js'
import { InstanceLogs } from './logs/instance-logs.js'
import { LogRotation } from './logs/log-rotation.js'
import { Reconciler } from './reconciler/loop.js'
import { Registry } from './registry/registry.js'
import { scaledServices } from './scaled-services.js'
import { ServiceOrders } from './service-orders.js'
import { SqliteStore } from './store/sqlite-store.js'
import { UnwritableState } from './unwritable-state.js'
import { TakeDown, unstoppedFile } from './take-down.js'
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
  readonly #unwritable: UnwritableState
  readonly #events: Events
  readonly #registry: Registry
  readonly #instances: InstanceSide
  readonly #reconciler: Reconciler
  readonly #gateway: GatewaySide
  readonly #view: AppView
  readonly #logs: InstanceLogs
  readonly #control: ControlledApp
  readonly #rotation: LogRotation
  readonly #jobs: JobSide
  readonly #token: string
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
    const controlPlane = new ControlPlane(options)
    await controlPlane.#start()
    return controlPlane
  }

  private constructor(options: ControlPlaneOptions) {
    const { stateDir, clock, random } = options
    this.#options = options
    const store = new SqliteStore({
      path: join(stateDir, 'state.db'),
      onUnwritable: (error) => this.#unwritable.note(error),
    })
    this.#store = store
    this.#token = tokenIn(join(stateDir, 'token'))
    this.finished = new Promise((resolve) => {
      this.#finish = resolve
    })
    this.#app = (store.get('meta', appKey) as AppSpec | undefined) ?? null
    this.#events = new Events({
      store,
      clock,
      onFault: (what, error) => this.#unwritable.lose() || options.onFault(what, error),
    })
    const emit = this.#events.emit.bind(this.#events)
    this.#unwritable = new UnwritableState({ clock, emit, onFault: options.onFault })
    const { environment } = options
    const ground = { stateDir, clock, store, random, emit, environment, app: () => this.#app }
    this.#registry = new Registry({
      store,
      clock,
      random,
      emit,
      onReport: (report) => {
        this.#gateway.note(report)
        this.#autoscaler.noteHeld(report.held ?? {})
      },
    })
    this.#instances = new InstanceSide({ ...ground, observed: () => this.#reconciler.observed() })
    const { driver } = this.#instances
    this.#gateway = new GatewaySide({
      ...ground,
      registry: this.#registry,
      entry: options.gatewayEntry,
      controlSocket: options.socketPath,
      onFault: options.onFault,
      now: () => ({
        desired: this.#reconciler.desired(),
        mesh: this.#instances.mesh,
        containers: this.#instances.network,
      }),
    })
    this.#logs = new InstanceLogs({ stateDir, clock })
    const list = async (): Promise<InstanceReport[]> => [
      ...(await driver.list()),
      ...(await this.#jobs.driver.list()),
      ...(await this.#gateway.instances()),
    ]
    const plain = [{ logFile: this.#gateway.accessLog, logs: accessLogPolicy }]
    this.#rotation = new LogRotation({ driver: { list }, plain, clock })
    const builder = new BuilderRouter({ stateDir, clock, environment, appName: () => this.#app?.name ?? '' })
    this.#reconciler = new Reconciler({
      driver,
      builder,
      prober: new LocalProber({ commands: driver }),
      store,
      clock,
      random,
      endpoints: this.#registry,
      emit,
      figures: (...which) => this.#gateway.compare(...which),
      onRolloutResult: (result) => {
        this.#upkeep.soon()
        return this.#deployer.deployments.onRolloutResult(result)
      },
      proofs: {
        mayProve: (...which) => this.#deployer.deployments.mayProve(...which),
        onProven: (...which) => this.#deployer.deployments.onProven(...which),
      },
      prepare: (service, _slot, id) => this.#instances.prepare(service, id),
    })
    this.#jobs = new JobSide({
      ...ground,
      builder,
      logs: this.#logs,
      desired: () => this.#reconciler.desired(),
      environmentOf: (service, id) => this.#instances.environment(service, id, null),
      inTurn: (work) => this.#turns.take(work),
    })
    this.#takeDown = new TakeDown({
      stateDir,
      clock,
      reconciler: this.#reconciler,
      jobs: this.#jobs.runner,
      instances: driver,
      runs: this.#jobs.driver,
      emit,
    })
    this.#deployer = new Deployer({
      ...ground,
      reconciler: this.#reconciler,
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
      serve: () => this.#serve(),
      app: () => this.#app,
    })
    this.#autoscaler = new Autoscaler({
      clock,
      services: () => scaledServices(this.#reconciler),
      figures: async () => readServiceFigures(await this.#gateway.metrics()),
      usage: (instance) => driver.usage(instance),
      move: (service, move) => this.#orders.follow(service, move),
      onFault: options.onFault,
    })
    this.#view = new AppView({
      clock,
      gateway: this.#gateway,
      reconciler: this.#reconciler,
      driver,
      jobs: (service) => this.#jobs.runner.status(service),
      now: () => ({
        app: this.#app,
        mesh: this.#instances.mesh,
        isStopping: this.#turns.isStopping,
        driver: this.#deployer.driver,
        api: this.#api?.address ?? null,
        faults: [this.#unwritable.fault].filter((fault) => fault !== null),
      }),
    })
    const why = new Why({
      accessLog: this.#gateway.accessLog,
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
      driver,
      synced: this.#instances.synced,
      upkeep: this.#upkeep,
      apply: (request) => this.#apply(request),
      down: () => this.down(),
    })
  }

  /** Adopts before it answers; starts the gateway last, as that asks at once. */
  async #start(): Promise<void> {
    rmSync(join(this.#options.stateDir, unstoppedFile), { force: true })
    this.#events.emit({ kind: 'control_plane.started', message: `control plane started (pid ${process.pid})` })
    if (this.#options.isLast === true) this.#reconciler.setDesired(new Map())
    await this.#instances.open()
    await this.#reconciler.start()
    await this.#gateway.adopt()
    await this.#jobs.runner.start({ isLast: this.#options.isLast === true })
    this.#gateway.open()
    this.#rotation.start()
    this.#autoscaler.start()
    const { onFault, socketPath, version } = this.#options
    const app = createControlApi({
      control: this.#control,
      jobs: this.#jobs,
      keys: this.#gateway.keys,
      registry: this.#registry,
      events: this.#events,
      version,
      onFault: (error, request) => onFault(`could not answer ${request}`, error),
    })
    this.#api = await serveControlApi({ app, socketPath, token: this.#token })
    if (this.#app === null || this.#options.isLast === true) return
    await this.#gateway.start(this.#app)
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
      await this.#gateway.assertPorts(app)
      await this.#api?.listen(app.api)
      const isIdle = this.#gateway.pid === null && this.#reconciler.observed().instances.length === 0
      await this.#connect(app, { isIdle })
      const before = this.#reconciler.desired()
      await this.#deployer.want(wish, 'up', driver)
      this.#serve()
      await this.#gateway.start(app)
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
    await this.#gateway.stop()
    // The network of what could not be reached is in use, and goes with it.
    const network = unstopped.length === 0 ? this.#instances.driver.removeNetwork() : Promise.resolve()
    await network.catch((error: unknown) => this.#options.onFault('could not remove the network', error))
    this.#store.delete('meta', appKey)
    this.#instances.disconnect()
    await this.close()
    this.#finish()
  }

  /** Lets go of everything; instances and gateway go on. */
  async close(): Promise<void> {
    this.#autoscaler.close()
    this.#upkeep.close()
    await this.#api?.close()
    this.#instances.close()
    await this.#rotation.close()
    await this.#jobs.runner.close()
    await this.#reconciler.close()
    await this.#gateway.close()
    await this.#instances.driver.close()
    this.#registry.close()
    this.#unwritable.close()
    this.#store.close()
  }

  // How the rooms meet

  /** Before anything of an app starts. */
  async #connect(app: AppSpec, options: { readonly isIdle: boolean }): Promise<void> {
    await this.#gateway.prepare(app)
    await this.#instances.connect(app, options)
  }

  #serve(): void {
    this.#jobs.runner.look()
    this.#gateway.serve()
  }
}
