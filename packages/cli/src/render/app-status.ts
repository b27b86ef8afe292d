import type { AppStatus } from '@pando/model'
import type { Paint } from '../paint.js'
import { renderDuration } from './duration.js'
import { gatewayUrl, renderInstances, renderReasons, renderServices } from './service-table.js'
import type { TableOptions } from './table.js'

/** Everything that `pando ps` says: the app, its gateway, services, what is wrong with them, instances. */
export function renderAppStatus(status: AppStatus, now: number, options: TableOptions): string {
  const { paint } = options
  const instances = status.services.flatMap((service) => service.instances)
  const parts = [
    `${paint.bold(status.name)}  ${status.state}, control plane pid ${status.pid}, up ${renderDuration(now - status.startedAt)}\n${renderGateway(status, paint)}`,
    status.services.length === 0 ? 'no services' : renderServices(status.services, options),
    renderReasons(status.services, paint),
    instances.length === 0 ? '' : renderInstances(instances, now, options),
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

export function renderGateway(status: AppStatus, paint: Paint): string {
  const { gateway } = status
  const workers =
    gateway.state === 'ready' ? `, ${gateway.workers} ${gateway.workers === 1 ? 'worker' : 'workers'}` : ''
  const state = gateway.state === 'ready' ? paint.green('ready') : paint.yellow(gateway.state)
  const lines = [`gateway  ${paint.bold(gatewayUrl(status))}  ${state}${workers}`]
  for (const error of gateway.errors) lines.push(`         ${paint.red(error)}`)
  return lines.join('\n')
}

/** Fits a screen: what runs where, and the next three commands to try. */
export function renderSummary(status: AppStatus, options: TableOptions & { readonly rows?: number }): string {
  const { paint } = options
  // Gateway, head, blank lines, commands and the live line take about ten; the rest is for services.
  const room = Math.max(3, (options.rows ?? 40) - 12)
  const shown = status.services.slice(0, room)
  const more = status.services.length - shown.length
  const parts = [
    renderGateway(status, paint),
    renderServices(shown, options) + (more > 0 ? `\n${paint.dim(`and ${more} more: pando ps`)}` : ''),
    renderReasons(shown, paint),
    nextCommands(status)
      .map(([command, why]) => `  ${paint.cyan(command.padEnd(28))} ${paint.dim(why)}`)
      .join('\n'),
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}

function nextCommands(status: AppStatus): readonly (readonly [string, string])[] {
  const routed = status.services.find((service) => service.routes.length > 0) ?? status.services[0]
  const name = routed?.name ?? 'SERVICE'
  const path = routed?.routes[0] ?? '/'
  return [
    [`curl ${gatewayUrl(status)}${path.startsWith('/') ? path : '/'}`, 'a request through the gateway'],
    [`pando scale ${name}=${(routed?.replicas ?? 1) + 1}`, 'one instance more'],
    [`pando logs -f ${name}`, 'what it says'],
  ]
}
