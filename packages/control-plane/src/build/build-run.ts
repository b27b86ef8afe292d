import { spawn } from 'node:child_process'
import { PandoError } from '@pando/model'
import { LineSplitter } from '../logs/line-splitter.js'

/** Lines of a failed build's output that its error ends with. */
const tailLines = 20
const maxLineLength = 2000
/** Lines of one command that are passed on; a build that prints more is told so once. */
const maxLines = 20_000

export interface BuildRun {
  /** What is being done, as a noun, for the error: `pip install`. */
  readonly title: string
  /** A string is run by `sh -c`. */
  readonly command: string | readonly string[]
  readonly cwd: string
  readonly environment: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly onLine: (line: string) => void
  /** Takes standard output instead of `onLine`; it is then no part of the error. */
  readonly onData?: (line: string) => void
  /** Called with the pid of the process group, and with null when it has ended. */
  readonly onGroup: (pid: number | null) => void
}

/** Runs one command of a build to its end. Rejects with `build_failed`; an abort kills everything that it has started. */
export function runBuild(run: BuildRun): Promise<void> {
  const [file = '', ...args] = typeof run.command === 'string' ? ['/bin/sh', '-c', run.command] : run.command
  return new Promise((resolve, reject) => {
    if (run.signal.aborted) return reject(calledOff(run.title))
    const child = spawn(file, args, {
      cwd: run.cwd,
      env: run.environment,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    if (child.pid !== undefined) run.onGroup(child.pid)
    const tail: string[] = []
    let lines = 0
    const show = (text: string): void => {
      const line = text.length > maxLineLength ? `${text.slice(0, maxLineLength)}…` : text
      tail.push(line)
      if (tail.length > tailLines) tail.shift()
      lines += 1
      if (lines <= maxLines) run.onLine(line)
      if (lines === maxLines) run.onLine(`(more than ${maxLines} lines: the rest is left out)`)
    }
    const flushes = [splitInto(child.stdout, run.onData ?? show), splitInto(child.stderr, show)]
    const killGroup = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      } catch {
        // Nothing of it is left.
      }
    }
    run.signal.addEventListener('abort', killGroup, { once: true })
    child.once('error', (error) => {
      run.signal.removeEventListener('abort', killGroup)
      reject(new PandoError('build_failed', `${run.title} could not be started: ${error.message}`, { cause: error }))
    })
    // What a command leaves running in its group would hold its pipes open.
    child.once('exit', killGroup)
    child.once('close', (code, signal) => {
      run.signal.removeEventListener('abort', killGroup)
      run.onGroup(null)
      for (const flush of flushes) flush()
      if (run.signal.aborted) return reject(calledOff(run.title))
      if (code === 0) return resolve()
      const end = signal === null ? `exit code ${code}` : `killed by ${signal}`
      const output = tail.length === 0 ? '' : `:\n${tail.join('\n')}`
      reject(new PandoError('build_failed', `${run.title} failed (${end})${output}`))
    })
  })
}

function calledOff(title: string): PandoError {
  return new PandoError('build_failed', `${title} was called off`)
}

/** Returns how to give out what has come without a line end. */
function splitInto(stream: NodeJS.ReadableStream, onLine: (line: string) => void): () => void {
  const splitter = new LineSplitter()
  stream.on('data', (bytes: Buffer) => {
    for (const { text } of splitter.push(bytes, 0)) onLine(text)
  })
  return () => {
    for (const { text } of splitter.flush()) onLine(text)
  }
}
