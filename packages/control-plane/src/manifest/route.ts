import { domainToASCII } from 'node:url'
import type {
  Diagnostic,
  HeaderEdit,
  PathMatch,
  RouteBackend,
  RouteFilter,
  RouteMatch,
  RouteSpec,
  ValueMatch,
} from '@pando/model'
import { whyFixed } from '@pando/model'
import { readRouteAuth } from './authentication.js'
import { perTryMs, readRouteResilience } from './route-resilience.js'
import type { RouteInput } from './route-schema.js'
import { readRouteTraffic } from './route-traffic.js'
import type { Path, Source } from './source.js'
import { isMistake, parseDuration, quote } from './units.js'

export interface RouteContext {
  readonly service: string
  readonly index: number
  readonly source: Source
  /** Where the route is written. */
  readonly path: Path
  readonly report: (diagnostic: Diagnostic) => void
}

type MatchInput = Pick<RouteInput, 'path' | 'method' | 'headers' | 'query'>
type ValueInput = NonNullable<MatchInput['headers']>[string]
type Report = (path: Path, message: string, hint?: string) => void

/** A route as written, made whole: short forms opened, defaults filled in, names in lower case. Mistakes are reported. */
export function readRoute(input: string | RouteInput, context: RouteContext): RouteSpec {
  const report: Report = (path, message, hint) =>
    context.report(context.source.mistake([...context.path, ...path], 'value', message, hint))
  const route = typeof input === 'string' ? openShortForm(input) : input
  const at = (path: Path): Path => (typeof input === 'string' ? [] : path)

  if (route.host !== undefined && route.hosts !== undefined) report(['hosts'], 'write either "host" or "hosts"')
  const hosts = route.hosts ?? (route.host === undefined ? [] : [route.host])
  const hostPath = (index: number): Path => at(route.hosts === undefined ? ['host'] : ['hosts', index])

  const isFlat = [route.path, route.method, route.headers, route.query].some((field) => field !== undefined)
  if (route.matches !== undefined && isFlat) {
    report(['matches'], '"matches" stands instead of path, method, headers and query', 'put them into the matches')
  }
  const matches = (route.matches ?? [route]).map((match, index) =>
    readMatch(match, (path, message, hint) =>
      report(at(route.matches ? ['matches', index, ...path] : path), message, hint),
    ),
  )

  const filters = readFilters(route, matches, report)
  const hasRedirect = route.redirect !== undefined
  if (hasRedirect && route.backends !== undefined) {
    report(['backends'], 'a route with a redirect sends nothing to a service', 'take out "backends" or "redirect"')
  }
  return {
    name: `${context.service}/${context.index}`,
    hosts: hosts.map((host, index) => readHost(host, '*.', (message, hint) => report(hostPath(index), message, hint))),
    matches,
    filters,
    backends: hasRedirect ? [] : readBackends(route, context.service, report),
    timeouts: {
      requestMs: milliseconds(route.timeouts?.request),
      backendRequestMs: perTryMs(route),
    },
    ...readRouteResilience(route, report),
    ...readRouteTraffic(route, report),
    ...(route.auth === undefined ? {} : { auth: readRouteAuth(route.auth) }),
  }
}

/** `/users`, `example.org/users` or `example.org`. */
function openShortForm(text: string): RouteInput {
  const slash = text.indexOf('/')
  if (slash === 0) return { path: text }
  if (slash === -1) return { host: text }
  return { host: text.slice(0, slash), path: text.slice(slash) }
}

function readMatch(input: MatchInput, report: Report): RouteMatch {
  const method = input.method?.toUpperCase() ?? null
  if (method !== null && !/^[A-Z][A-Z-]*$/.test(method)) report(['method'], `${quote(method)} is not an HTTP method`)
  if (method === 'CONNECT') report(['method'], 'CONNECT cannot be routed')
  const names = new Set<string>()
  for (const name of Object.keys(input.headers ?? {})) {
    if (names.has(name.toLowerCase())) report(['headers', name], `the header ${quote(name)} is there twice`)
    names.add(name.toLowerCase())
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) report(['headers', name], `${quote(name)} is not a header name`)
  }
  return {
    path: readPathMatch(input.path ?? '/', report),
    method,
    headers: readValueMatches(input.headers, 'headers', report),
    query: readValueMatches(input.query, 'query', report),
  }
}

function readValueMatches(record: MatchInput['headers'], key: 'headers' | 'query', report: Report): ValueMatch[] {
  return Object.entries(record ?? {}).map(([name, value]) =>
    readValueMatch(key === 'headers' ? name.toLowerCase() : name, value, (path, message) =>
      report([key, name, ...path], message),
    ),
  )
}

