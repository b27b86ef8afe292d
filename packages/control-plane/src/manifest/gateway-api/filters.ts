import { whyFixed, type HeaderEdit, type MirrorSpec, type RouteFilter } from '@pando/model'
import { pathMistake } from '../route.js'
import type { Path } from '../source.js'
import { readBackend } from './backends.js'
import type { DocumentReading } from './document-reading.js'
import type { FilterInput, RuleInput } from './schema.js'

/** As in a manifest that says nothing of its own. */
const mirroredBodyBytes = 64 * 1024

export interface ReadFilters {
  readonly filters: readonly RouteFilter[]
  readonly mirror: MirrorSpec | null
  readonly hasRedirect: boolean
}

const fields = {
  RequestHeaderModifier: 'requestHeaderModifier',
  ResponseHeaderModifier: 'responseHeaderModifier',
  RequestMirror: 'requestMirror',
  RequestRedirect: 'requestRedirect',
  URLRewrite: 'urlRewrite',
  ExtensionRef: 'extensionRef',
  CORS: 'cors',
  ExternalAuth: 'externalAuth',
} as const

/** `isOnePrefix`: the rule has one match, and its path is a prefix, so that there is one to replace. */
export function readFilters(rule: RuleInput, at: Path, reading: DocumentReading, isOnePrefix: boolean): ReadFilters {
  const filters: RouteFilter[] = []
  let mirror: MirrorSpec | null = null
  const seen = new Set<string>()
  for (const [index, filter] of (rule.filters ?? []).entries()) {
    const { type } = filter as FilterInput
    const path = [...at, 'filters', index]
    const field = fields[type]
    if (type === 'ExtensionRef' || type === 'CORS' || type === 'ExternalAuth') {
      reading.refuse(`filter ${type}`, path)
      continue
    }
    if (seen.has(type)) {
      if (type === 'RequestMirror') reading.refuse('a second RequestMirror', path)
      else reading.mistake([...path, 'type'], `${type} is there twice`)
    }
    seen.add(type)
    for (const other of Object.values(fields)) {
      if (other !== field && (filter as FilterInput)[other] !== undefined)
        reading.mistake([...path, other], `a filter of type ${type} has no ${other}`)
    }
    if ((filter as FilterInput)[field] === undefined) {
      reading.mistake(path, `a filter of type ${type} needs ${field}`)
      continue
    }
    const context = { filter: filter as FilterInput, path: [...path, field], reading, isOnePrefix }
    if (type === 'RequestMirror') mirror ??= readMirror(context)
    else filters.push(...readFilter(context))
  }
  const hasRedirect = seen.has('RequestRedirect')
  if (hasRedirect && seen.has('URLRewrite')) {
    reading.mistake([...at, 'filters'], 'a rule either rewrites or redirects')
  }
  return { filters, mirror, hasRedirect }
}

interface FilterContext {
  readonly filter: FilterInput
  readonly path: Path
  readonly reading: DocumentReading
  readonly isOnePrefix: boolean
}

function readFilter(context: FilterContext): RouteFilter[] {
  const { requestHeaderModifier, responseHeaderModifier, requestRedirect, urlRewrite, type } = context.filter
  if (type === 'RequestHeaderModifier' && requestHeaderModifier !== undefined)
    return [{ type: 'requestHeaders', ...readEdit(requestHeaderModifier, 'request', context) }]
  if (type === 'ResponseHeaderModifier' && responseHeaderModifier !== undefined)
    return [{ type: 'responseHeaders', ...readEdit(responseHeaderModifier, 'response', context) }]
  if (type === 'URLRewrite' && urlRewrite !== undefined)
    return [{ type: 'rewrite', host: urlRewrite.hostname ?? null, path: readPathEdit(urlRewrite.path, context) }]
  if (requestRedirect === undefined) return []
  const { scheme = null, hostname = null, port = null, statusCode = 302, path } = requestRedirect
  return [{ type: 'redirect', scheme, host: hostname, port, path: readPathEdit(path, context), status: statusCode }]
}

type EditInput = NonNullable<FilterInput['requestHeaderModifier']>

function readEdit(input: EditInput, side: 'request' | 'response', { path, reading }: FilterContext): HeaderEdit {
  const check = (name: string, at: Path): void => {
    const fixed = whyFixed(name, side)
    if (fixed !== null) reading.mistake([...path, ...at], `the header "${name}" cannot be edited`, fixed)
  }
  const record = (key: 'set' | 'add'): Record<string, string> => {
    const entries = new Map<string, string>()
    for (const [index, { name, value }] of (input[key] ?? []).entries()) {
      check(name, [key, index, 'name'])
      if (/[\r\n\0]/.test(value)) reading.mistake([...path, key, index, 'value'], 'a header value is one line')
      // Of several entries with one name the first counts, and the others are ignored (HTTPHeaderFilter).
      if (!entries.has(name.toLowerCase())) entries.set(name.toLowerCase(), value)
    }
    return Object.fromEntries(entries)
  }
  for (const [index, name] of (input.remove ?? []).entries()) check(name, ['remove', index])
  return { set: record('set'), add: record('add'), remove: (input.remove ?? []).map((name) => name.toLowerCase()) }
}

type PathInput = NonNullable<FilterInput['urlRewrite']>['path']

function readPathEdit(
  input: PathInput,
  { path, reading, isOnePrefix }: FilterContext,
): { readonly type: 'prefix' | 'full'; readonly value: string } | null {
  if (input === undefined) return null
  const isPrefix = input.type === 'ReplacePrefixMatch'
  const field = isPrefix ? 'replacePrefixMatch' : 'replaceFullPath'
  const written = input[field]
  if (written === undefined) {
    reading.mistake([...path, 'path'], `a path of type ${input.type} needs ${field}`)
    return null
  }
  if (isPrefix && !isOnePrefix) {
    reading.mistake([...path, 'path', 'type'], 'ReplacePrefixMatch needs a rule with one match, of a PathPrefix')
  }
  const value = written === '' ? '/' : written
  const wrong = pathMistake(value)
  if (wrong !== null) reading.mistake([...path, 'path', field], wrong.message, wrong.hint)
  return { type: isPrefix ? 'prefix' : 'full', value }
}

function readMirror({ filter, path, reading }: FilterContext): MirrorSpec | null {
  const { requestMirror } = filter
  if (requestMirror === undefined) return null
  const { backendRef, percent, fraction } = requestMirror
  if (reading.kind === 'GRPCRoute') {
    reading.refuse('RequestMirror in a GRPCRoute', path)
    return null
  }
  if (percent !== undefined && fraction !== undefined) {
    reading.mistake([...path, 'fraction'], 'write either percent or fraction')
  }
  const service = readBackend(backendRef, [...path, 'backendRef'], reading, 'http')
  if (service === null) return null
  const share = fraction === undefined ? (percent ?? 100) : (fraction.numerator / (fraction.denominator ?? 100)) * 100
  if (share > 100) reading.mistake([...path, 'fraction'], 'a fraction is at most 1')
  return { service, percent: Math.min(100, share), maxBodyBytes: mirroredBodyBytes }
}
