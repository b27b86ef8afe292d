import type { GatewayConfig, GatewayLimits, GatewayService, RouteSpec, RoutingTable } from '@pando/model'
import { Compression } from '../compression/compression.js'
import type { RequestView } from '../http1/request-view.js'
import { compileMirror } from '../mirror/compiled-mirror.js'
import { GatewayMetrics, type ServiceMetrics } from '../metrics/gateway-metrics.js'
import { Policies } from '../policy/policies.js'
import type { StrayEdit } from '../policy/policy-kind.js'
import { HedgeRule } from '../resilience/hedge-rule.js'
import { RetryRules } from '../resilience/retry-rules.js'
import { UpstreamEndpoint, UpstreamService } from '../upstream.js'
import { CompiledRoute } from './compiled-route.js'
import { compileConditions } from './conditions.js'
import { compileEdits } from './header-edit.js'
import { hasPathParameters, withoutPathParameters } from './path-parameters.js'
import { comparePaths, compilePath, normalFormOf } from './path-pattern.js'
import { withPreflights } from './preflights.js'
import { compileRedirect, compileRewrite } from './rewrite.js'
import { type HostedEntry, RouteIndex } from './route-index.js'
import { compileSizes } from './sizes.js'

const noPolicies = new Policies([])

/** A routing table, ready to be read by requests. */
export interface CompiledTable {
  readonly table: RoutingTable
  readonly limits: GatewayLimits
  readonly metrics: GatewayMetrics
  readonly services: ReadonlyMap<string, UpstreamService>
  readonly endpoints: ReadonlyMap<string, UpstreamEndpoint>
  /** Endpoints that are in the table no more (or have another address now) and had something in flight when they left. */
  readonly departing: readonly UpstreamEndpoint[]
  /** What of the table could not be understood and is left out, in sentences. */
  readonly problems: readonly string[]
  readonly index: RouteIndex
  /** The route for a request on an edge listener, or null: then `allowedMethods` tells 405 from 404. */
  matchEdge(view: RequestView): CompiledRoute | null
  /** After `matchEdge` gave this route: another one's service may take the request for its own, as it sees no parameters in paths. */
  isAmbiguous(view: RequestView, route: CompiledRoute): boolean
  /** After `matchEdge` gave null: the methods that the path does take, as Allow says them (`GET, POST`); null when no method would do. */
  allowedMethods(view: RequestView): string | null
  /** The methods that the request's target takes on edge listeners, as Allow says them; null when a route takes any, and only its service knows. */
  methodsOf(view: RequestView): string | null
  /** The one route of a mesh listener, null when there is no such listener. */
  mesh(listenerName: string): CompiledRoute | null
  serviceMetrics(service: UpstreamService): ServiceMetrics
  /** The normal form of the path that the gateway itself answers on edge listeners; null when there is none. */
  readonly healthPath: Uint8Array | null
  /** What policies of the gateway add to its answers to what no route takes. */
  readonly strayEdit: StrayEdit
}

/**
 * Compiles a table. Services (by name) and endpoints (by id and address) of `previous` are taken over and brought up to date at
 * once: from here on the previous table picks by the new one's endpoints too, and only its routes are still its own.
 */
export function compileTable(
  table: RoutingTable,
  previous: CompiledTable | null,
  metrics: GatewayMetrics = previous?.metrics ?? new GatewayMetrics(),
  policies: Policies = noPolicies,
): CompiledTable {
  const endpoints = takeEndpoints(table, previous, metrics)
  const services = takeServices(table, previous, endpoints)
  // Endpoints change far more often than routes: the same configuration keeps its index.
  if (previous !== null && previous.table.config === table.config && previous.metrics === metrics) {
    return { ...previous, table, services, endpoints, departing: takeDeparting(previous, endpoints) }
  }
  const problems: string[] = []
  policies.configure(table.config)
  const entries = compileRoutes(table.config, services, metrics, policies, problems)
  const index = new RouteIndex(entries)
  const spelled = new Set(entries.filter(namesParameters).map(({ route }) => route.name))
  const mesh = compileMesh(table.config, services, metrics)
  const ofService = new Map([...services.values()].map((service) => [service, metrics.service(service.name)]))
  return {
    table,
    limits: table.config.limits,
    metrics,
    services,
    endpoints,
    departing: takeDeparting(previous, endpoints),
    problems,
    index,
    matchEdge: (view) => index.match(view),
    isAmbiguous: (view, { name }) => {
      if (!hasPathParameters(view) || spelled.has(name)) return false
      const bare = index.match(withoutPathParameters(view))
      return bare !== null && bare.name !== name
    },
    allowedMethods: (view) => {
      const methods = index.methods(view)
      return methods.length === 0 ? null : methods.join(', ')
    },
    methodsOf: (view) => (index.match(withoutMethod(view)) === null ? index.methods(view).join(', ') : null),
    mesh: (listenerName) => mesh.get(listenerName) ?? null,
    serviceMetrics: (service) => ofService.get(service) ?? metrics.service(service.name),
    healthPath: table.config.healthPath === undefined ? null : normalFormOf(table.config.healthPath),
    strayEdit: policies.strayEdit(),
  }
}