function readValueMatch(name: string, value: ValueInput, report: Report): ValueMatch {
  if (typeof value !== 'object') return { name, type: 'exact', value: String(value) }
  onlyOne(value, report)
  if (value.exact !== undefined) return { name, type: 'exact', value: String(value.exact) }
  if (value.prefix !== undefined) return { name, type: 'prefix', value: value.prefix }
  return { name, type: 'present' }
}

function onlyOne(value: object, report: Report): void {
  const keys = Object.keys(value)
  if (keys.length === 0) report([], 'the map is empty')
  else if (keys.length > 1) report([], `write one of ${keys.join(' and ')}, not both`)
}

function readPathMatch(input: NonNullable<MatchInput['path']>, report: Report): PathMatch {
  if (typeof input !== 'string') onlyOne(input, (path, message) => report(['path', ...path], message))
  const [type, value, where]: [PathMatch['type'], string, Path] =
    typeof input === 'string'
      ? ['prefix', input, ['path']]
      : input.exact !== undefined
        ? ['exact', input.exact, ['path', 'exact']]
        : input.pattern !== undefined
          ? ['pattern', input.pattern, ['path', 'pattern']]
          : ['prefix', input.prefix ?? '/', ['path', 'prefix']]
  const isPattern = type === 'pattern'
  const wrong = pathMistake(value, isPattern)
  if (wrong !== null) report(where, wrong.message, wrong.hint)
  // A prefix is of whole segments, so a slash at its end says nothing: /users/ and /users match the same (Gateway API, PathPrefix).
  return { type, value: type === 'prefix' && value.length > 1 ? value.replace(/\/$/, '') : value }
}

