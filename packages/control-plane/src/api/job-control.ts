import type { JobRun, JobsStatus, LogLine } from '@pando/model'

/** What the control API asks about runs to an end. Unknown services and runs reject with `not_found`. */
export interface JobControl {
  /** Begins a run of the service's present revision, with another command when one is given. */
  run(service: string, command: readonly string[] | null): Promise<JobRun>
  get(id: string): Promise<JobRun>
  /** Null: of all services. */
  list(service: string | null): Promise<JobsStatus>
  /** Asks it to stop; it is killed after its grace period. */
  stop(id: string): Promise<void>
  /** What it writes, from its beginning to its end or until `signal` aborts. */
  output(id: string, signal: AbortSignal): AsyncIterable<LogLine>
}
