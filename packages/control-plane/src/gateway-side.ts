import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Address, AppSpec, GatewayReport, GatewayStatus, LogPolicy, Withheld } from '@pando/model'
import { socketAddressOf } from './api/socket-path.js'
import { ApiKeys } from './api-keys/api-keys.js'
import { CertificateKeeper } from './certificates/certificate-keeper.js'
import { localCertificateFiles } from './certificates/local-certificate.js'
import type { Clock } from './clock.js'
import { type ContainerSide, gatewayConfigOf } from './desired/gateway-config.js'
import { withKeys } from './desired/with-keys.js'
import type { InstanceReport } from './drivers/driver.js'
import { ProcessDriver } from './drivers/process-driver.js'
import type { Events } from './events/events.js'
import { adminRequest } from './gateway-process/admin-request.js'
import { gatewayEnvironment } from './gateway-process/gateway-environment.js'
import { assertGatewayPorts } from './gateway-process/gateway-ports.js'
import { GatewayProcess } from './gateway-process/gateway-process.js'
import { GatewayView } from './gateway-process/gateway-view.js'
import { RevisionFigures } from './gateway-process/revision-figures.js'
import { obstacleAt } from './ports/port-holder.js'
import type { Desired } from './reconciler/state.js'
import type { Registry } from './registry/registry.js'
import type { Store } from './store/store.js'

export interface GatewaySideOptions {
  readonly stateDir: string
  readonly clock: Clock
  readonly store: Store
  readonly registry: Pick<Registry, 'gatewayEnded' | 'setConfig'>
  readonly emit: Events['emit']
  /** Absolute path of the gateway's entry file. */
  readonly entry: string
  /** Where the control API listens. */
  readonly controlSocket: string
  /** The environment that we were started with. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly onFault: (what: string, error: unknown) => void
  readonly app: () => AppSpec | null
  /** Of what the configuration is made beside the app. */
  readonly now: () => {
    readonly desired: Desired
    readonly mesh: ReadonlyMap<string, Address>
    readonly containers: ContainerSide | null
  }
}

/** What the gateway calls itself when it watches and reports. */
const gatewayName = 'gateway'
/** As much as `pando why` searches is in one file. */
export const accessLogPolicy: LogPolicy = { maxBytes: 64 * 1_048_576, maxFiles: 5 }
/** What a gateway may take to finish what is in flight when everything goes down. */
const graceMs = 10_000
const nowhere: Address = { host: '127.0.0.1', port: 0 }

/** The gateway as the app's control plane has it: its process, what it is given (configuration, certificates, keys) and what it tells. */
export class GatewaySide {
  readonly keys: ApiKeys
  /** Absolute; the gateway writes it when the app asks for that. */
  readonly accessLog: string
  readonly #options: GatewaySideOptions
  readonly #adminSocket: string
  readonly #driver: ProcessDriver
  readonly #process: GatewayProcess
  readonly #certificates: CertificateKeeper
  readonly #figures: RevisionFigures
  readonly #view = new GatewayView()