/** What keeps a path from ever matching: the gateway matches on a normal form that has none of these. */
export function pathMistake(path: string, isPattern = false): { message: string; hint?: string } | null {
  if (!path.startsWith('/')) return { message: `a path begins with a slash: ${quote(`/${path}`)}` }
  if (/[?#]/.test(path)) return { message: 'a path has no ? and no #', hint: 'match query parameters under "query"' }
  const segments = path.slice(1).split('/')
  if (segments.slice(0, -1).includes('')) return { message: 'a path has no empty segment (//)' }
  if (segments.some((segment) => segment === '.' || segment === '..'))
    return { message: 'a path has no . and .. segments' }
  const names = new Set<string>()
  for (const [index, segment] of segments.entries()) {
    const [, name, rest] = /^\{([A-Za-z_][A-Za-z0-9_]*)(\.\.\.)?\}$/.exec(segment) ?? []
    if (name !== undefined) {
      if (!isPattern) return { message: `${quote(segment)} is a pattern`, hint: `write { pattern: ${path} }` }
      if (rest !== undefined && index < segments.length - 1)
        return { message: `${quote(segment)} can only be the last segment` }
      if (names.has(name)) return { message: `the name ${quote(name)} is there twice` }
      names.add(name)
    } else if (/[*{}]/.test(segment) && (isPattern || segment !== '*')) {
      return {
        message: `${quote(segment)} is no segment of a pattern`,
        hint: 'a segment is text, {name} or, at the end, {name...}',
      }
    } else if (segment === '*') {
      return {
        message: 'a path has no *',
        hint: 'a path is a prefix already; for one segment write { pattern: /users/{id} }',
      }
    } else if (!/^(?:[A-Za-z0-9\-._~!$&'()+,;=:@]|%[0-9A-Fa-f]{2})*$/.test(segment)) {
      return {
        message: `${quote(segment)} has characters that a path cannot have`,
        hint: 'write them percent-encoded (RFC 3986, section 3.3)',
      }
    }
  }
  return null
}

/** A host in lower case. `wildcard` is what it may begin with besides. */
function readHost(host: string, wildcard: string, report: (message: string, hint?: string) => void): string {
  const lower = host.toLowerCase()
  const name = wildcard !== '' && lower.startsWith(wildcard) ? lower.slice(wildcard.length) : lower
  if (/:\d+$/.test(name)) report(`${quote(host)} has a port`, 'routes match the host without its port')
  else if (
    name.length > 253 ||
    !/^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/.test(name)
  ) {
    const sent = domainToASCII(name)
    const isInternational = /[^\0-\x7f]/.test(name) && sent !== ''
    const hint = isInternational
      ? `write it as browsers send it: ${lower.slice(0, lower.length - name.length)}${sent}`
      : 'write for example example.org, *.example.org, or /path for every host'
    report(`${quote(host)} is not a host name`, hint)
  }
  return lower
}

function readFilters(route: RouteInput, matches: readonly RouteMatch[], report: Report): RouteFilter[] {
  const filters: RouteFilter[] = []
  if (route.request_headers) filters.push({ type: 'requestHeaders', ...readEdit(route.request_headers) })
  if (route.response_headers) filters.push({ type: 'responseHeaders', ...readEdit(route.response_headers) })
  for (const side of ['request', 'response'] as const) {
    const key = `${side}_headers` as const
    const refuseFixed = (name: string, ...path: Path): void => {
      const fixed = whyFixed(name, side)
      if (fixed !== null) report([key, ...path], `the header ${quote(name)} cannot be edited`, fixed)
    }
    for (const field of ['set', 'add'] as const) {
      for (const [name, value] of Object.entries(route[key]?.[field] ?? {})) {
        refuseFixed(name, field, name)
        if (/[\r\n\0]/.test(String(value))) report([key, field, name], 'a header value is one line')
      }
    }
    for (const [index, name] of (route[key]?.remove ?? []).entries()) refuseFixed(name, 'remove', index)
  }

  const isPrefix = matches.every(({ path }) => path.type === 'prefix')
  const needsPrefix = (path: Path): void => {
    if (!isPrefix) report(path, 'only a route whose paths are prefixes has a prefix to replace')
  }
  const stripsPrefix = String(route.strip_prefix) === 'true'
  if (stripsPrefix && route.rewrite?.path !== undefined)
    report(['strip_prefix'], 'write either strip_prefix or rewrite.path')
  if (stripsPrefix && route.rewrite?.prefix !== undefined)
    report(['strip_prefix'], 'write either strip_prefix or rewrite.prefix')
  if (stripsPrefix) needsPrefix(['strip_prefix'])
  for (const key of ['rewrite', 'redirect'] as const) {
    const target = route[key]
    if (target?.path !== undefined && target.prefix !== undefined) report([key], 'write either "path" or "prefix"')
    if (target?.prefix !== undefined) needsPrefix([key, 'prefix'])
    for (const field of ['path', 'prefix'] as const) {
      const wrong = target?.[field] === undefined ? null : pathMistake(target[field])
      if (wrong !== null) report([key, field], wrong.message, wrong.hint)
    }
    if (target !== undefined && Object.keys(target).length === 0) report([key], `an empty ${key} changes nothing`)
  }
  const { rewrite, redirect } = route
  const hostOf = (key: 'rewrite' | 'redirect', host: string | undefined): string | null =>
    host === undefined ? null : readHost(host, '', (message, hint) => report([key, 'host'], message, hint))
  if (rewrite !== undefined || stripsPrefix) {
    filters.push({
      type: 'rewrite',
      host: hostOf('rewrite', rewrite?.host),
      path: stripsPrefix ? { type: 'prefix', value: '/' } : pathOf(rewrite ?? {}),
    })
  }
  if (redirect !== undefined) {
    if (rewrite !== undefined || stripsPrefix) report(['redirect'], 'a route either rewrites or redirects')
    filters.push({
      type: 'redirect',
      scheme: redirect.scheme ?? null,
      host: hostOf('redirect', redirect.host),
      port: redirect.port === undefined ? null : Number(redirect.port),
      path: pathOf(redirect),
      status: redirect.status ?? 302,
    })
  }
  return filters
}

function readEdit(input: NonNullable<RouteInput['request_headers']>): HeaderEdit {
  return {
    set: textRecord(input.set),
    add: textRecord(input.add),
    remove: (input.remove ?? []).map((name) => name.toLowerCase()),
  }
}

function textRecord(values: Record<string, string | number | boolean> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(values ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]))
}

type PathTarget = { readonly type: 'prefix' | 'full'; readonly value: string } | null

function pathOf(target: { readonly path?: string | undefined; readonly prefix?: string | undefined }): PathTarget {
  if (target.path !== undefined) return { type: 'full', value: target.path }
  return target.prefix === undefined ? null : { type: 'prefix', value: target.prefix }
}

function readBackends(route: RouteInput, service: string, report: Report): RouteBackend[] {
  if (route.backends === undefined) return [{ service, weight: 1 }]
  const backends = route.backends.map((backend) => ({
    service: backend.service,
    weight: backend.weight === undefined ? 1 : Number(backend.weight),
  }))
  const seen = new Set<string>()
  for (const [index, backend] of backends.entries()) {
    if (seen.has(backend.service)) report(['backends', index, 'service'], `${quote(backend.service)} is there twice`)
    seen.add(backend.service)
  }
  if (backends.every(({ weight }) => weight === 0))
    report(['backends'], 'every weight is 0, so nothing would be answered')
  return backends
}

function milliseconds(text: string | number | undefined): number | null {
  if (text === undefined) return null
  const ms = parseDuration(text)
  return isMistake(ms) ? null : ms
}
