import type { AppStatus } from '@pando/model'

/** How a start goes. `failed` names what has failed for so long that waiting on is of no use. */
export type Verdict =
  | { readonly kind: 'pending' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly failures: readonly Failure[] }

export interface Failure {
  /** Null: the gateway. */
  readonly service: string | null
  readonly reason: string
}

/** Since when each thing has been seen failing, without a break. Unix time, ms; the gateway's key is empty. */
export type FailingSince = ReadonlyMap<string, number>

/** A service between two tries is failed for a second or two; only what stays so longer has failed. */
export const failedAfterMs = 3_000

/** Judges a status by what was seen before; pure. Returns what to remember for the next one. */
export function judge(
  status: AppStatus,
  before: FailingSince,
  now: number,
): { readonly verdict: Verdict; readonly failing: FailingSince } {
  const failing = new Map<string, number>()
  const failures: Failure[] = []
  const see = (key: string, failure: Failure): void => {
    const since = before.get(key) ?? now
    failing.set(key, since)
    if (now - since >= failedAfterMs) failures.push(failure)
  }
  if (status.gateway.state !== 'ready' && status.gateway.errors.length > 0) {
    see('', { service: null, reason: status.gateway.errors.join('; ') })
  }
  for (const service of status.services) {
    if (service.state === 'failed') see(service.name, { service: service.name, reason: service.reason })
  }
  if (failures.length > 0) return { verdict: { kind: 'failed', failures }, failing }
  const isReady =
    status.gateway.state === 'ready' &&
    status.gateway.errors.length === 0 &&
    status.services.every(({ state }) => state === 'ready' || state === 'completed' || state === 'stopped')
  return { verdict: { kind: isReady ? 'ready' : 'pending' }, failing }
}
