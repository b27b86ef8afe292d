import type { Diagnostic, RouteMatch, RouteSpec } from '@pando/model'
import { isMistake, parseDuration, quote } from '../units.js'
import { validate } from '../validation.js'
import type { Path, Source } from '../source.js'
import { readBackends } from './backends.js'
import { DocumentReading, type Documents } from './document-reading.js'
import { readFilters } from './filters.js'
import { readGrpcMatch, readHttpMatch } from './matches.js'
import {
  grpcRouteSchema,
  httpRouteSchema,
  type GrpcMatchInput,
  type GrpcRouteInput,
  type HttpMatchInput,
  type HttpRouteInput,
  type RuleInput,
} from './schema.js'

type Report = (diagnostic: Diagnostic) => void

/** Reads documents; what is wrong with them, and what is not supported, is reported with its place. */
export function readDocuments(sources: readonly Source[], report: Report): Documents {
  const routes: RouteSpec[] = []
  const references: Documents['references'][number][] = []
  const seen = new Map<string, string>()
  for (const source of sources) {
    for (const diagnostic of source.diagnostics) report(diagnostic)
    if (source.value === null || source.diagnostics.length > 0) continue
    const document = open(source, report)
    if (document === null) continue
    const { metadata, kind } = document
    const id = `${kind.toLowerCase()}/${metadata.namespace ?? 'default'}/${metadata.name}`
    const before = seen.get(id)
    if (before !== undefined) {
      const message = `the ${kind} ${quote(metadata.name)} is at ${before} already`
      report(source.mistake(['metadata', 'name'], 'value', message))
      continue
    }
    const { file, line } = source.mistake(['metadata', 'name'], 'value', '')
    seen.set(id, `${file}:${line}`)
    const reading = new DocumentReading(source, kind, metadata.namespace ?? 'default', report)
    routes.push(...readRoute(document, id, reading))
    references.push(...reading.references)
  }
  return { routes, references }
}

/** A document of one of the two kinds whose shape is right; otherwise null, and why is reported. */
function open(source: Source, report: Report): HttpRouteInput | GrpcRouteInput | null {
  const { kind } = (source.value ?? {}) as { kind?: unknown }
  if (kind !== 'HTTPRoute' && kind !== 'GRPCRoute') {
    const hint = 'give only those files that hold routes; gateway and services are in the manifest'
    const message = `expected a document of kind HTTPRoute or GRPCRoute, got ${kind === undefined ? 'none' : quote(kind)}`
    report(source.mistake(['kind'], 'value', message, hint))
    return null
  }
  const schema = kind === 'HTTPRoute' ? httpRouteSchema : grpcRouteSchema
  const { data, diagnostics } = validate<HttpRouteInput | GrpcRouteInput>(schema, source.value, source, [])
  for (const diagnostic of diagnostics) report(diagnostic)
  return data
}

function readRoute({ spec }: HttpRouteInput | GrpcRouteInput, id: string, reading: DocumentReading): RouteSpec[] {
  if (spec.useDefaultGateways !== undefined) reading.refuse('useDefaultGateways', ['spec', 'useDefaultGateways'])
  for (const [index, parent] of (spec.parentRefs ?? []).entries()) {
    for (const field of ['sectionName', 'port'] as const) {
      if (parent[field] !== undefined) reading.refuse(`parentRefs.${field}`, ['spec', 'parentRefs', index, field])
    }
  }
  const hosts = spec.hostnames ?? []
  if (spec.rules === undefined) reading.mistake(['spec'], 'a route without rules routes nothing')
  return (spec.rules ?? []).map((rule, index) => {
    const at: Path = ['spec', 'rules', index]
    if (rule.retry !== undefined) reading.refuse('retry', [...at, 'retry'])
    if (rule.sessionPersistence !== undefined) reading.refuse('sessionPersistence', [...at, 'sessionPersistence'])
    const matches = readMatches(rule, at, reading)
    const isOnePrefix = matches.length === 1 && matches[0]?.path.type === 'prefix'
    const { filters, mirror, hasRedirect } = readFilters(rule, at, reading, isOnePrefix)
    return {
      // Ties are decided by this name: namespace, name, and the rules in their order.
      name: `${id}/${String(index).padStart(2, '0')}`,
      hosts,
      matches,
      filters,
      backends: readBackends(rule, at, reading, hasRedirect),
      timeouts: readTimeouts(rule, at, reading),
      ...(mirror === null ? {} : { mirror }),
    }
  })
}

function readMatches(rule: RuleInput, at: Path, reading: DocumentReading): RouteMatch[] {
  // A rule without matches takes every request.
  const written = rule.matches === undefined || rule.matches.length === 0 ? [{}] : rule.matches
  return written.map((match, index) => {
    const path = [...at, 'matches', index]
    return reading.kind === 'HTTPRoute'
      ? readHttpMatch(match as HttpMatchInput, path, reading)
      : readGrpcMatch(match as GrpcMatchInput, path, reading)
  })
}

/** `0s` turns a timeout off. */
function readTimeouts({ timeouts = {} }: RuleInput, at: Path, reading: DocumentReading): RouteSpec['timeouts'] {
  const read = (key: 'request' | 'backendRequest'): number | null => {
    if (timeouts[key] === undefined) return null
    const ms = /^(0+(h|ms|m|s))+$/.test(timeouts[key]) ? 0 : parseDuration(timeouts[key])
    if (!isMistake(ms)) return ms
    reading.mistake([...at, 'timeouts', key], ms.mistake)
    return null
  }
  const requestMs = read('request')
  const backendRequestMs = read('backendRequest')
  if (requestMs !== null && requestMs > 0 && backendRequestMs !== null && backendRequestMs > requestMs) {
    reading.mistake([...at, 'timeouts', 'backendRequest'], 'backendRequest is longer than request, which holds it')
  }
  return { requestMs, backendRequestMs: backendRequestMs === 0 ? null : backendRequestMs }
}
