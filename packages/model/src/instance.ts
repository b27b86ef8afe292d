/** Why a run ended, as far as the system lets us know. */
export type ExitReason =
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'signal'; readonly signal: string }
  | { readonly kind: 'out_of_memory'; readonly limitBytes: number | null }
  /** Was not healthy by the end of its startup time and was stopped by us. */
  | { readonly kind: 'never_healthy'; readonly detail: string }
  /** Stayed unhealthy and was stopped by us. */
  | { readonly kind: 'unhealthy'; readonly detail: string }
  /** Could not be started at all. */
  | { readonly kind: 'start_failed'; readonly detail: string }
  /** Stopped because it was no longer wanted. */
  | { readonly kind: 'stopped' }
  /** Ended while no control plane was its parent, so its exit code was nobody's to read. */
  | { readonly kind: 'unknown' }

/** One phase of an instance's life. They only move forward, but for healthy and unhealthy, which alternate. */
export type InstancePhase = 'starting' | 'healthy' | 'unhealthy' | 'draining' | 'stopping' | 'exited'

/** In one sentence, for people: `exit code 3`, `killed by SIGKILL`, `out of memory (limit 64 MiB)`. */
export function describeExit(reason: ExitReason): string {
  switch (reason.kind) {
    case 'exit':
      return `exit code ${reason.code}`
    case 'signal':
      return `killed by ${reason.signal}`
    case 'out_of_memory':
      return reason.limitBytes === null
        ? 'out of memory'
        : `out of memory (limit ${Math.round(reason.limitBytes / 1048576)} MiB)`
    case 'never_healthy':
      return `never became healthy: ${reason.detail}`
    case 'unhealthy':
      return `unhealthy: ${reason.detail}`
    case 'start_failed':
      return `could not start: ${reason.detail}`
    case 'stopped':
      return 'stopped'
    case 'unknown':
      return 'ended while unwatched, exit code unknown'
  }
}
