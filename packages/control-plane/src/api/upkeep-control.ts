/** What `pando prune` asks for. */
export interface UpkeepControl {
  /** Removes what nobody can go back to any more. What runs, and what it would take to run it again, always stays. */
  prune(request: PruneRequest): Promise<Pruned>
}

export interface PruneRequest {
  /** Also what could be gone back to: only what is wanted now stays, and of an app that is down nothing. */
  readonly isAll: boolean
  /** Only say what would go. */
  readonly isDry: boolean
}

/** Something that was built and has gone (or would). */
export interface PrunedItem {
  /** `revision`: a snapshot and what was built in it; `build`: what several revisions shared, or tools left; `image`: in the engine. */
  readonly kind: 'revision' | 'build' | 'image'
  readonly service: string
  readonly name: string
  /** Of the disk; what others share is not counted. */
  readonly bytes: number
}

export interface Pruned {
  readonly items: readonly PrunedItem[]
  /** Sentences: what could not be looked at, and why. */
  readonly notes: readonly string[]
}
