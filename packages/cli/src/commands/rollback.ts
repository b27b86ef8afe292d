import type { Command } from 'commander'
import { PandoError } from '@pando/model'
import { daemonOf, newCommand, type Attach } from '../command.js'
import { print, printJson } from '../context.js'
import { lastEventOf, waitForDeployments, waitOptions, type WaitOptions } from '../deploy/wait.js'
import { withRunning } from '../running.js'

export function rollbackCommand(attach: Attach): Command {
  const command = waitOptions(
    newCommand('rollback', 'go back to an older revision, without building it again')
      .argument('[service]', 'without one: the whole app, to what it was before the last change')
      .option('--to <revision>', 'this one, or the one that begins so (default: the last one that was healthy)'),
  )
  return attach<WaitOptions & { readonly to?: string }>(command, async (invocation) => {
    const { context, options, args } = invocation
    const [service] = args
    if (service === undefined && options.to !== undefined) {
      throw new PandoError('usage', 'a revision is one of a service', {
        hint: 'write it as pando rollback SERVICE --to REVISION',
      })
    }
    const daemon = daemonOf(invocation)
    const { after, deployed } = await withRunning(daemon, async (control) => ({
      after: await lastEventOf(control),
      deployed:
        service === undefined ? await control.rollbackApp() : [await control.rollback(service, options.to ?? null)],
    }))
    if (options.json !== true) {
      for (const one of deployed) print(context, `${one.service} goes back to revision ${one.revision}`)
      if (deployed.length === 0) print(context, 'No service runs another revision than before.')
    }
    const code = await waitForDeployments({ context, daemon, deployed, after, options })
    if (options.json === true) printJson(context, deployed)
    return code
  })
}
