import type { ExitReason } from '@pando/model'
import type { InstanceReport } from '../driver.js'
import { exitReason } from '../process/exit-reason.js'
import type { ContainerDetails } from './engine-types.js'
import { reportOf, type InstanceFacts } from './instance-facts.js'
import type { InitFailure } from './init-failure.js'
import type { LogCopy } from './log-copy.js'

/** One instance here. Its exit is set once, when the engine says that the container has ended or no longer knows it. */
export interface ContainerInstance {
  readonly facts: InstanceFacts
  /** The container as the engine calls it. */
  readonly container: string
  readonly logFile: string
  readonly notes: readonly string[]
  /** When this process first knew that it runs; Unix time, ms. */
  readonly seenAt: number
  pid: number | null
  exit: { readonly at: number; readonly reason: ExitReason } | null
  isKilled: boolean
  log: LogCopy | null
}

export function describeInstance(instance: ContainerInstance): InstanceReport {
  return reportOf(instance)
}

/**
 * Why a container ended. Its first process is an init, which passes on a signal that ended the program as 128 + its number, as
 * a shell does; so does the engine.
 */
export function exitOf(
  instance: ContainerInstance,
  { State }: ContainerDetails,
  lastLine: () => string,
  initFailure: InitFailure | null,
): { readonly at: number; readonly reason: ExitReason } {
  const at = Date.parse(State.FinishedAt)
  const reason = exitReason({
    code: initFailure?.code ?? State.ExitCode,
    signal: null,
    hadOutOfMemory: State.OOMKilled && !instance.isKilled,
    memoryLimitBytes: instance.facts.resources.memoryBytes,
    lastLine: initFailure === null ? lastLine : () => initFailure.line,
    isShell: true,
  })
  return { at: Number.isNaN(at) || at < instance.facts.startedAt ? instance.facts.startedAt : at, reason }
}
