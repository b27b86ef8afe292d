import type { RevisionSpec } from '@pando/model'

/** All that it takes to run a revision again: its spec, and the digest of what it is built from. Never changed once written. */
export interface Revision {
  readonly service: string
  readonly revision: string
  readonly spec: RevisionSpec
  /** Null for a service that runs from a live folder, of which nothing is kept. */
  readonly source: string | null
}