/** Only routes for every method match it. */
function withoutMethod(view: RequestView): RequestView {
  const { bytes, headerCount, headers, path, pathLength, queryStart, queryEnd, hostStart, hostEnd } = view
  const rest = { bytes, headerCount, headers, path, pathLength, queryStart, queryEnd, hostStart, hostEnd }
  return { ...rest, methodStart: 0, methodEnd: 0 }
}

/** It is written with parameters, so whoever wrote it knows of them. */
function namesParameters({ path }: HostedEntry): boolean {
  return path.segments.some((segment) => segment?.includes(0x3b) === true)
}

function takeEndpoints(
  table: RoutingTable,
  previous: CompiledTable | null,
  metrics: GatewayMetrics,
): Map<string, UpstreamEndpoint> {
  const endpoints = new Map<string, UpstreamEndpoint>()
  for (const { id, service, revision, address, state, weight, metadata } of table.endpoints) {
    const before = previous?.endpoints.get(id)
    if (before !== undefined && before.host === address.host && before.port === address.port) {
      before.state = state
      before.weight = weight
      before.zone = metadata['zone'] ?? ''
      endpoints.set(id, before)
    } else {
      const endpoint = new UpstreamEndpoint(id, address, state, weight)
      endpoint.zone = metadata['zone'] ?? ''
      endpoint.revision = revision ?? ''
      endpoint.counts = metrics.revision(service, revision ?? '')
      endpoints.set(id, endpoint)
    }
  }
  return endpoints
}

function takeDeparting(
  previous: CompiledTable | null,
  endpoints: ReadonlyMap<string, UpstreamEndpoint>,
): UpstreamEndpoint[] {
  const departing: UpstreamEndpoint[] = []
  if (previous === null) return departing
  for (const endpoint of previous.departing) if (endpoint.inFlight > 0) departing.push(endpoint)
  for (const endpoint of previous.endpoints.values()) {
    if (endpoints.get(endpoint.id) === endpoint) continue
    endpoint.hasLeft = true
    endpoint.pool?.close()
    if (endpoint.inFlight > 0) departing.push(endpoint)
  }
  return departing
}

/** Also of services that only a route names: a request for them is answered with 503 and the name. */
function takeServices(
  table: RoutingTable,
  previous: CompiledTable | null,
  endpoints: ReadonlyMap<string, UpstreamEndpoint>,
): Map<string, UpstreamService> {
  const specs = new Map<string, GatewayService>(table.config.services.map((service) => [service.name, service]))
  const named = table.config.routes.flatMap((route) => [
    ...route.backends.map((backend) => backend.service),
    ...(route.mirror === undefined ? [] : [route.mirror.service]),
  ])
  for (const listener of table.config.listeners) if (listener.kind === 'mesh') named.push(listener.service)
  for (const name of named) {
    if (!specs.has(name)) specs.set(name, { name, protocol: 'http', balancer: 'round_robin' })
  }
  const byService = new Map<string, UpstreamEndpoint[]>()
  for (const { id, service } of table.endpoints) {
    const endpoint = endpoints.get(id)
    if (endpoint === undefined) continue
    const list = byService.get(service)
    if (list === undefined) byService.set(service, [endpoint])
    else list.push(endpoint)
  }
  const services = new Map<string, UpstreamService>()
  for (const spec of specs.values()) {
    const service = previous?.services.get(spec.name) ?? new UpstreamService(spec)
    service.update(spec, byService.get(spec.name) ?? [])
    services.set(spec.name, service)
  }
  // A service that is gone keeps no endpoint, or a request that waits for it would get one that has left.
  for (const service of previous?.services.values() ?? []) {
    if (!services.has(service.name)) {
      service.update({ name: service.name, protocol: service.protocol, balancer: 'round_robin' }, [])
    }
  }
  return services
}