  constructor(options: GatewaySideOptions) {
    const { clock, emit, environment, onFault, registry, stateDir, store } = options
    this.#options = options
    this.accessLog = join(stateDir, 'logs', 'access.log')
    this.#adminSocket = socketAddressOf(join(stateDir, 'gateway.sock'))
    this.#figures = RevisionFigures.ofGateway(this.#adminSocket, clock)
    this.#driver = new ProcessDriver({ stateDir: join(stateDir, 'gateway'), clock, isRestKept: true })
    this.keys = new ApiKeys({
      store,
      clock,
      random: randomBytes,
      emit,
      onChange: () => this.serve(),
      figures: () => this.metrics(),
    })
    this.#certificates = new CertificateKeeper({
      stateDir,
      clock,
      environment,
      onMade: (reason) => emit({ kind: 'certificate.made', message: `made a development certificate: ${reason}` }),
      onFault: (error) => onFault('could not make a development certificate', error),
    })
    this.#process = new GatewayProcess({
      driver: this.#driver,
      clock,
      entry: options.entry,
      name: gatewayName,
      controlSocket: socketAddressOf(options.controlSocket),
      adminSocket: this.#adminSocket,
      stateDir,
      environment: gatewayEnvironment(environment, stateDir),
      onStarted: (message) => emit({ kind: 'gateway.started', message }),
      onEnded: (message) => {
        // Nobody waits for its word any more.
        registry.gatewayEnded(gatewayName)
        emit({ kind: 'gateway.exited', message })
      },
    })
  }

  /** Null while none runs. */
  get pid(): number | null {
    return this.#process.pid
  }

  /** Its processes, for who looks after their logs. */
  instances(): Promise<InstanceReport[]> {
    return this.#driver.list()
  }

  /**
   * Takes over the gateway that runs, if one does; starts none. Before anybody is answered: a manifest must not find its own port taken
   * by a gateway that we do not know yet.
   */
  async adopt(): Promise<void> {
    await this.#process.adopt()
    if (this.pid === null) this.#options.registry.gatewayEnded(gatewayName)
  }

  /** Looks after keys and certificate from now on, and serves what there is. */
  open(): void {
    const app = this.#options.app()
    this.keys.start()
    this.serve()
    if (app !== null) this.#certificates.look(app)
  }

  /** Rejects with `port_taken` when somebody else listens where the gateway of this app shall. */
  assertPorts(app: AppSpec): Promise<void> {
    const served = this.pid === null ? null : (this.#options.app()?.gateway ?? null)
    return assertGatewayPorts(app.gateway, served, obstacleAt)
  }

  /** Resolves when there is a certificate for what the app serves. */
  prepare(app: AppSpec): Promise<void> {
    return this.#certificates.ensure(app)
  }

  /** Adopts the gateway that runs, or starts one. */
  start(app: AppSpec): Promise<void> {
    return this.#process.start(app.gateway.workers)
  }

  /** Gives gateways the configuration of the app as it is now. */
  serve(): void {
    const { registry, stateDir } = this.#options
    const app = this.#options.app()
    if (app === null) return
    const { containers, desired, mesh } = this.#options.now()
    const stopped = new Set([...desired.values()].flatMap(({ name, isStopped }) => (isStopped ? [name] : [])))
    const files = { accessLog: this.accessLog, localCertificate: localCertificateFiles(stateDir) }
    registry.setConfig(withKeys(gatewayConfigOf(app, mesh, files, containers, stopped), this.keys.specs()))
  }

  /** Takes in what the gateway reports, and tells what is new in it. */
  note(report: GatewayReport): void {
    const { clock, emit } = this.#options
    const { isNowReady, newErrors, newWarnings, withheld, workerEnds } = this.#view.note(report, clock.now())
    for (const message of workerEnds) emit({ kind: 'gateway.worker_ended', message })
    if (isNowReady) emit({ kind: 'gateway.ready', message: 'gateway is ready' })
    for (const error of newErrors) emit({ kind: 'gateway.listener_failed', message: error })
    for (const warning of newWarnings) emit({ kind: 'gateway.warning', message: warning })
    for (const event of withheld) emit(event)
  }

  /** What it keeps from a service because of its answers; null: nothing. */
  withheld(service: string): Withheld | null {
    return this.#view.withheld(service, this.pid, this.#options.clock.now())
  }

  status(): GatewayStatus {
    const { clock } = this.#options
    const app = this.#options.app()
    const address: Address = app === null ? nowhere : { host: app.gateway.host, port: app.gateway.port }
    const tls = app?.gateway.tls
    return this.#view.status({
      address,
      ...(tls === undefined ? {} : { tls: { host: address.host, port: tls.port } }),
      pid: this.pid,
      now: clock.now(),
    })
  }

  /** Its own figures, in the Prometheus text format; rejects when it does not answer. */
  metrics(): Promise<string> {
    return adminRequest(this.#adminSocket, '/metrics')
  }

  /** What it has counted of two revisions of a service. */
  compare(...which: Parameters<RevisionFigures['compare']>): ReturnType<RevisionFigures['compare']> {
    return this.#figures.compare(...which)
  }

  /** Lets it finish what is in flight; resolves when it has gone. */
  stop(): Promise<void> {
    return this.#process.stop(graceMs)
  }

  /** Lets go of it; it goes on. */
  async close(): Promise<void> {
    this.keys.close()
    this.#certificates.stop()
    await this.#process.close()
  }
}
