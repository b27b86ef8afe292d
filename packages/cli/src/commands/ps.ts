import type { Command } from 'commander'
import { daemonOf, newCommand, type Attach } from '../command.js'
import { print, printJson } from '../context.js'
import { renderAppStatus } from '../render/app-status.js'
import { withRunning } from '../running.js'

export function psCommand(attach: Attach): Command {
  return attach(newCommand('ps', 'show what runs where, and how it fares'), async (invocation) => {
    const { context, options } = invocation
    const status = await withRunning(daemonOf(invocation), (control) => control.status())
    if (options.json === true) printJson(context, status)
    else print(context, renderAppStatus(status, context.now(), { paint: context.paint, ...columnsOf(context.stdout) }))
    return 0
  })
}

function columnsOf(stdout: { readonly columns?: number }): { columns?: number } {
  return stdout.columns === undefined ? {} : { columns: stdout.columns }
}
