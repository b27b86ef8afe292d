import { PandoError } from '@pando/model'
import type { Endpoint, Registration } from '@pando/model'

/** Limits of self-registration, on by default. */
export interface RegistryLimits {
  readonly services: number
  readonly endpointsPerService: number
  readonly endpoints: number
  readonly watchers: number
}

export const defaultRegistryLimits: RegistryLimits = {
  services: 1_000,
  endpointsPerService: 10_000,
  endpoints: 20_000,
  watchers: 1_024,
}

const maxMetadataEntries = 64
const maxMetadataBytes = 8_192
const states: readonly string[] = ['starting', 'healthy', 'unhealthy', 'draining']

/** A DNS label, as it becomes a host name (RFC 1123, section 2.1). */
const servicePattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
const idPattern = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/
const hostPattern = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$|^[0-9A-Fa-f:.]{2,45}$/

/** The endpoint that a registration asks for, with its defaults; throws `usage` that names the field which is wrong. */
export function toEndpoint(service: string, id: string, registration: Registration): Endpoint {
  if (!servicePattern.test(service)) {
    throw usage(`${JSON.stringify(service)} is no service name: lower-case letters, digits and "-", 1 to 63 of them`)
  }
  if (!idPattern.test(id)) {
    throw usage(`${JSON.stringify(id)} is no endpoint id: letters, digits and . _ : -, 1 to 128 of them`)
  }
  const { address, ttl, state = 'healthy', weight = 100, revision = null, metadata = {} } = registration
  if (!hostPattern.test(address.host))
    throw usage(`address.host: ${JSON.stringify(address.host)} is no host name or IP address`)
  if (!isWithin(address.port, 1, 65_535)) throw usage('address.port: must be a whole number from 1 to 65535')
  if (!Number.isFinite(ttl) || ttl < 1 || ttl > 3_600) throw usage('ttl: must be 1 to 3600 seconds')
  if (!states.includes(state)) throw usage(`state: must be one of ${states.join(', ')}`)
  if (!isWithin(weight, 0, 1_000)) throw usage('weight: must be a whole number from 0 to 1000')
  if (revision !== null && (revision.length === 0 || revision.length > 64)) throw usage('revision: 1 to 64 characters')
  checkMetadata(metadata)
  return {
    id,
    service,
    address: { host: address.host, port: address.port },
    state,
    revision,
    weight,
    metadata: { ...metadata },
    source: 'self',
  }
}

/** Whether two endpoints say the same, whatever the order of their metadata. */
export function isSameEndpoint(a: Endpoint, b: Endpoint): boolean {
  if (a === b) return true
  const names = Object.keys(a.metadata)
  return (
    a.id === b.id &&
    a.service === b.service &&
    a.address.host === b.address.host &&
    a.address.port === b.address.port &&
    a.state === b.state &&
    a.revision === b.revision &&
    a.weight === b.weight &&
    a.source === b.source &&
    names.length === Object.keys(b.metadata).length &&
    names.every((name) => Object.hasOwn(b.metadata, name) && a.metadata[name] === b.metadata[name])
  )
}

function checkMetadata(metadata: Readonly<Record<string, string>>): void {
  const entries = Object.entries(metadata)
  if (entries.length > maxMetadataEntries) throw usage(`metadata: at most ${maxMetadataEntries} entries`)
  let bytes = 0
  for (const [name, value] of entries) {
    if (typeof value !== 'string') throw usage(`metadata.${name}: must be a string`)
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value)
  }
  if (bytes > maxMetadataBytes) throw usage(`metadata: at most ${maxMetadataBytes} bytes in all`)
}

function isWithin(value: number, low: number, high: number): boolean {
  return Number.isInteger(value) && value >= low && value <= high
}

function usage(message: string): PandoError {
  return new PandoError('usage', message)
}
