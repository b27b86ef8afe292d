/** A number of instances, or a share of the replicas in percent. */
export type InstanceCount = { readonly count: number } | { readonly percent: number }

/** One step of a canary: this share of the traffic for so long; null waits until somebody promotes it. */
export interface CanaryStep {
  /** Percent of the service's requests, 0 to 100. */
  readonly weight: number
  readonly pauseMs: number | null
}

/** When the new revision is worse than the old one, by the gateway's figures since the step began. */
export interface JudgeSpec {
  /** Requests that the new revision must have had; with fewer it is not judged. */
  readonly minRequests: number
  /** Answers of 500 and above, in percent of all: so many points more than the old revision. */
  readonly maxErrorIncrease: number
  /** The new 99th percentile may be so many times the old one. */
  readonly maxP99Ratio: number
}

/** How a service goes from one revision to another. No part of the revision. */
export interface RolloutSpec {
  readonly strategy: 'rolling' | 'canary' | 'blue-green'
  readonly order: 'start-first' | 'stop-first'
  readonly maxSurge: InstanceCount
  readonly maxUnavailable: InstanceCount
  /** How long an instance must have been healthy before it counts. */
  readonly minHealthyMs: number
  /** Without any progress for so long the rollout has failed. */
  readonly progressDeadlineMs: number
  readonly steps: readonly CanaryStep[]
  readonly judge: JudgeSpec
  /** False: the new revision takes all traffic only after `pando promote`. */
  readonly autoPromote: boolean
}

/** What a service goes by whose manifest says nothing of it. */
export const defaultRollout: RolloutSpec = {
  strategy: 'rolling',
  order: 'start-first',
  maxSurge: { count: 1 },
  maxUnavailable: { count: 0 },
  minHealthyMs: 3000,
  progressDeadlineMs: 50_000,
  steps: [],
  judge: { minRequests: 20, maxErrorIncrease: 1, maxP99Ratio: 3 },
  autoPromote: true,
}

/** A rollout as status shows it. Times are milliseconds since the epoch. */
export interface RolloutStatus {
  readonly state: 'progressing' | 'succeeded' | 'failed'
  readonly strategy: RolloutSpec['strategy']
  readonly from: string | null
  readonly to: string
  readonly since: number
  /** Steps that are over, of how many; 0 of 0 for a rolling one. */
  readonly step: number
  readonly steps: number
  /** Percent of the traffic that the new revision is given; null where instances share alike. */
  readonly weight: number | null
  readonly isRollback: boolean
  /** Only `pando promote` leads on. Absent: it goes on by itself, or is over. */
  readonly waitsForPromote?: true
  /** What it waits for, or why it failed or was rolled back: one sentence; empty when there is nothing to say. */
  readonly reason: string
}
