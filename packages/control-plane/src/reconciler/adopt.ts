import type { InstanceReport } from '../drivers/driver.js'
import type { Ledger, Run } from './ledger.js'
import type { InstanceHealthRecord } from './state.js'

/**
 * A run that the driver has and this control plane did not start. One with a record is taken over as it was. While nobody
 * watched, time went by that must not be held against it: a start, an illness, a drain (which may never have been made known) and
 * a stop (which is told again) count from now.
 */
export function adopted(report: InstanceReport, record: InstanceHealthRecord, listings: number, now: number): Run {
  const since = record.health === 'healthy' ? record.since : now
  const { drain, stop } = record
  return runOf(
    report,
    { ...record, since, drain: drain && { ...drain, since: now }, stop: stop && { ...stop, since: now } },
    listings,
  )
}

/**
 * A run without a record: an orphan. It is taken in when it is just what is missing (service, revision and generation are wanted
 * and its slot is free), and otherwise told to stop.
 */
export function orphan(report: InstanceReport, ledger: Ledger, listings: number, now: number): Run {
  const service = ledger.desired.get(report.service)
  const siblings = [...ledger.runs.values()].filter((run) => run.service === report.service)
  const isWanted =
    service !== undefined &&
    !service.isStopped &&
    service.revision === report.revision &&
    service.generation === report.generation &&
    siblings.length < service.replicas &&
    siblings.every((run) => run.slot !== report.slot) &&
    (ledger.slots.get(`${report.service}/${report.slot}`)?.ended ?? null) === null
  const terms = {
    healthcheck: service?.spec.healthcheck ?? unasked,
    stopGracePeriodMs: service?.spec.stopGracePeriodMs ?? 10_000,
    drainTimeoutMs: service?.drainTimeoutMs ?? 0,
    dependsOn: Object.keys(service?.dependsOn ?? {}),
  }
  const stop = isWanted ? null : ({ since: now, reason: { kind: 'stopped' }, killedAt: null } as const)
  return runOf(report, { health: 'starting', since: now, detail: 'was just found', drain: null, stop, terms }, listings)
}

/** For an orphan whose service is gone: it is stopped anyway. */
const unasked = {
  probe: { kind: 'none' },
  intervalMs: 60_000,
  timeoutMs: 1000,
  rise: 1,
  fall: 1,
  startupMs: 60_000,
} as const

function runOf(report: InstanceReport, record: InstanceHealthRecord, listings: number): Run {
  const { id, service, slot, revision, generation, address, pid, startedAt, state } = report
  return {
    id,
    service,
    slot,
    revision,
    generation,
    address,
    pid,
    startedAt,
    exited: state.kind === 'exited' ? { at: state.at, reason: state.reason } : null,
    record,
    confirmedAfter: listings,
    refused: null,
  }
}
