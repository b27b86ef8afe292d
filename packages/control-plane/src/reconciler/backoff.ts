import type { ExitReason, RestartPolicy } from '@pando/model'
import type { DesiredService, ObservedInstance, SlotHistory } from './state.js'

export const firstBackoffMs = 1000
export const longestBackoffMs = 5 * 60_000
/** An instance that was healthy for so long owes nothing for earlier failures. */
export const forgivenAfterMs = 10 * 60_000

/** A full disk says nothing of the program: its wait does not grow beyond 4 s, so that it runs soon after there is room. */
const mostForLackOfRoom = 3

function lacksRoom(reason: ExitReason): boolean {
  return reason.kind === 'start_failed' && /^ENOSPC\b/.test(reason.detail)
}

/** The wait after so many failures in a row: 1 s, 2 s, 4 s … 5 min. */
export function backoffMs(failures: number): number {
  if (failures <= 0) return 0
  return Math.min(firstBackoffMs * 2 ** Math.min(failures - 1, 30), longestBackoffMs)
}

/**
 * When the slot may start this service's run. Unix time, ms; 0 when nothing holds it back. A time further ahead than the longest
 * backoff was written before the clock was set back, and is no reason to wait.
 */
export function notBefore(history: SlotHistory | undefined, service: DesiredService, now: number): number {
  if (history === undefined || !isOf(history, service)) return 0
  return trusted(history.notBefore, now)
}

/** The same mistrust for any time in the future that a backoff has set. */
export function trusted(at: number, now: number): number {
  return at - now > longestBackoffMs ? 0 : at
}

function isOf(history: SlotHistory, service: DesiredService): boolean {
  const { of } = history
  return of === undefined || (of.revision === service.revision && of.generation === service.generation)
}

/** Why the run ended: what we stopped it for goes before how the program then ended. */
export function exitReasonOf(instance: ObservedInstance): ExitReason {
  return instance.record.stop?.reason ?? instance.exited?.reason ?? { kind: 'unknown' }
}

/** Failures in a row that the run in a slot still owes, now that it has been healthy for as long as it has. */
export function failuresOwed(history: SlotHistory | undefined, instance: ObservedInstance | null, at: number): number {
  const failures = history?.failures ?? 0
  if (instance === null || instance.record.health !== 'healthy') return failures
  return at - instance.record.since >= forgivenAfterMs ? 0 : failures
}

/**
 * The slot's memory after a run has exited. `policy` is null when the service is no longer there: nothing is remembered then
 * but the exit. Under `always` a clean exit counts as a failure too, or a program that ends at once would be run in a tight loop.
 */
export function historyAfterExit(
  history: SlotHistory | undefined,
  instance: ObservedInstance,
  policy: RestartPolicy | null,
  now: number,
): SlotHistory {
  const reason = exitReasonOf(instance)
  const run = { revision: instance.revision, generation: instance.generation }
  const lastExit = { at: instance.exited?.at ?? now, reason }
  if (reason.kind === 'stopped' || policy === null) {
    return { failures: 0, notBefore: 0, lastExit, ended: history?.ended ?? null, of: run }
  }
  const isSuccess = reason.kind === 'exit' && reason.code === 0
  if (policy === 'no' || (policy === 'on-failure' && isSuccess)) {
    return { failures: isSuccess ? 0 : 1, notBefore: 0, lastExit, ended: { ...run, isSuccess }, of: run }
  }
  const isSameRun = history?.of?.revision === run.revision && history.of.generation === run.generation
  const owed = isSameRun ? failuresOwed(history, instance, now) : 0
  const failures = lacksRoom(reason) ? Math.max(owed, Math.min(owed + 1, mostForLackOfRoom)) : owed + 1
  return { failures, notBefore: now + backoffMs(failures), lastExit, ended: null, of: run }
}
