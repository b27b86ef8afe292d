import { join } from 'node:path'
import type { AppSpec, JobRun, JobsStatus, LogLine } from '@pando/model'
import type { JobControl } from './api/job-control.js'
import type { Builder } from './build/builder.js'
import type { Clock } from './clock.js'
import { DriverRouter } from './drivers/driver-router.js'
import { ProcessDriver } from './drivers/process-driver.js'
import type { Events } from './events/events.js'
import { JobRunner } from './jobs/job-runner.js'
import { schedulesOf } from './jobs/schedules.js'
import type { InstanceLogs } from './logs/instance-logs.js'
import { namesOfTheMesh } from './ports/mesh-names.js'
import type { Desired, DesiredService } from './reconciler/state.js'
import { knownService } from './service-orders.js'
import type { Store } from './store/store.js'

interface JobSideOptions {
  readonly stateDir: string
  readonly clock: Clock
  readonly store: Store
  /** 0 ≤ r < 1. */
  readonly random: () => number
  readonly emit: Events['emit']
  /** The environment that we were started with. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly builder: Builder
  readonly logs: InstanceLogs
  readonly app: () => AppSpec | null
  readonly desired: () => Desired
  /** What a run of the service gets. */
  readonly environmentOf: (service: DesiredService, id: string) => Readonly<Record<string, string>>
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>
}

/** Runs as the app's control plane has them: their runner and its driver, and what somebody asks about them with services and logs. */
export class JobSide implements JobControl {
  readonly runner: JobRunner
  /** One of their own: what it lists are runs and nothing else. */
  readonly driver: DriverRouter
  readonly #options: JobSideOptions

  constructor(options: JobSideOptions) {
    const { app, builder, clock, desired, emit, environment, environmentOf, random, store } = options
    this.#options = options
    const stateDir = join(options.stateDir, 'jobs')
    this.driver = new DriverRouter({
      processes: new ProcessDriver({ stateDir, clock }),
      containers: {
        stateDir,
        networkOf: options.stateDir,
        clock,
        environment,
        meshNames: () => namesOfTheMesh(app()),
      },
    })
    this.runner = new JobRunner({
      stateDir,
      driver: this.driver,
      builder,
      store,
      clock,
      random,
      emit,
      desired,
      schedules: () => schedulesOf(app()),
      environment: environmentOf,
    })
  }

  run(service: string, command: readonly string[] | null): Promise<JobRun> {
    const { desired, inTurn } = this.#options
    return inTurn(async () => this.runner.run(knownService(service, desired()), command))
  }

  async get(id: string): Promise<JobRun> {
    return this.runner.get(id)
  }

  async list(service: string | null): Promise<JobsStatus> {
    if (service !== null) knownService(service, this.#options.desired())
    return this.runner.status(service)
  }

  async stop(id: string): Promise<void> {
    this.runner.stop(id)
  }

  output(id: string, signal: AbortSignal): AsyncIterable<LogLine> {
    const { service } = this.runner.get(id)
    const isOver = (): boolean => this.runner.get(id).endedAt !== null
    const query = { services: [service], instances: [id], since: null, tail: null, follow: true, isOver }
    return this.#options.logs.read(query, signal)
  }
}
