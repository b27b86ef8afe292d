import type { InstanceCount } from './rollout.js'

/** How fast a count may move in one direction. */
export interface ScalePace {
  /** A move waits until it has been asked for without a break for so long; of what was asked meanwhile the smallest move counts. */
  readonly stabilizationMs: number
  /** The most that the count may change in one period; a share is of the count at the period's beginning, and at least one. */
  readonly step: InstanceCount
  readonly periodMs: number
}

/**
 * How many instances run, by what they have to do; null is a target that was not set. The words and the arithmetic are those of
 * the HorizontalPodAutoscaler v2; the target of requests in flight, and a count of zero, are Knative's.
 */
export interface AutoscaleSpec {
  /** 0: it may sleep, and a request wakes it. */
  readonly min: number
  readonly max: number
  /** Requests (of another protocol: connections) in flight or waiting, an instance. */
  readonly concurrency: number | null
  /** Requests a second, an instance. */
  readonly rps: number | null
  /** Processor time, percent of the instance's limit. */
  readonly cpuPercent: number | null
  /** Memory, percent of the instance's limit. */
  readonly memoryPercent: number | null
  readonly up: ScalePace
  readonly down: ScalePace
  /** With `min` 0: without a request for so long it goes to sleep. */
  readonly idleMs: number
  /** With `min` 0: how long the gateway holds a request until an instance is healthy. */
  readonly holdMs: number
}

export const defaultAutoscale = {
  min: 1,
  up: { stabilizationMs: 0, step: { percent: 100 }, periodMs: 15_000 },
  down: { stabilizationMs: 60_000, step: { percent: 100 }, periodMs: 15_000 },
  idleMs: 300_000,
  holdMs: 60_000,
} as const satisfies Partial<AutoscaleSpec>

/** The count that a service begins with, given the one it has now (null for a new one): inside the bounds. */
export function beginningReplicas(spec: AutoscaleSpec, first: number, present: number | null): number {
  return Math.min(spec.max, Math.max(spec.min, present ?? first))
}
