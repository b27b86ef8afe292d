import type { PathMatch, RouteMatch, RouteSpec, RouteStatus } from '@pando/model'
import { renderTable, type TableOptions } from './table.js'

export function renderRoutes(routes: readonly RouteStatus[], options: TableOptions): string {
  const { paint } = options
  const hasPolicies = routes.some(({ route }) => policiesOf(route) !== '')
  return renderTable(
    ['ROUTE', 'HOST', 'MATCH', 'TO', 'HEALTHY', ...(hasPolicies ? ['POLICIES'] : [])],
    routes.map(({ route, healthy }) => [
      route.name,
      route.hosts.length === 0 ? '*' : route.hosts.join(' '),
      route.matches.length === 0 ? '/*' : route.matches.map(renderMatch).join(' or '),
      targetOf(route),
      healthy === 0 && route.backends.length > 0 ? paint.red('0') : String(healthy),
      ...(hasPolicies ? [policiesOf(route)] : []),
    ]),
    options,
  )
}

/** In the manifest's words, in the order in which the gateway asks them. */
const policies: readonly (readonly [key: keyof RouteSpec, word: string])[] = [
  ['ip', 'ip'],
  ['cors', 'cors'],
  ['fault', 'fault'],
  ['rateLimit', 'rate_limit'],
  ['mirror', 'mirror'],
  ['sizes', 'limits'],
  ['compress', 'compress'],
  ['cache', 'cache'],
  ['securityHeaders', 'security_headers'],
  ['retry', 'retry'],
  ['hedge', 'hedge'],
]

function policiesOf(route: RouteSpec): string {
  const { auth } = route
  const who = auth === undefined || auth === null ? [] : [`auth ${auth.anyOf.join('|')}`]
  const others = policies.filter(([key]) => route[key] !== undefined && route[key] !== null).map(([, word]) => word)
  return [...who, ...others].join(', ')
}

function renderMatch(match: RouteMatch): string {
  const parts = [match.method ?? '', renderPath(match.path)]
  for (const header of match.headers) parts.push(`${header.name}:${'value' in header ? header.value : '*'}`)
  for (const field of match.query) parts.push(`?${field.name}=${'value' in field ? field.value : '*'}`)
  return parts.filter((part) => part !== '').join(' ')
}

function renderPath(path: PathMatch): string {
  if (path.type !== 'prefix') return path.value
  return path.value.endsWith('/') ? `${path.value}*` : `${path.value}/*`
}

function targetOf(route: RouteStatus['route']): string {
  const redirect = route.filters.find((filter) => filter.type === 'redirect')
  if (redirect !== undefined) return `redirect ${redirect.status}`
  if (route.backends.length === 1) return route.backends[0]?.service ?? ''
  const total = route.backends.reduce((sum, backend) => sum + backend.weight, 0)
  return route.backends
    .map(({ service, weight }) => `${service} ${total === 0 ? 0 : Math.round((weight / total) * 100)}%`)
    .join(' ')
}
