import { driverOf, PandoError, type AppSpec } from '@pando/model'
import type { Deployed, DeployRequest } from './api/deployment-control.js'
import type { Deployer } from './deployer.js'
import { awake, withService } from './desired/desired-state.js'
import type { NewEvent } from './events/events.js'
import { suggest } from './manifest/nearest.js'
import type { Reconciler } from './reconciler/loop.js'
import type { Desired, DesiredService } from './reconciler/state.js'

const maxReplicas = 100

export interface ServiceOrdersOptions {
  readonly reconciler: Pick<Reconciler, 'desired' | 'setDesired' | 'promote' | 'abort'>
  readonly deployer: Pick<Deployer, 'partOf' | 'want' | 'remove' | 'goBack' | 'deployments'>
  readonly emit: (event: NewEvent) => void
  /** Orders happen one after the other; rejects with `conflict` when everything is being stopped. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>
  /** Gives the app's services their stable addresses. */
  readonly connect: (app: AppSpec) => Promise<void>
  /** Tells the gateway of the app as it is now. */
  readonly serve: () => void
  readonly app: () => AppSpec | null
}

interface Move {
  readonly from: number
  readonly to: number
  readonly why: string
}

/** What becomes of a service, and what is told of it once that is durable. */
interface Change {
  readonly service: DesiredService
  readonly event?: NewEvent
}

/** What somebody orders of single services while the app runs. Each order is durable before it is answered. */
export class ServiceOrders {
  readonly #options: ServiceOrdersOptions

  constructor(options: ServiceOrdersOptions) {
    this.#options = options
  }

  deploy(request: DeployRequest): Promise<readonly Deployed[]> {
    const { inTurn, connect, deployer, reconciler, serve } = this.#options
    return inTurn(async () => {
      const { services, ...wish } = await deployer.partOf(request)
      const { app, desired } = wish
      await connect(app)
      const before = reconciler.desired()
      await deployer.want(wish, 'deploy')
      serve()
      return services.map((service) => {
        const revision = desired.get(service)?.revision ?? ''
        return { service, revision, isNew: before.get(service)?.revision !== revision }
      })
    })
  }

  remove(service: string): Promise<void> {
    const { deployer, emit, inTurn, reconciler, serve } = this.#options
    return inTurn(async () => {
      knownService(service, reconciler.desired())
      await deployer.remove(service)
      serve()
      emit({ kind: 'service.removed', service, message: `${service} has left the app` })
    })
  }

  rollback(service: string, to: string | null): Promise<Deployed> {
    const { app, connect, deployer, inTurn, reconciler, serve } = this.#options
    return inTurn(async () => {
      knownService(service, reconciler.desired())
      const { revision } = deployer.deployments.rollback(service, to, 'rolled back by hand')
      const now = app()
      if (now !== null) {
        // The older revision may run on another driver, and so need addresses that this one did not.
        await connect(now)
        serve()
      }
      return { service, revision, isNew: true }
    })
  }

  rollbackApp(): Promise<readonly Deployed[]> {
    const { connect, deployer, inTurn, reconciler, serve } = this.#options
    return inTurn(async () => {
      const before = reconciler.desired()
      const app = deployer.goBack()
      await connect(app)
      serve()
      return [...reconciler.desired().values()]
        .filter(({ name, revision }) => before.get(name)?.revision !== revision)
        .map(({ name, revision }) => ({ service: name, revision, isNew: true }))
    })
  }

