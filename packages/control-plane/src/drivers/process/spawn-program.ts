import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { PandoError } from '@pando/model'
import type { InstanceRecord } from './instance-records.js'
import { launch } from './launcher.js'

/**
 * Starts the process that becomes the program of this record (see launcher.ts), in its own session, with its output in the file
 * descriptor `output`. Resolves once the system has made it; rejects with `internal` when it would not.
 */
export async function spawnProgram(
  record: InstanceRecord,
  options: {
    /** Absolute path of the claim file. */
    readonly claim: string
    readonly environment: Readonly<Record<string, string>>
    readonly output: number
  },
): Promise<{ readonly child: ChildProcess; readonly pid: number }> {
  const { claim, environment, output } = options
  const { command, workdir } = record.order.program
  const joins = record.cgroups.directories.map((directory) => join(directory, 'cgroup.procs'))
  const { file, args } = launch({ claim, joins, environment, command })
  const child = spawn(file, args, {
    cwd: workdir,
    env: environment,
    detached: true,
    stdio: ['ignore', output, output],
  })
  if (child.pid !== undefined) return { child, pid: child.pid }
  return new Promise((_, reject) => {
    child.once('error', (error) => {
      reject(new PandoError('internal', `the system could not start a process: ${error.message}`, { cause: error }))
    })
  })
}
