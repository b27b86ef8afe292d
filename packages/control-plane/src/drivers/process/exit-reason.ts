import { constants } from 'node:os'
import type { ExitReason } from '@pando/model'

/**
 * Why the main process ended. A shell in front of the program reports a signal as 128 + its number (POSIX 2.8.2) and a command
 * that it did not find as 127, one it may not execute as 126.
 */
export function exitReason(end: {
  readonly code: number | null
  readonly signal: string | null
  /** The kernel killed something of it for want of memory, and we did not kill it. */
  readonly hadOutOfMemory: boolean
  readonly memoryLimitBytes: number | null
  /** The last line of its output, for codes that only say "not found". */
  readonly lastLine: () => string
  /** The program was started through a shell. */
  readonly isShell: boolean
}): ExitReason {
  const { code, signal } = end
  const wasKilled = signal === 'SIGKILL' || code === 128 + constants.signals.SIGKILL
  if (end.hadOutOfMemory && wasKilled) return { kind: 'out_of_memory', limitBytes: end.memoryLimitBytes }
  if (signal !== null) return { kind: 'signal', signal }
  if (code === null) {
    return end.hadOutOfMemory ? { kind: 'out_of_memory', limitBytes: end.memoryLimitBytes } : { kind: 'unknown' }
  }
  if (code === 127 || code === 126) {
    const meaning = code === 127 ? 'a command was not found' : 'a command could not be executed'
    const line = end.lastLine()
    return { kind: 'start_failed', detail: `${meaning} (exit code ${code})${line === '' ? '' : `: ${line}`}` }
  }
  return end.isShell ? unshelled(code) : { kind: 'exit', code }
}

/** Shells pass on that their program died of a signal only as a number; a program that picks such a code itself means the same by it. */
function unshelled(code: number): ExitReason {
  const number = code - 128
  const name = Object.entries(constants.signals).find(([, value]) => value === number)?.[0]
  return name === undefined ? { kind: 'exit', code } : { kind: 'signal', signal: name }
}