  scale(name: string, replicas: number): Promise<void> {
    return this.#change(name, (service) => {
      if (service.autoscale !== undefined) {
        const { min, max } = service.autoscale
        throw new PandoError('conflict', `${name} is scaled by its load, between ${min} and ${max} instances`, {
          hint: 'change min and max of its `autoscale` and deploy it; pando stop ends it until pando start',
        })
      }
      if (!Number.isInteger(replicas) || replicas < 0 || replicas > maxReplicas) {
        throw new PandoError('usage', `${replicas} is not a replica count`, {
          hint: `give a whole number from 0 to ${maxReplicas}`,
        })
      }
      if (replicas > 0 && this.#options.app()?.services[name]?.schedule !== undefined) {
        throw new PandoError('conflict', `${name} runs by its schedule, so no instance of it stays`, {
          hint: `pando run ${name} runs it now`,
        })
      }
      if (replicas > 1 && service.spec.port !== null && driverOf(service.spec) === 'process') {
        throw new PandoError('conflict', `${name} insists on port ${service.spec.port}, so only one instance can run`, {
          hint: 'leave out its `port` and let it listen on $PORT',
        })
      }
      return {
        service: { ...service, replicas, isStopped: false },
        event: { kind: 'service.scaled', message: `${name}: ${service.replicas} → ${replicas} replicas` },
      }
    })
  }

  restart(name: string): Promise<void> {
    return this.#change(name, (service) => ({
      service: { ...service, generation: service.generation + 1, isStopped: false },
      event: { kind: 'service.restarting', message: `${name}: restarting one by one` },
    }))
  }

  stop(name: string): Promise<void> {
    return this.#change(name, (service) => ({
      service: { ...service, isStopped: true },
      ...(service.isStopped ? {} : { event: { kind: 'service.stopped', message: `${name}: stopped by hand` } }),
    }))
  }

  start(name: string): Promise<void> {
    return this.#change(name, (service) => ({
      service: { ...service, isStopped: false, replicas: awake(service) },
      ...(service.isStopped ? { event: { kind: 'service.started', message: `${name}: started by hand` } } : {}),
    }))
  }

  /**
   * The load asks for another count. Nothing happens when somebody has ordered something else meanwhile. One that sleeps is woken out
   * of turn: a request waits for it, and an order before it may read folders or speak with an engine for long.
   */
  async follow(name: string, move: Move): Promise<void> {
    if (move.from === 0) return this.#move(name, move)
    await this.#options.inTurn(async () => this.#move(name, move))
  }

  #move(name: string, { from, to, why }: Move): void {
    const { emit, reconciler } = this.#options
    const desired = reconciler.desired()
    const service = desired.get(name)
    if (service?.autoscale === undefined || service.isStopped || service.replicas !== from) return
    reconciler.setDesired(withService(desired, name, () => ({ ...service, replicas: to })))
    emit({ kind: 'service.scaled', service: name, message: `${name}: ${from} → ${to} replicas (${why})` })
  }

  promote(name: string): Promise<void> {
    return this.#steer(name, 'promoted', () => this.#options.reconciler.promote(name))
  }

  abort(name: string): Promise<void> {
    return this.#steer(name, 'aborted', () => this.#options.reconciler.abort(name))
  }

  #steer(name: string, done: string, order: () => boolean): Promise<void> {
    return this.#options.inTurn(async () => {
      knownService(name, this.#options.reconciler.desired())
      if (!order()) throw new PandoError('conflict', `${name} has no rollout that could be ${done}`)
    })
  }

  #change(name: string, change: (service: DesiredService) => Change): Promise<void> {
    const { emit, inTurn, reconciler, serve } = this.#options
    return inTurn(async () => {
      const desired = reconciler.desired()
      const { service, event } = change(knownService(name, desired))
      reconciler.setDesired(withService(desired, name, () => service))
      // Whether requests may wake it has changed with whether it is stopped.
      if (service.autoscale !== undefined) serve()
      if (event !== undefined) emit({ ...event, service: name })
    })
  }
}

/** The service of that name; throws `not_found` with the nearest one. */
export function knownService(name: string, desired: Desired): DesiredService {
  const service = desired.get(name)
  if (service !== undefined) return service
  const hint = suggest(name, [...desired.keys()])
  throw new PandoError('not_found', `there is no service ${name}`, hint === undefined ? {} : { hint })
}
