import type { KeySet } from './key-set.js'

/** Where an authenticator has its keys from. */
export interface KeySource {
  /** The keys now; null when there are none, or none that may still be believed. May begin to ask for newer ones. */
  current(): KeySet | null
  /**
   * Asks for the keys now: a token names one that is not there. Resolves when that has ended, well or not; whoever asks meanwhile gets
   * the same promise. Null when it was asked too short a time ago.
   */
  refresh(): Promise<void> | null
  /** Why there are no keys, one sentence for the log and the operator; null when there are. */
  readonly trouble: string | null
  /** What should be seen to, though there may still be keys: one sentence; null when nothing is amiss. */
  readonly warning: string | null
  close(): void
}
