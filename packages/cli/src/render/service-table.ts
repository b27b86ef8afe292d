import type { Address, AppStatus, InstanceStatus, ServiceStatus } from '@pando/model'
import type { Paint } from '../paint.js'
import { renderBytes, renderDuration } from './duration.js'
import { renderTable, type TableOptions } from './table.js'

export function renderServices(services: readonly ServiceStatus[], options: TableOptions): string {
  const { paint } = options
  return renderTable(
    ['SERVICE', 'STATE', 'HEALTHY', 'REVISION', 'ADDRESS', 'ROUTES'],
    services.map((service) => [
      paint.name(service.name),
      paintState(service.state, paint),
      renderCount(service),
      service.revision,
      renderAddress(service.address),
      service.routes.join(' '),
    ]),
    options,
  )
}

export function renderInstances(instances: readonly InstanceStatus[], now: number, options: TableOptions): string {
  const { paint } = options
  return renderTable(
    ['INSTANCE', 'STATE', 'PID', 'ADDRESS', 'RESTARTS', 'UPTIME', 'MEMORY', 'DETAIL'],
    instances.map((instance) => [
      paint.name(instance.id, instance.service),
      paintPhase(instance, paint),
      instance.pid === null ? '-' : String(instance.pid),
      renderAddress(instance.address),
      instance.restarts === 0 ? '0' : paint.yellow(String(instance.restarts)),
      instance.phase === 'exited' ? '-' : renderDuration(now - instance.startedAt),
      instance.memoryBytes === null ? '-' : renderBytes(instance.memoryBytes),
      instance.detail,
    ]),
    options,
  )
}

/** Healthy instances of those that are wanted, or of those that there may be: `2/3`, `3/1–10`. */
function renderCount({ healthy, replicas, autoscale }: ServiceStatus): string {
  return `${healthy}/${autoscale === undefined ? replicas : `${autoscale.min}–${autoscale.max}`}`
}

/** A line for every service that is not as it should be; empty when all are. */
export function renderReasons(services: readonly ServiceStatus[], paint: Paint): string {
  return services
    .filter((service) => service.reason !== '')
    .map((service) => `${paint.name(service.name)}: ${firstLine(service.reason)}`)
    .join('\n')
}

/** A line for every service that goes from one revision to another, or had to go back. */
export function renderRollouts(services: readonly ServiceStatus[], now: number, paint: Paint): string {
  const lines = services.flatMap(({ name, rollout }) => {
    if (rollout === undefined) return []
    const { state, from, to, step, steps, weight, isRollback, reason, since } = rollout
    const isNews = state !== 'succeeded' && from !== null && from !== to
    if (!isNews && !isRollback) return []
    const why = reason === '' ? '' : `: ${firstLine(reason)}`
    if (isRollback) return [`${paint.name(name)}: went back to ${to} ${renderDuration(now - since)} ago${why}`]
    const parts = [steps > 0 ? `step ${step} of ${steps}` : '', weight === null ? '' : `${weight} % of the requests`]
    const where = [...parts.filter((part) => part !== ''), `for ${renderDuration(now - since)}`].join(', ')
    return [`${paint.name(name)}: ${from} → ${to}, ${state}, ${where}${why}`]
  })
  return lines.join('\n')
}

/** A line for each way in which the gateway keeps requests from a service because of its answers. */
export function renderWithheld(services: readonly ServiceStatus[], paint: Paint): string {
  const lines = services.flatMap(({ name, withheld }) => {
    if (withheld === undefined) return []
    const { ejected, openCircuits, workers } = withheld
    const open = `its circuit breaker is open in ${openCircuits} of ${workers} workers: they answer with 503 until it does better`
    return [
      ...(openCircuits === 0 ? [] : [`${paint.name(name)}: ${paint.yellow(open)}`]),
      ...ejected.map(
        ({ instance, error }) =>
          `${paint.name(name)}: ${paint.yellow(`${instance} is ejected and gets no requests for a while: ${error}`)}`,
      ),
    ]
  })
  return lines.join('\n')
}

/** What follows it, such as a build's output, is for `pando events`. */
export function firstLine(text: string): string {
  const end = text.indexOf('\n')
  return end === -1 ? text : `${text.slice(0, end).trimEnd().replace(/:$/, '')} …`
}

export function renderAddress(address: Address | null): string {
  if (address === null) return '-'
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}

/** Null for a gateway on any free port, which nobody calls: an app from a Compose file has ports of its services. */
export function gatewayUrl({ gateway }: Pick<AppStatus, 'gateway'>): string | null {
  if (gateway.address.port === 0) return null
  // A wildcard is an address to listen on, not one to call.
  const host = gateway.address.host === '0.0.0.0' || gateway.address.host === '::' ? '127.0.0.1' : gateway.address.host
  return `http://${renderAddress({ host, port: gateway.address.port })}`
}

/** Where it is reached encrypted; null when it is not, or on any free port. */
export function secureUrl({ gateway }: Pick<AppStatus, 'gateway'>): string | null {
  const { tls } = gateway
  if (tls === undefined || tls.port === 0) return null
  // A certificate stands for names, and this one for this machine.
  const isHere = ['127.0.0.1', '::1', '0.0.0.0', '::'].includes(tls.host)
  return `https://${renderAddress({ host: isHere ? 'localhost' : tls.host, port: tls.port })}`
}

function paintState(state: ServiceStatus['state'], paint: Paint): string {
  switch (state) {
    case 'ready':
    case 'completed':
      return paint.green(state)
    case 'failed':
      return paint.red(state)
    case 'stopped':
      return paint.dim(state)
    case 'building':
    case 'waiting':
    case 'starting':
    case 'degraded':
      return paint.yellow(state)
  }
}

function paintPhase(instance: InstanceStatus, paint: Paint): string {
  switch (instance.phase) {
    case 'healthy':
      return paint.green(instance.phase)
    case 'unhealthy':
      return paint.red(instance.phase)
    case 'exited':
      return paint.dim(instance.phase)
    case 'starting':
    case 'draining':
    case 'stopping':
      return paint.yellow(instance.phase)
  }
}
