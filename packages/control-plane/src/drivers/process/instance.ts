import type { ChildProcess } from 'node:child_process'
import type { InstanceReport } from '../driver.js'
import type { InstanceTraces } from './instance-processes.js'
import type { ExitRecord, InstanceRecord } from './instance-records.js'

/**
 * Lifecycle of one instance here. `running`: its main process runs. `ending`: that has ended, others of its processes have not; to
 * the outside it still runs. `exited`: nothing of it runs.
 */
export interface Instance {
  readonly record: InstanceRecord
  traces: InstanceTraces
  /** What the host could not do for it, in words. */
  notes: readonly string[]
  /** Only its parent learns how a process ended; null for one that an earlier control plane started. */
  child: ChildProcess | null
  phase: 'running' | 'ending' | 'exited'
  exit: ExitRecord | null
  isStopping: boolean
  isKilled: boolean
  killRounds: number
}

/** Nobody tells us of its end: it must be looked at. */
export function needsLooking({ phase, child }: Instance): boolean {
  return phase === 'ending' || (phase === 'running' && child === null)
}

export function reportOf(instance: Instance): InstanceReport {
  const { record, phase, exit, traces } = instance
  const { order } = record
  const hasExited = phase === 'exited' && exit !== null
  return {
    id: order.id,
    service: order.service,
    slot: order.slot,
    revision: order.revision,
    generation: order.generation,
    address: order.address,
    pid: hasExited ? null : traces.main.pid,
    startedAt: record.startedAt,
    state: hasExited ? { kind: 'exited', at: exit.at, reason: exit.reason } : { kind: 'running' },
    resources: order.spec.resources,
    logs: order.spec.logs,
    logFile: record.logFile,
    notes: instance.notes,
  }
}
