import type { ExitReason, WaitsFor } from '@pando/model'

/** One typed action. Every step only begins something; what comes of it is seen by the next observation. */
export type Step =
  | { readonly kind: 'build'; readonly service: string; readonly revision: string }
  | {
      readonly kind: 'start'
      readonly service: string
      readonly slot: number
      readonly revision: string
      readonly generation: number
    }
  /** Take its endpoint out of every gateway's table; what is in flight goes on. `reason` is what the exit will be recorded as. */
  | { readonly kind: 'drain'; readonly instance: string; readonly reason: ExitReason; readonly why: string }
  /** Stop signal. `reason` is what the exit will be recorded as. */
  | { readonly kind: 'stop'; readonly instance: string; readonly reason: ExitReason }
  | { readonly kind: 'kill'; readonly instance: string }
  /** It has exited: write the slot's history, then forget it. */
  | { readonly kind: 'bury'; readonly instance: string }

/** What the plan says besides steps: when to look again at the latest, and why a service is not where it should be. */
export interface Plan {
  readonly steps: readonly Step[]
  /** Unix time, ms; null when only an event can change anything. */
  readonly wakeAt: number | null
  /** By service: what it waits for. */
  readonly waiting: ReadonlyMap<string, Waiting>
}

export interface Waiting {
  readonly for: WaitsFor
  /** What stands behind its name in a sentence. */
  readonly text: string
}
