import type { Command } from 'commander'
import { daemonOf, newCommand, type Attach } from '../command.js'
import { print, printJson } from '../context.js'
import { renderRoutes } from '../render/route-table.js'
import { withRunning } from '../running.js'

export function routesCommand(attach: Attach): Command {
  return attach(newCommand('routes', 'show what the gateway sends where'), async (invocation) => {
    const { context, options } = invocation
    const routes = await withRunning(daemonOf(invocation), (control) => control.routes())
    if (options.json === true) printJson(context, routes)
    else print(context, routes.length === 0 ? 'no routes' : renderRoutes(routes, { paint: context.paint }))
    return 0
  })
}
