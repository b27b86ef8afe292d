import type { ToPrimary, ToWorker } from './messages.js'

/** How a worker ended, in words such as `ended by SIGKILL`, with what it wrote last: the error, if it names one, and lines. */
export interface WorkerExit {
  readonly how: string
  readonly error: string
  readonly lines: readonly string[]
}

/** A worker's process as the pool sees it. */
export interface WorkerProcess {
  readonly pid: number | undefined
  /** `handle` is a socket that goes with the message; the copy here stays open, unless it is `given` away. */
  send(message: ToWorker, handle?: unknown, isGiven?: boolean): void
  kill(signal: 'SIGKILL'): void
  onMessage(callback: (message: ToPrimary, handle: unknown) => void): void
  /** Called once, also when the process could not be started. */
  onExit(callback: (exit: WorkerExit) => void): void
}