function compileRoutes(
  config: GatewayConfig,
  services: ReadonlyMap<string, UpstreamService>,
  metrics: GatewayMetrics,
  policies: Policies,
  problems: string[],
): HostedEntry[] {
  const entries = config.routes.flatMap((spec) => {
    try {
      return compileRoute(spec, services, metrics, policies, problems)
    } catch (error) {
      // What its shape should have kept out costs this one route, not all of them.
      problems.push(`route ${spec.name}: it could not be compiled: ${String(error)}`)
      return []
    }
  })
  entries.sort(
    (a, b) =>
      comparePaths(a.path, b.path) ||
      Number(b.conditions.method !== null) - Number(a.conditions.method !== null) ||
      b.conditions.headers.length - a.conditions.headers.length ||
      b.conditions.query.length - a.conditions.query.length ||
      compareNames(a.route.name, b.route.name),
  )
  return entries.map((entry, rank) => ({ ...entry, rank }))
}

function compareNames(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function compileRoute(
  spec: RouteSpec,
  services: ReadonlyMap<string, UpstreamService>,
  metrics: GatewayMetrics,
  policies: Policies,
  problems: string[],
): HostedEntry[] {
  const own: string[] = []
  const requestEdit = compileEdits(
    spec.filters.filter((filter) => filter.type === 'requestHeaders'),
    'request',
    own,
  )
  const responseEdit = compileEdits(
    spec.filters.filter((filter) => filter.type === 'responseHeaders'),
    'response',
    own,
  )
  const rewrite = spec.filters.find((filter) => filter.type === 'rewrite')
  const redirect = spec.filters.find((filter) => filter.type === 'redirect')
  const shared = {
    name: spec.name,
    requestEdit,
    responseEdit,
    rewrite: rewrite === undefined ? null : compileRewrite(rewrite, own),
    redirect: redirect === undefined ? null : compileRedirect(redirect, own),
    requestTimeoutMs: spec.timeouts.requestMs,
    backendRequestTimeoutMs: spec.timeouts.backendRequestMs,
    backends: spec.backends.flatMap(({ service, weight }) => {
      const upstream = services.get(service)
      return upstream === undefined ? [] : [{ service: upstream, weight }]
    }),
    policies: policies.of(spec, own),
    retry: spec.retry === undefined ? null : new RetryRules(spec.retry),
    hedge: spec.hedge === undefined ? null : new HedgeRule(spec.hedge),
    sizes: compileSizes(spec.sizes),
    mirror: compileMirror(spec.name, spec.mirror, services, metrics),
    encoding: spec.compress === undefined ? null : new Compression(spec.compress),
    metrics,
  }
  const entries: HostedEntry[] = []
  for (const match of withPreflights(spec)) {
    const path = compilePath(match.path)
    if (path === null) {
      own.push(`path ${JSON.stringify(match.path.value)} can match nothing`)
      continue
    }
    const conditions = compileConditions(match.method, match.headers, match.query)
    const route = new CompiledRoute({ ...shared, prefixLength: path.prefixLength })
    entries.push({ rank: 0, path, conditions, route, hosts: spec.hosts })
  }
  for (const problem of own) problems.push(`route ${spec.name}: ${problem}`)
  return entries
}

function compileMesh(
  config: GatewayConfig,
  services: ReadonlyMap<string, UpstreamService>,
  metrics: GatewayMetrics,
): Map<string, CompiledRoute> {
  const routes = new Map<string, CompiledRoute>()
  for (const listener of config.listeners) {
    if (listener.kind !== 'mesh') continue
    const service = services.get(listener.service)
    const route = new CompiledRoute({
      name: `mesh/${listener.service}`,
      prefixLength: 0,
      requestEdit: null,
      responseEdit: null,
      rewrite: null,
      redirect: null,
      requestTimeoutMs: null,
      backendRequestTimeoutMs: null,
      backends: service === undefined ? [] : [{ service, weight: 1 }],
      policies: [],
      retry: null,
      hedge: null,
      sizes: compileSizes(),
      mirror: null,
      encoding: null,
      metrics,
    })
    routes.set(listener.name, route)
  }
  return routes
}
