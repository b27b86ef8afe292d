import type { EjectedEndpoint } from '@pando/model'
import type { ToPrimary } from './messages.js'
import { sumByName } from './sums.js'
import { mergeWarnings } from './warnings.js'

export type Status = Extract<ToPrimary, { type: 'status' }>

type Warnings = Readonly<Record<string, readonly string[]>>

/** What the workers say, together. Those that drain count for what is in flight, not for what is amiss. */
export interface WorkersSummary {
  /** In flight to endpoints that leave. */
  readonly leaving: Readonly<Record<string, number>>
  /** What waits for services that sleep. */
  readonly held: Readonly<Record<string, number>>
  readonly ejected: Readonly<Record<string, EjectedEndpoint>>
  readonly listenerErrors: Readonly<Record<string, string>>
  /** As every worker reads the same files, what they warn of is said once. */
  readonly warnings: Warnings
  readonly authenticatorWarnings: Warnings
  readonly storeWarnings: Warnings
  /** In how many workers the circuit breaker of a service is open; only services of which it is in some. */
  readonly openCircuits: Readonly<Record<string, number>>
}

/** Of the last status of each; null where none has come yet. */
export function summaryOf(
  workers: readonly { readonly status: Status | null; readonly isDraining: boolean }[],
): WorkersSummary {
  const all = workers.map(({ status }) => status)
  const staying = workers.filter(({ isDraining }) => !isDraining).map(({ status }) => status)
  const warnings = (of: 'warnings' | 'authenticatorWarnings' | 'storeWarnings') =>
    mergeWarnings(staying.map((status) => status?.[of] ?? {}))
  const open = all.flatMap((status) => status?.openCircuits ?? [])
  return {
    leaving: sumByName(all.map((status) => status?.leaving)),
    held: sumByName(all.map((status) => status?.held)),
    ejected: Object.assign({}, ...all.map((status) => status?.ejected)),
    listenerErrors: Object.assign({}, ...staying.map((status) => status?.listenerErrors)),
    warnings: warnings('warnings'),
    authenticatorWarnings: warnings('authenticatorWarnings'),
    storeWarnings: warnings('storeWarnings'),
    openCircuits: sumByName(open.map((service) => ({ [service]: 1 }))),
  }
}
