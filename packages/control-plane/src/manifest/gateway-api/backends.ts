import type { RouteBackend } from '@pando/model'
import type { Path } from '../source.js'
import type { DocumentReading, Reference } from './document-reading.js'
import type { RuleInput } from './schema.js'

type BackendInput = Omit<NonNullable<RuleInput['backendRefs']>[number], 'weight' | 'filters'>

/** The service that is named; null when it can be none of the app's. The port is that of a Kubernetes Service, of which a service of the app has one. */
export function readBackend(
  input: BackendInput,
  path: Path,
  reading: DocumentReading,
  protocol: Reference['protocol'],
): string | null {
  if ((input.group ?? '') !== '' || (input.kind ?? 'Service') !== 'Service') {
    const written = input.kind === undefined || input.kind === 'Service' ? 'group' : 'kind'
    reading.refuse('a kind of backend other than Service', [...path, written])
    return null
  }
  if (input.namespace !== undefined && input.namespace !== reading.namespace) {
    reading.refuse('backendRefs.namespace', [...path, 'namespace'])
  }
  reading.references.push({ service: input.name, protocol, source: reading.source, path: [...path, 'name'] })
  return input.name
}

/** Weighted, each service once. */
export function readBackends(
  rule: RuleInput,
  at: Path,
  reading: DocumentReading,
  hasRedirect: boolean,
): RouteBackend[] {
  const written = rule.backendRefs ?? []
  const path = [...at, 'backendRefs']
  if (hasRedirect) {
    if (written.length > 0) reading.mistake(path, 'a rule with a redirect sends nothing to a service')
    return []
  }
  if (written.length === 0) {
    reading.mistake(at, 'a rule without backendRefs would answer every request with 500', 'name a service, or redirect')
    return []
  }
  const weights = new Map<string, number>()
  for (const [index, backend] of written.entries()) {
    if (backend.filters !== undefined) reading.refuse('backendRefs.filters', [...path, index, 'filters'])
    const service = readBackend(backend, [...path, index], reading, reading.kind === 'GRPCRoute' ? 'grpc' : null)
    if (service !== null) weights.set(service, (weights.get(service) ?? 0) + (backend.weight ?? 1))
  }
  if (weights.size > 0 && [...weights.values()].every((weight) => weight === 0)) {
    reading.mistake(path, 'every weight is 0, so nothing would be answered')
  }
  return [...weights].map(([service, weight]) => ({ service, weight }))
}
