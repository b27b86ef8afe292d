import { spawn } from 'node:child_process'
import { PandoError } from '@pando/model'
import type { Command } from 'commander'
import { daemonOf, newCommand, type Attach } from '../command.js'
import { print, printJson, type Context } from '../context.js'
import { gatewayUrl } from '../render/service-table.js'
import { withRunning } from '../running.js'

export function openCommand(attach: Attach): Command {
  const command = newCommand('open', "print the gateway's address and open it in a browser where there is one").option(
    '--print',
    'only print it',
  )
  return attach<{ readonly print?: boolean }>(command, async (invocation) => {
    const { context, options } = invocation
    const url = gatewayUrl(await withRunning(daemonOf(invocation), (control) => control.status()))
    if (url === null) {
      throw new PandoError('conflict', 'the gateway of this app is on a free port, and nothing is routed there', {
        hint: 'open one of the ports that its services publish, or set `gateway: { port: … }`',
      })
    }
    if (options.json === true) printJson(context, { url })
    else print(context, url)
    const opener = openerFor(context)
    if (opener !== null && options.print !== true && options.json !== true) {
      // Whether a browser came up is seen by the user; the address has been printed either way.
      spawn(opener, [url], { detached: true, stdio: 'ignore' })
        .on('error', () => {})
        .unref()
    }
    return 0
  })
}

/** Null where nobody could see a window: no terminal, or no display. */
function openerFor(context: Context): string | null {
  if (context.stdout.isTTY !== true) return null
  if (process.platform === 'darwin') return 'open'
  const hasDisplay = (context.env['DISPLAY'] ?? context.env['WAYLAND_DISPLAY'] ?? '') !== ''
  return process.platform === 'linux' && hasDisplay ? 'xdg-open' : null
}
