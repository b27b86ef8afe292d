import type { Address, AppSpec } from '@pando/model'
import type { DesiredService } from '../reconciler/state.js'

export interface EnvironmentInput {
  readonly app: AppSpec
  readonly service: DesiredService
  readonly instance: string
  /** Where the instance shall listen; null for protocol `none`. */
  readonly address: Address | null
  /** Stable mesh address of every service that has one, by service name. */
  readonly mesh: ReadonlyMap<string, Address>
  /** The control plane's own environment, of which only the allow-list passes. */
  readonly host: Readonly<Record<string, string | undefined>>
}

/** What a program may expect of any machine. Everything else of the host's environment stays outside. */
const allowed = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR', 'TERM']

/**
 * All of an instance's environment: the host's allow-list, what Pando gives, then what the manifest names, which wins —
 * but for PORT, HOST and the PANDO_ names, which tell where it really runs.
 */
export function environmentOf(input: EnvironmentInput): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const name of allowed) {
    const value = input.host[name]
    if (value !== undefined) environment[name] = value
  }
  for (const [name, address] of input.mesh) Object.assign(environment, discoveryOf(name, address, input.app))
  environment['OTEL_SERVICE_NAME'] = input.service.name
  environment['OTEL_RESOURCE_ATTRIBUTES'] = resourceAttributes(input)
  Object.assign(environment, input.service.spec.environment)
  environment['PANDO_APP'] = input.app.name
  environment['PANDO_SERVICE'] = input.service.name
  environment['PANDO_INSTANCE'] = input.instance
  environment['PANDO_REVISION'] = input.service.revision
  if (input.address !== null) {
    environment['HOST'] = input.address.host
    environment['PORT'] = String(input.address.port)
  }
  return environment
}

/** `ORDER_ITEMS_URL`, `ORDER_ITEMS_SERVICE_HOST` and `ORDER_ITEMS_SERVICE_PORT` for a service `order-items`. */
function discoveryOf(name: string, address: Address, app: AppSpec): Record<string, string> {
  const prefix = environmentName(name)
  const scheme = app.services[name]?.revision.protocol === 'tcp' ? 'tcp' : 'http'
  return {
    [`${prefix}_URL`]: `${scheme}://${address.host}:${address.port}`,
    [`${prefix}_SERVICE_HOST`]: address.host,
    [`${prefix}_SERVICE_PORT`]: String(address.port),
  }
}

export function environmentName(service: string): string {
  return service.toUpperCase().replace(/[^A-Z0-9]/g, '_')
}

/** Source: OpenTelemetry resource semantic conventions, `service.*`. Values are percent-encoded as W3C Baggage asks. */
function resourceAttributes(input: EnvironmentInput): string {
  const attributes: Record<string, string> = {
    'service.namespace': input.app.name,
    'service.instance.id': input.instance,
    'service.version': input.service.revision,
  }
  return Object.entries(attributes)
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
    .join(',')
}
