import type { AppStatus, Deployment, LogLine, RequestExplanation, RouteStatus, ServiceExplanation } from '@pando/model'
import type { AppControl, ApplyRequest, ApplyResult, LogQuery } from './api/app-control.js'
import type { Deployed, DeployRequest, ServiceDiff } from './api/deployment-control.js'
import type { SyncedFile } from './api/sync-control.js'
import type { Pruned, PruneRequest } from './api/upkeep-control.js'
import type { WhyQuery } from './api/why-control.js'
import type { AppView } from './app-view.js'
import type { Deployer } from './deployer.js'
import type { DriverRouter } from './drivers/driver-router.js'
import type { InstanceLogs } from './logs/instance-logs.js'
import type { Reconciler } from './reconciler/loop.js'
import { knownService, type ServiceOrders } from './service-orders.js'
import type { SyncedFiles } from './synced-files.js'
import type { Upkeep } from './upkeep/upkeep.js'
import type { Why } from './why/why.js'

export interface ControlledAppOptions {
  readonly orders: ServiceOrders
  readonly deployer: Pick<Deployer, 'diff' | 'deployments'>
  readonly reconciler: Pick<Reconciler, 'desired' | 'observed'>
  readonly view: AppView
  readonly why: Why
  readonly logs: InstanceLogs
  readonly driver: Pick<DriverRouter, 'containers'>
  readonly synced: SyncedFiles
  readonly upkeep: Pick<Upkeep, 'prune'>
  readonly apply: (request: ApplyRequest) => Promise<ApplyResult>
  readonly down: () => Promise<void>
}

/** The app as the control API asks for it: which room answers what. Nothing is decided here. */
export class ControlledApp implements AppControl {
  readonly #rooms: ControlledAppOptions

  constructor(rooms: ControlledAppOptions) {
    this.#rooms = rooms
  }

  apply(request: ApplyRequest): Promise<ApplyResult> {
    return this.#rooms.apply(request)
  }

  down(): Promise<void> {
    return this.#rooms.down()
  }

  deploy(request: DeployRequest): Promise<readonly Deployed[]> {
    return this.#rooms.orders.deploy(request)
  }

  rollback(service: string, to: string | null): Promise<Deployed> {
    return this.#rooms.orders.rollback(service, to)
  }

  rollbackApp(): Promise<readonly Deployed[]> {
    return this.#rooms.orders.rollbackApp()
  }

  scale(service: string, replicas: number): Promise<void> {
    return this.#rooms.orders.scale(service, replicas)
  }

  restart(service: string): Promise<void> {
    return this.#rooms.orders.restart(service)
  }

  async sync(service: string, files: readonly SyncedFile[]): Promise<void> {
    const { driver, reconciler, synced } = this.#rooms
    const changes = await synced.note(knownService(service, reconciler.desired()), files)
    const containers = await driver.containers()
    const running = reconciler.observed().instances.filter((instance) => instance.service === service)
    await Promise.all(running.map(({ id }) => containers.put(id, changes)))
  }

  stop(service: string): Promise<void> {
    return this.#rooms.orders.stop(service)
  }

  start(service: string): Promise<void> {
    return this.#rooms.orders.start(service)
  }

  remove(service: string): Promise<void> {
    return this.#rooms.orders.remove(service)
  }

  promote(service: string): Promise<void> {
    return this.#rooms.orders.promote(service)
  }

  abort(service: string): Promise<void> {
    return this.#rooms.orders.abort(service)
  }

  prune(request: PruneRequest): Promise<Pruned> {
    return this.#rooms.upkeep.prune(request)
  }

  // What is

  diff(request: ApplyRequest): Promise<readonly ServiceDiff[]> {
    return this.#rooms.deployer.diff(request)
  }

  async history(service: string | null): Promise<readonly Deployment[]> {
    if (service !== null) knownService(service, this.#rooms.reconciler.desired())
    return this.#rooms.deployer.deployments.history(service)
  }

  async whyService(service: string, query: WhyQuery): Promise<ServiceExplanation> {
    knownService(service, this.#rooms.reconciler.desired())
    return await this.#rooms.why.service(service, query)
  }

  whyRequest(id: string): Promise<RequestExplanation> {
    return this.#rooms.why.request(id)
  }

  status(): Promise<AppStatus> {
    return this.#rooms.view.status()
  }

  async routes(): Promise<readonly RouteStatus[]> {
    return this.#rooms.view.routes()
  }

  logs(query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine> {
    for (const name of query.services) knownService(name, this.#rooms.reconciler.desired())
    return this.#rooms.logs.read(query, signal)
  }

  metrics(): Promise<string> {
    return this.#rooms.view.metrics()
  }
}
