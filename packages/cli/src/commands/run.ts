import type { Command } from 'commander'
import { PandoError, type JobRun } from '@pando/model'
import { daemonOf, newCommand, type Attach } from '../command.js'
import { note, print, printJson } from '../context.js'
import { untilInterrupted } from '../interrupt.js'
import { withRunning } from '../running.js'

interface RunOptions {
  readonly detach?: boolean
}

/** A program that nobody could read an end of, or that had none. */
const unknownEnd = 1

export function runCommand(attach: Attach): Command {
  const command = newCommand('run', 'run a service once to its end, or another command in its place (after --)')
    .argument('<service>', 'its name')
    .argument('[command...]', 'what to run instead, with its arguments')
    .option('-d, --detach', 'do not wait for its end')
  return attach<RunOptions>(command, async (invocation) => {
    const { context, options, args } = invocation
    const [service = '', ...words] = args
    return withRunning(daemonOf(invocation), async (control) => {
      const begun = await control.run(service, words.length === 0 ? null : words)
      if (options.detach === true) {
        if (options.json === true) printJson(context, begun)
        else print(context, begun.id)
        return 0
      }
      await untilInterrupted(async (interrupted) => {
        const following = new AbortController()
        interrupted.addEventListener('abort', () => {
          note(context, `stopping ${begun.id}`)
          control.stopRun(begun.id).catch(() => following.abort())
        })
        for await (const { line } of control.runOutput(begun.id, following.signal)) {
          if (options.json !== true) print(context, line)
        }
      })
      const run = await control.getRun(begun.id)
      if (options.json === true) printJson(context, run)
      else if (run.exitCode === null) note(context, `${run.id}: ${run.reason}`)
      return codeOf(run)
    })
  })
}

function codeOf(run: JobRun): number {
  if (run.endedAt === null) throw new PandoError('unavailable', `${run.id} goes on, and nobody follows it any more`)
  return run.exitCode ?? (run.result === 'succeeded' ? 0 : unknownEnd)
}
