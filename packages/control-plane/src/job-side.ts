import type { JobRun, JobsStatus, LogLine } from '@pando/model'
import type { JobControl } from './api/job-control.js'
import type { JobRunner } from './jobs/job-runner.js'
import type { InstanceLogs } from './logs/instance-logs.js'
import type { Desired } from './reconciler/state.js'
import { knownService } from './service-orders.js'

interface JobSideOptions {
  readonly runner: JobRunner
  readonly logs: InstanceLogs
  readonly desired: () => Desired
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>
}

/** What somebody asks about runs: the services, the runs and their logs brought together. */
export class JobSide implements JobControl {
  readonly #options: JobSideOptions

  constructor(options: JobSideOptions) {
    this.#options = options
  }

  run(service: string, command: readonly string[] | null): Promise<JobRun> {
    const { desired, inTurn, runner } = this.#options
    return inTurn(async () => runner.run(knownService(service, desired()), command))
  }

  async get(id: string): Promise<JobRun> {
    return this.#options.runner.get(id)
  }

  async list(service: string | null): Promise<JobsStatus> {
    if (service !== null) knownService(service, this.#options.desired())
    return this.#options.runner.status(service)
  }

  async stop(id: string): Promise<void> {
    this.#options.runner.stop(id)
  }

  output(id: string, signal: AbortSignal): AsyncIterable<LogLine> {
    const { logs, runner } = this.#options
    const { service } = runner.get(id)
    const isOver = (): boolean => runner.get(id).endedAt !== null
    const query = { services: [service], instances: [id], since: null, tail: null, follow: true, isOver }
    return logs.read(query, signal)
  }
}
