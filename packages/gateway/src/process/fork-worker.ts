import { fork } from 'node:child_process'
import { LastWords } from './last-words.js'
import type { ToPrimary } from './messages.js'
import type { WorkerExit, WorkerProcess } from './worker-process.js'

/** What it wrote before it ended is there with its end, or never. */
const lastWordsMs = 1_000

export interface ForkOptions {
  /** The file that a worker runs. */
  readonly entry: string
  readonly args: readonly string[]
  /** What it writes on its stderr. */
  readonly onStderr: (chunk: Buffer) => void
}

export function forkWorker({ entry, args, onStderr }: ForkOptions): WorkerProcess {
  const child = fork(entry, args, { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] })
  const words = new LastWords()
  child.stderr?.on('data', (chunk: Buffer) => {
    words.push(chunk)
    onStderr(chunk)
  })
  child.stderr?.on('error', () => {})
  const onExit: ((exit: WorkerExit) => void)[] = []
  let exit: WorkerExit | null = null
  const gone = (how: string, hasWords: boolean) => {
    if (exit !== null) return
    exit = { how, error: hasWords ? words.error : '', lines: hasWords ? words.lines : [] }
    for (const callback of onExit) callback(exit)
  }
  child.on('error', (error) => {
    if (child.pid === undefined) gone(`could not be started (${error.message})`, false)
  })
  child.on('exit', (code, signal) => {
    const how = signal === null ? `ended with exit code ${code}` : `ended by ${signal}`
    // What somebody kills has not ended of what it wrote before.
    const hasWords = signal !== 'SIGKILL' && signal !== 'SIGTERM'
    const limit = setTimeout(() => gone(how, hasWords), lastWordsMs)
    child.on('close', () => {
      clearTimeout(limit)
      gone(how, hasWords)
    })
  })
  return {
    pid: child.pid,
    send: (message, handle, isGiven) => {
      const passed = () => {
        if (isGiven === true) (handle as { close(): void }).close()
      }
      // A worker that died takes no message; its exit says what happened.
      if (child.connected) child.send(message, handle as never, {}, passed)
      else passed()
    },
    kill: (signal) => void child.kill(signal),
    onMessage: (callback) => void child.on('message', (message, handle) => callback(message as ToPrimary, handle)),
    onExit: (callback) => {
      if (exit === null) onExit.push(callback)
      else callback(exit)
    },
  }
}
