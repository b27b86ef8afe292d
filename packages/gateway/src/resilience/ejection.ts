import type { EjectionSpec } from '@pando/model'

/** The status that a call of gRPC ended with, and the one of HTTP that it stands for. */
interface CallOutcome {
  readonly name: string
  readonly httpStatus: number
}

/** How one try at an endpoint went: what it answered with, or what became of it instead. */
export type Outcome = number | CallOutcome | 'connect_failed' | 'connect_timeout' | 'timeout' | 'closed' | 'invalid'

/** What one worker has learnt of one endpoint. Times are milliseconds on the caller's clock. */
export interface EjectionRecord {
  /** Errors in a row, since the last answer that was none or the last ejection. */
  errors: number
  /** How many ejections the next one is measured by; time in which it was not ejected takes them away again. */
  ejections: number
  /** It gets no requests before; 0 when it never was ejected. */
  ejectedUntil: number
}

/** Whether the try shows that the endpoint is unwell. A 500 or 501 may be about this one request, unless all are said to count. */
export function isFailure(outcome: Outcome, errors: EjectionSpec['errors']): boolean {
  if (typeof outcome === 'string') return true
  const status = typeof outcome === 'number' ? outcome : outcome.httpStatus
  if (status < 500) return false
  return errors === 'all' || (status >= 502 && status <= 504)
}

/** Takes the outcome into the record; true when there were enough errors in a row to eject it. */
export function noteOutcome(record: EjectionRecord, outcome: Outcome, spec: EjectionSpec): boolean {
  if (!isFailure(outcome, spec.errors)) {
    record.errors = 0
    return false
  }
  return ++record.errors >= spec.consecutive
}

/** Whether one more of `healthy` endpoints may be ejected where `ejected` are already. */
export function mayEject(ejected: number, healthy: number, maxPercent: number): boolean {
  return (ejected + 1) * 100 <= healthy * maxPercent
}

/** Ejects it from `now` on; returns for how many milliseconds. */
export function eject(record: EjectionRecord, now: number, spec: EjectionSpec): number {
  const quietMs = record.ejectedUntil === 0 ? 0 : Math.max(0, now - record.ejectedUntil)
  const forgotten = Math.floor(quietMs / spec.baseMs)
  const ejections = Math.max(0, record.ejections - forgotten)
  const ms = Math.min(spec.maxMs, spec.baseMs * spec.multiplier ** ejections)
  record.ejections = ejections + 1
  record.errors = 0
  record.ejectedUntil = now + ms
  return ms
}
