import type { Address, ExitReason, LogPolicy, Resources, RevisionSpec } from '@pando/model'
import type { InstanceReport, StartOrder } from '../driver.js'

/** What stays the same of an instance for all of its life. */
export interface InstanceFacts {
  readonly id: string
  readonly service: string
  readonly slot: number
  readonly revision: string
  readonly generation: number
  readonly address: Address | null
  /** Unix time, ms. */
  readonly startedAt: number
  readonly stopSignal: RevisionSpec['stopSignal']
  readonly resources: Resources
  readonly logs: LogPolicy
  /** Its command is run by a shell, whose exit codes say less. */
  readonly isShell: boolean
}

export function factsOf(order: StartOrder, startedAt: number): InstanceFacts {
  const { id, service, slot, revision, generation, address, spec, program } = order
  return {
    id,
    service,
    slot,
    revision,
    generation,
    address,
    startedAt,
    stopSignal: spec.stopSignal,
    resources: spec.resources,
    logs: spec.logs,
    isShell: typeof program.command === 'string',
  }
}

export function reportOf(state: {
  readonly facts: InstanceFacts
  readonly pid: number | null
  readonly exit: { readonly at: number; readonly reason: ExitReason } | null
  readonly logFile: string
  readonly notes: readonly string[]
}): InstanceReport {
  const { facts, pid, exit, logFile, notes } = state
  const { id, service, slot, revision, generation, address, startedAt, resources, logs } = facts
  return {
    id,
    service,
    slot,
    revision,
    generation,
    address,
    pid: exit === null ? pid : null,
    startedAt,
    state: exit === null ? { kind: 'running' } : { kind: 'exited', ...exit },
    resources,
    logs,
    logFile,
    notes,
  }
}
