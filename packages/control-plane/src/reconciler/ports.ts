import type { Address, Endpoint, RevisionSpec } from '@pando/model'
import type { Builder } from '../build/builder.js'
import type { Clock } from '../clock.js'
import type { Driver } from '../drivers/driver.js'
import type { NewEvent } from '../events/events.js'
import type { Prober } from '../health/prober.js'
import type { Store } from '../store/store.js'
import type { Comparison } from './judge.js'
import type { plan } from './plan.js'
import type { advance } from './rollout-advance.js'
import type { DesiredService } from './state.js'

/** Where the addresses of instances are made known. */
export interface EndpointSink {
  /** All endpoints that there are, whole; what changed is the sink's to find out. */
  sync(endpoints: readonly Endpoint[]): void
  /** Every gateway has taken this draining endpoint out of its table and has nothing in flight to it. */
  isDrained(endpointId: string): boolean
  onDrained(callback: (endpointId: string) => void): void
}

/** What an instance needs from its surroundings: its port and its environment. */
export interface Preparation {
  readonly address: Address | null
  readonly environment: Readonly<Record<string, string>>
}

/** How a rollout has ended. */
export interface RolloutEnd {
  readonly service: string
  readonly revision: string
  readonly result: 'succeeded' | 'failed'
  readonly reason: string
  /** It failed, and nothing is to be gone back to. */
  readonly isWithoutReturn?: boolean
  /** What is wanted again from now on, after a failure. */
  readonly back?: {
    readonly service: string
    readonly revision: string
    readonly spec: RevisionSpec
    readonly source: string | null
  }
}

/** What the reconciler works with; the control plane wires it. */
export interface ReconcilerOptions {
  readonly driver: Driver
  readonly builder: Builder
  readonly prober: Prober
  readonly store: Store
  readonly clock: Clock
  /** 0 to 1, for ids and for spreading probes. */
  readonly random: () => number
  readonly endpoints: EndpointSink
  readonly emit: (event: NewEvent) => void
  /** Chosen anew for each start. May throw, for example when a fixed port is taken: then the start has failed. */
  readonly prepare: (service: DesiredService, slot: number, id: string) => Preparation
  /** What the gateway has counted of two revisions of a service since `since` (Unix time, ms); null when nothing is known. */
  readonly figures?: (service: string, fresh: string, old: string, since: number) => Comparison | null
  /**
   * How a rollout has ended. Called within the transaction that writes it; when it says itself what is wanted instead
   * (`setDesired`), that holds. True when it has told of the end, so that the reconciler need not.
   */
  readonly onRolloutResult?: (result: RolloutEnd) => boolean
  /** Of revisions that were replaced before they could show themselves to be well; absent: each may still do so. */
  readonly proofs?: {
    readonly mayProve: (service: string, revision: string) => boolean
    /** It has. Called within the transaction that writes it. */
    readonly onProven: (service: string, revision: string) => void
  }
  /** Builds under way at once; 4 by default. */
  readonly maxBuilds?: number
  /** Tests pass broken ones, to see that they are caught. */
  readonly plan?: typeof plan
  /** As `plan`, for the next state of a rollout. */
  readonly advance?: typeof advance
}
