import { spawn } from 'node:child_process'
import { PandoError } from '@pando/model'
import type { Clock } from '../../clock.js'
import { shell } from './launcher.js'

const maxOutputBytes = 65_536

/** Runs a command to its end and collects what it prints (stdout and stderr, the first 64 KiB). Kills its whole group at the timeout. */
export function runCommand(options: {
  readonly command: string | readonly string[]
  readonly workdir: string
  readonly environment: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly clock: Clock
}): Promise<{ readonly exitCode: number; readonly output: string }> {
  const { command, workdir, environment, timeoutMs, clock } = options
  const [file = '', ...args] = typeof command === 'string' ? shell(command) : command
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: workdir,
      env: environment,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const chunks: Buffer[] = []
    let bytes = 0
    const collect = (chunk: Buffer): void => {
      if (bytes < maxOutputBytes) chunks.push(chunk.subarray(0, maxOutputBytes - bytes))
      bytes += chunk.length
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    const killGroup = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      } catch {
        // Nothing of it is left.
      }
    }
    const finish = (settle: () => void): void => {
      cancelTimeout()
      child.stdout.destroy()
      child.stderr.destroy()
      settle()
    }
    const cancelTimeout = clock.after(timeoutMs, () => {
      killGroup()
      finish(() => reject(new PandoError('timeout', `the command did not end within ${timeoutMs} ms and was killed`)))
    })
    child.once('error', (error) =>
      finish(() => reject(new PandoError('tool_missing', `cannot run ${file}: ${error.message}`, { cause: error }))),
    )
    child.once('exit', (code, signal) => {
      // What it left running would hold the pipes open: the answer is there, so that goes too.
      killGroup()
      child.once('close', () => {
        const exitCode = code ?? 128 + (signal === null ? 0 : 9)
        finish(() => resolve({ exitCode, output: Buffer.concat(chunks).toString('utf8') }))
      })
    })
  })
}
