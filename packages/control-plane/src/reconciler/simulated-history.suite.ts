import type { Wish } from './simulated-app.suite.js'
import type { Traffic } from './simulated-traffic.suite.js'
import type { DesiredService } from './state.js'

/** What is done to a simulated world, one thing after the other. */

export type StartFault =
  | 'rejected'
  | 'unready'
  | 'slow'
  | 'lost'
  | 'rejected_but_runs'
  | 'exits'
  | 'ignores_stop'
  | 'begins_late'

export type Act =
  | { readonly do: 'crash' | 'hang' | 'recover'; readonly which: number }
  | { readonly do: 'next_start'; readonly how: StartFault }
  | { readonly do: 'next_call_fails'; readonly method: 'stop' | 'kill' | 'remove' | 'list' }
  | { readonly do: 'next_build_fails' }
  | { readonly do: 'clock'; readonly ms: number }
  /**
   * The control plane dies after so many more writes and calls, and is back `downMs` later. The next one may die in its turn,
   * after `again` of them: while it takes over.
   */
  | { readonly do: 'die'; readonly after: number; readonly downMs: number; readonly again: number | null }
  | { readonly do: 'gateway'; readonly isStuck: boolean }
  /** No transaction becomes durable meanwhile. */
  | { readonly do: 'disk'; readonly isFull: boolean }
  | { readonly do: 'promote' | 'abort'; readonly which: number }
  | ({ readonly do: 'want' } & Wish)

export interface Event {
  readonly act: Act
  /** How long nothing else is done to the world after it. */
  readonly thenMs: number
}

export interface History {
  readonly seed: number
  readonly services: readonly DesiredService[]
  readonly events: readonly Event[]
  /** What the gateway counts. Absent: it gives no figures. */
  readonly traffic?: Traffic
}

/** A revision that never becomes well, whatever else happens. Nothing converges on it, so that a history must end on another. */
export function isBad(revision: string): boolean {
  return revision.endsWith('-bad')
}

/** One that is well by its probes and answers requests badly: only a canary's judgement can tell. */
export function isFaulty(revision: string): boolean {
  return revision.endsWith('-faulty')
}
