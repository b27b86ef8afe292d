import type { AppStatus } from '@pando/model'
import type { Paint } from '../paint.js'
import { renderBytes, renderDuration } from './duration.js'
import {
  gatewayUrl,
  secureUrl,
  renderInstances,
  renderReasons,
  renderRollouts,
  renderServices,
  renderWithheld,
} from './service-table.js'
import { cut, type TableOptions } from './table.js'

/** Everything that `pando ps` says: the app, its gateway, services, what is wrong with them, instances. */
export function renderAppStatus(status: AppStatus, now: number, options: TableOptions): string {
  const { paint } = options
  const instances = status.services.flatMap((service) => service.instances)
  const parts = [
    `${paint.bold(status.name || 'no app yet')}  ${status.state}, control plane pid ${status.pid}, up ${renderDuration(now - status.startedAt)}\n${renderGateway(status, paint)}`,
    renderFaults(status, paint),
    status.services.length === 0 ? 'no services' : renderServices(status.services, options),
    renderReasons(status.services, paint),
    renderWithheld(status.services, paint),
    renderRollouts(status.services, now, paint),
    instances.length === 0 ? '' : renderInstances(instances, now, options),
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

function renderFaults({ faults = [] }: AppStatus, paint: Paint): string {
  return faults.map((fault) => paint.red(fault)).join('\n')
}

export function renderGateway(status: AppStatus, paint: Paint): string {
  const { gateway } = status
  const workers =
    gateway.state === 'ready' ? `, ${gateway.workers} ${gateway.workers === 1 ? 'worker' : 'workers'}` : ''
  const state = gateway.state === 'ready' ? paint.green('ready') : paint.yellow(gateway.state)
  const urls = [gatewayUrl(status) ?? 'on a free port', secureUrl(status)].filter((url) => url !== null)
  const lines = [`gateway  ${urls.map(paint.bold).join('  ')}  ${state}${workers}`]
  for (const error of gateway.errors) lines.push(`         ${paint.red(error)}`)
  for (const warning of gateway.warnings ?? []) lines.push(`         ${paint.yellow(warning)}`)
  return lines.join('\n')
}

/** The app in one line: how much of it is ready, what it takes, since when. */
export function renderHeadline(status: AppStatus, now: number, paint: Paint): string {
  const { services } = status
  const well = services.filter(({ state }) => state === 'ready' || state === 'completed' || state === 'stopped').length
  const running = services.flatMap(({ instances }) => instances).filter(({ phase }) => phase !== 'exited')
  const memory = running.reduce((sum, { memoryBytes }) => sum + (memoryBytes ?? 0), 0)
  const ready = `${well} of ${services.length} ${services.length === 1 ? 'service' : 'services'} ready`
  const parts = [
    well === services.length ? paint.green(ready) : paint.yellow(ready),
    `${running.length} ${running.length === 1 ? 'instance' : 'instances'}`,
    ...(memory > 0 ? [renderBytes(memory)] : []),
    `up ${renderDuration(now - status.startedAt)}`,
  ]
  return `${paint.bold(status.name)}  ${parts.join(paint.dim(' · '))}`
}

export interface SummaryOptions extends TableOptions {
  readonly rows?: number
  /** How `pando` is called from where the reader is, with what it needs to find this app. */
  readonly command: string
  /** Unix time, milliseconds. */
  readonly now: number
}

/** Fits a screen: what runs where, and the next three commands to try. */
export function renderSummary(status: AppStatus, options: SummaryOptions): string {
  const { paint } = options
  // Headline, gateway, head, blank lines, commands and the live line take about twelve; the rest is for services and their reasons.
  const room = Math.max(4, (options.rows ?? 40) - 15)
  const reasons = renderReasons(status.services, paint)
    .split('\n')
    .slice(0, Math.ceil(room / 3))
  const shown = status.services.slice(0, room - (reasons[0] === '' ? 0 : reasons.length))
  const more = status.services.length - shown.length
  const next = nextCommands(status, options.command)
  const width = Math.max(...next.map(([command]) => command.length))
  const parts = [
    `${renderHeadline(status, options.now, paint)}\n${renderGateway(status, paint)}`,
    renderFaults(status, paint),
    renderServices(shown, options) + (more > 0 ? `\n${paint.dim(`and ${more} more: pando ps`)}` : ''),
    reasons.map((reason) => cut(reason, options.columns)).join('\n'),
    next
      .map(([command, why]) => cut(`  ${paint.cyan(command.padEnd(width))}  ${paint.dim(why)}`, options.columns))
      .join('\n'),
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}

function nextCommands(status: AppStatus, pando: string): readonly (readonly [string, string])[] {
  const failed = status.services.find((service) => service.state === 'failed')
  if (failed !== undefined) {
    return [
      [`${pando} logs -n 50 ${failed.name}`, 'the last that it wrote'],
      [`${pando} why ${failed.name}`, 'what it comes from'],
      [`${pando} up -d`, 'once it is mended'],
    ]
  }
  const routed = status.services.find((service) => service.routes.length > 0) ?? status.services[0]
  const name = routed?.name ?? 'SERVICE'
  const url = gatewayUrl(status)
  const path = routed?.routes.find((route) => route.startsWith('/') && !route.includes('{')) ?? '/'
  return [
    ...(url === null ? [] : [[`curl ${url}${path}`, 'through the gateway'] as const]),
    // One whose count follows its load is not scaled by hand.
    ...(routed?.autoscale === undefined
      ? [[`${pando} scale ${name}=${(routed?.replicas ?? 1) + 1}`, 'one instance more'] as const]
      : []),
    [`${pando} logs -f ${name}`, 'what it writes'],
  ]
}
