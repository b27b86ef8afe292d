import type { RouteMatch, ValueMatch } from '@pando/model'
import { pathMistake } from '../route.js'
import type { Path } from '../source.js'
import type { DocumentReading } from './document-reading.js'
import type { GrpcMatchInput, HttpMatchInput } from './schema.js'

/** What tells calls of gRPC from other requests with the same path. */
const isGrpc: ValueMatch = { name: 'content-type', type: 'prefix', value: 'application/grpc' }

export function readHttpMatch(input: HttpMatchInput, at: Path, reading: DocumentReading): RouteMatch {
  const { type = 'PathPrefix', value = '/' } = input.path ?? {}
  const path = [...at, 'path']
  if (type === 'RegularExpression') reading.refuse('path RegularExpression', [...path, 'type'])
  else {
    const wrong = pathMistake(value)
    if (wrong !== null) reading.mistake([...path, 'value'], wrong.message, wrong.hint)
  }
  if (input.method === 'CONNECT') reading.mistake([...at, 'method'], 'CONNECT cannot be routed')
  const trimmed = value.length > 1 ? value.replace(/\/$/, '') : value
  return {
    path: type === 'Exact' ? { type: 'exact', value } : { type: 'prefix', value: trimmed },
    method: input.method ?? null,
    headers: readValues(input.headers, [...at, 'headers'], 'headers', reading),
    query: readValues(input.queryParams, [...at, 'queryParams'], 'queryParams', reading),
  }
}

/**
 * A call's path is `/service/method`. Patterns keep the order that the API asks for: both named, then the service alone, then the method alone.
 */
export function readGrpcMatch(input: GrpcMatchInput, at: Path, reading: DocumentReading): RouteMatch {
  const { type = 'Exact', service, method } = input.method ?? {}
  if (type === 'RegularExpression') reading.refuse('method RegularExpression', [...at, 'method', 'type'])
  if (input.method !== undefined && service === undefined && method === undefined) {
    reading.mistake([...at, 'method'], 'a method match names a service, a method or both')
  }
  const headers = readValues(input.headers, [...at, 'headers'], 'headers', reading)
  return { path: callPath(service, method), method: 'POST', headers: [isGrpc, ...headers], query: [] }
}

function callPath(service: string | undefined, method: string | undefined): RouteMatch['path'] {
  if (service !== undefined && method !== undefined) return { type: 'exact', value: `/${service}/${method}` }
  if (service !== undefined) return { type: 'pattern', value: `/${service}/{method}` }
  if (method !== undefined) return { type: 'pattern', value: `/{service}/${method}` }
  return { type: 'prefix', value: '/' }
}

type ValueInput = NonNullable<HttpMatchInput['headers']>

/** Of several entries with one name the first counts, and the others are ignored (HTTPHeaderMatch). */
function readValues(
  written: ValueInput | undefined,
  path: Path,
  what: 'headers' | 'queryParams',
  reading: DocumentReading,
): ValueMatch[] {
  const found = new Map<string, ValueMatch>()
  for (const [index, { type, name, value }] of (written ?? []).entries()) {
    if (type === 'RegularExpression') reading.refuse(`${what} RegularExpression`, [...path, index, 'type'])
    const key = what === 'headers' ? name.toLowerCase() : name
    if (!found.has(key)) found.set(key, { name: key, type: 'exact', value })
  }
  return [...found.values()]
}
