import type { HedgeSpec, RetryReason, RetrySpec, RouteSpec } from '@pando/model'
import type { RouteInput } from './route-schema.js'
import type { Path } from './source.js'
import { formatDuration, isMistake, parseDuration } from './units.js'

type Report = (path: Path, message: string, hint?: string) => void

export interface RouteResilience {
  readonly retry?: RetrySpec
  readonly hedge?: HedgeSpec
}

const defaultReasons: readonly RetryReason[] = ['reset', 'timeout', 502, 503, 504, 'unavailable']

/** When the route's requests are sent again. Contradictions are reported. */
export function readRouteResilience({ retry, hedge, redirect, timeouts }: RouteInput, report: Report): RouteResilience {
  for (const [key, value] of Object.entries({ retry, hedge })) {
    if (redirect !== undefined && value !== undefined)
      report([key], 'a route with a redirect sends nothing to a service')
  }
  if (retry?.per_try_timeout !== undefined && timeouts?.backend_request !== undefined) {
    const message = 'per_try_timeout and timeouts.backend_request are the same'
    report(['retry', 'per_try_timeout'], message, 'write one of them')
  }
  const delay = hedge?.delay
  return {
    ...(retry === undefined ? {} : { retry: readRetry(retry) }),
    ...(delay === undefined ? {} : { hedge: { delayMs: delay === 'p95' ? null : milliseconds(delay) } }),
  }
}

/** One try's time: the same thing with two names. */
export function perTryMs({ retry, timeouts }: RouteInput): number | null {
  const written = timeouts?.backend_request ?? retry?.per_try_timeout
  return written === undefined ? null : milliseconds(written)
}

/** As it would be written; the time of one try stands under the timeouts. */
export function renderRouteResilience({ retry, hedge }: RouteSpec): object {
  return {
    ...(retry === undefined
      ? {}
      : {
          retry: {
            attempts: retry.attempts,
            on: retry.on,
            backoff: formatDuration(retry.backoffMs),
            idempotency_key: retry.idempotencyKey,
            idempotent: retry.idempotent,
          },
        }),
    ...(hedge === undefined
      ? {}
      : { hedge: { delay: hedge.delayMs === null ? 'p95' : formatDuration(hedge.delayMs) } }),
  }
}

function readRetry(written: NonNullable<RouteInput['retry']>): RetrySpec {
  return {
    attempts: Number(written.attempts ?? 2),
    on: written.on?.filter((reason) => reason !== 'connect_failure').map(reasonOf) ?? defaultReasons,
    backoffMs: milliseconds(written.backoff ?? '25ms'),
    idempotencyKey: String(written.idempotency_key ?? false) === 'true',
    idempotent: String(written.idempotent ?? false) === 'true',
  }
}

function reasonOf(written: string | number): RetryReason {
  return (/^\d+$/.test(String(written)) ? Number(written) : written) as RetryReason
}

function milliseconds(text: string | number): number {
  const ms = parseDuration(text)
  return isMistake(ms) ? 1 : ms
}
