/** When a service runs to its end, again and again. No part of the revision. */
export interface ScheduleSpec {
  /** Five fields, or six with seconds first. */
  readonly cron: string
  /** IANA name; null takes the machine's. */
  readonly timeZone: string | null
  /** What happens when a run is due while an earlier one goes on. */
  readonly concurrency: 'allow' | 'forbid' | 'replace'
  /** A run that is later than this (the control plane was away) is missed. */
  readonly startingDeadlineMs: number
  /** Ended runs that are remembered. */
  readonly history: number
  readonly isSuspended: boolean
  /** How often a run that failed is tried again. */
  readonly retries: number
  /** Of a run with all its tries; null: as long as it takes. */
  readonly timeoutMs: number | null
}

/** One run to the end of a service's revision, by hand or by its schedule. */
export interface JobRun {
  /** Also the name of its instance, as logs show it. */
  readonly id: string
  readonly service: string
  readonly revision: string
  /** Instead of the service's own; null: that. */
  readonly command: readonly string[] | null
  readonly cause: 'hand' | 'schedule'
  /** When the schedule wanted it; null by hand. Unix time, ms. */
  readonly dueAt: number | null
  readonly startedAt: number
  readonly endedAt: number | null
  /** `missed`: it was never started. */
  readonly result: 'running' | 'succeeded' | 'failed' | 'stopped' | 'missed'
  /** Null while it runs, when it was never started, or nobody could read it. 128 and the signal's number when one killed it. */
  readonly exitCode: number | null
  /** Tries that have begun. */
  readonly tries: number
  /** One sentence; empty when there is nothing to say. */
  readonly reason: string
}

export interface ScheduleStatus {
  readonly service: string
  readonly cron: string
  readonly timeZone: string | null
  readonly isSuspended: boolean
  /** Unix time, ms; null when it never comes, or is suspended. */
  readonly nextAt: number | null
}

export interface JobsStatus {
  readonly schedules: readonly ScheduleStatus[]
  /** Newest first. */
  readonly runs: readonly JobRun[]
}
