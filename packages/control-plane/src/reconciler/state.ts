import type {
  Address,
  AutoscaleSpec,
  DependencyCondition,
  ExitReason,
  HealthCheck,
  RestartPolicy,
  RevisionSpec,
  RolloutSpec,
} from '@pando/model'

/** What is wanted of one service. Durable. */
export interface DesiredService {
  readonly name: string
  readonly revision: string
  readonly spec: RevisionSpec
  /** Digest of the folder it is built from, a part of the revision; null (or absent) for a service that runs from a live folder. */
  readonly source?: string | null
  /** Grows with every `pando restart`; instances of an older generation are replaced one by one. */
  readonly generation: number
  readonly replicas: number
  /** Present: the replicas follow the load, and 0 of them is asleep. */
  readonly autoscale?: AutoscaleSpec
  /** `pando stop`: keep the replica count, run none. */
  readonly isStopped: boolean
  readonly restart: RestartPolicy
  readonly dependsOn: Readonly<Record<string, DependencyCondition>>
  readonly drainTimeoutMs: number
  /** Absent in what was written before there were rollouts: one at a time, at once. */
  readonly rollout?: RolloutSpec
}

/** Desired state: every service that should be there. One that is absent and still has instances is drained and stopped. */
export type Desired = ReadonlyMap<string, DesiredService>

/** What an instance was started under. Kept with it, since its service may have changed or gone by the time they are needed. */
export interface InstanceTerms {
  readonly healthcheck: HealthCheck
  readonly stopGracePeriodMs: number
  readonly drainTimeoutMs: number
  /** Services that its own depends on, so that they leave after it also when nothing of them is wanted any more. */
  readonly dependsOn: readonly string[]
}

/** What is known of the run in a slot beyond the driver's report. Durable, so that a new control plane serves on at once. */
export interface InstanceHealthRecord {
  readonly health: 'starting' | 'healthy' | 'unhealthy'
  /** When that health began. Unix time, ms. */
  readonly since: number
  /** What the last probe said. */
  readonly detail: string
  /** When its endpoint began to leave every table, and what its exit will be recorded as. */
  readonly drain: { readonly since: number; readonly reason: ExitReason } | null
  /** When it was told to stop, and why; the reason wins over the exit code in what we show and in whether it counts as a failure. */
  readonly stop: { readonly since: number; readonly reason: ExitReason; readonly killedAt: number | null } | null
  readonly terms: InstanceTerms
}

/** The memory of a slot across its runs: restart backoff. Durable. */
export interface SlotHistory {
  /** Failures in a row; 0 after ten healthy minutes. */
  readonly failures: number
  /** No start before this time. Unix time, ms; never trusted further ahead than the longest backoff (clocks jump). */
  readonly notBefore: number
  readonly lastExit: { readonly at: number; readonly reason: ExitReason } | null
  /** The revision and generation that ran to its end in this slot, when the restart policy keeps it ended. */
  readonly ended: { readonly revision: string; readonly generation: number; readonly isSuccess: boolean } | null
  /** Whose failures these are: another revision or generation starts without waiting for them. */
  readonly of?: { readonly revision: string; readonly generation: number }
}

/** The way of one service from one revision (or generation) to another. Durable; what is over is kept until the next begins. */
export interface Rollout {
  readonly revision: string
  readonly generation: number
  /** The last desired state that was reached in full, which a failed rollout goes back to; null before the first. */
  readonly good: DesiredService | null
  /** What was wanted as it began. Absent in what was written before it was kept. */
  readonly wanted?: DesiredService
  /** Replaced before they could show themselves to be well, newest first; their instances still may. Absent: none. */
  readonly unproven?: readonly DesiredService[]
  readonly state: 'progressing' | 'succeeded' | 'failed'
  /** Goes back to `good` after a failure. Such a one is never gone back from. */
  readonly isRollback: boolean
  readonly startedAt: number
  /** Canary: the step it is at; as many as there are steps when all are over and the rest starts. */
  readonly step: number
  /** Since when the step has all the instances it needs, and its pause runs. */
  readonly stepSince: number | null
  /** Somebody has said to go on to the end. */
  readonly isPromoted: boolean
  /** Since when the new revision has all the traffic while the old one is still kept. */
  readonly switchedAt: number | null
  /** The most new instances that were available at once. */
  readonly best: number
  /** Since when something is missing that only the new revision itself can bring; null while it waits for a build or a dependency. */
  readonly waitsSince: number | null
  /** Why it failed, or what was gone back from and why; empty. */
  readonly reason: string
}

export type BuildState =
  | { readonly kind: 'building' }
  | { readonly kind: 'ready' }
  /** Tried again after `retryAt` or when the manifest is applied again. */
  | { readonly kind: 'failed'; readonly reason: string; readonly retryAt: number }

export interface ObservedInstance {
  readonly id: string
  readonly service: string
  readonly slot: number
  readonly revision: string
  readonly generation: number
  /** Null for a service that listens on nothing. */
  readonly address: Address | null
  /** Null until the driver has said so. */
  readonly pid: number | null
  readonly startedAt: number
  readonly exited: { readonly at: number; readonly reason: ExitReason } | null
  readonly record: InstanceHealthRecord
  /** Every gateway has taken it out of its table and has nothing in flight to it (only said of a draining one). */
  readonly isDrained: boolean
}

/** Observed state: the last report of everything there is. */
export interface Observed {
  readonly instances: readonly ObservedInstance[]
  /** By revision. Absent: never built in this control plane's life. */
  readonly builds: ReadonlyMap<string, BuildState>
  /** By `service/slot`. */
  readonly slots: ReadonlyMap<string, SlotHistory>
  /** By service; absent before its first look. */
  readonly rollouts?: ReadonlyMap<string, Rollout>
}
