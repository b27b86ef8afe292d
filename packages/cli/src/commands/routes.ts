import type { Command } from 'commander'
import { daemonOf, newCommand, type Attach } from '../command.js'
import { note, print, printJson } from '../context.js'
import { renderRoutes } from '../render/route-table.js'
import { withRunning } from '../running.js'

export function routesCommand(attach: Attach): Command {
  return attach(newCommand('routes', 'show what the gateway sends where'), async (invocation) => {
    const { context, options } = invocation
    const { paint } = context
    const [routes, status] = await withRunning(daemonOf(invocation), (control) =>
      Promise.all([control.routes(), control.status()]),
    )
    if (options.json === true) {
      printJson(context, routes)
      return 0
    }
    print(context, routes.length === 0 ? 'no routes' : renderRoutes(routes, { paint }))
    for (const warning of status.gateway.warnings ?? []) note(context, paint.yellow(warning))
    return 0
  })
}
