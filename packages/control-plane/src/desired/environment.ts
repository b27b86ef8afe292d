import { driverOf, type Address, type AppSpec } from '@pando/model'
import { discoveryNames, handedOn } from '../manifest/environment.js'
import type { DesiredService } from '../reconciler/state.js'

export interface EnvironmentInput {
  readonly app: AppSpec
  readonly service: DesiredService
  readonly instance: string
  /** Where the instance shall listen; null for protocol `none`. */
  readonly address: Address | null
  /** Stable mesh address of every service that has one, by service name. */
  readonly mesh: ReadonlyMap<string, Address>
  /** This machine as containers see it; null when nothing can listen there. */
  readonly containerGateway?: string | null
  /** The control plane's own environment, of which only the allow-list passes. */
  readonly host: Readonly<Record<string, string | undefined>>
}

/**
 * All of an instance's environment: the host's allow-list, what Pando gives, then what the manifest names, which wins —
 * but for PORT, HOST and the PANDO_ names, which tell where it really runs.
 */
export function environmentOf(input: EnvironmentInput): Record<string, string> {
  const environment: Record<string, string> = {}
  const isContainer = driverOf(input.service.spec) === 'container'
  // An image brings its own PATH and HOME: this machine's mean nothing inside.
  for (const name of isContainer ? [] : handedOn) {
    const value = input.host[name]
    if (value !== undefined) environment[name] = value
  }
  // One that finds others by their names is told nothing: what it is not told it may take for unset.
  const isTold = input.service.spec.container?.network === undefined
  for (const [name, address] of isTold ? input.mesh : []) {
    const host = isContainer ? (input.containerGateway ?? null) : address.host
    if (host !== null) Object.assign(environment, discoveryOf(name, { ...address, host }, input.app))
  }
  environment['OTEL_SERVICE_NAME'] = input.service.name
  environment['OTEL_RESOURCE_ATTRIBUTES'] = resourceAttributes(input)
  Object.assign(environment, input.service.spec.environment)
  environment['PANDO_APP'] = input.app.name
  environment['PANDO_SERVICE'] = input.service.name
  environment['PANDO_INSTANCE'] = input.instance
  environment['PANDO_REVISION'] = input.service.revision
  if (input.address !== null && isTold) {
    // Inside a container only the outermost port is on loopback, and it may be another one.
    environment['HOST'] = isContainer ? '0.0.0.0' : input.address.host
    environment['PORT'] = String((isContainer ? input.service.spec.port : null) ?? input.address.port)
  }
  return environment
}

/** `ORDER_ITEMS_URL`, `ORDER_ITEMS_SERVICE_HOST` and `ORDER_ITEMS_SERVICE_PORT` for a service `order-items`. */
function discoveryOf(name: string, address: Address, app: AppSpec): Record<string, string> {
  const [url, host, port] = discoveryNames(name)
  const scheme = app.services[name]?.revision.protocol === 'tcp' ? 'tcp' : 'http'
  return {
    [url]: `${scheme}://${address.host}:${address.port}`,
    [host]: address.host,
    [port]: String(address.port),
  }
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
