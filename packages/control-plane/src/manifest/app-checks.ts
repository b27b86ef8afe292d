import { canonicalJson, type Diagnostic, type GatewaySpec, type ServiceSpec } from '@pando/model'
import { checkAuth } from './auth-checks.js'
import { warnOfLikelyMistakes } from './likely-mistakes.js'
import { checkMirrors } from './mirror-checks.js'
import { suggest } from './nearest.js'
import { servicePath } from './service-context.js'
import type { Path, Source } from './source.js'
import { quote } from './units.js'

/** A service with the place it is written at. */
export interface PlacedService {
  readonly name: string
  readonly source: Source
  /** Null when nothing of it can be read. */
  readonly spec: ServiceSpec | null
  /** False when fields have mistakes of their own: then the spec has defaults in their places. */
  readonly isWhole: boolean
  /** Written as a list, so that its dependencies are known by their number. */
  readonly dependencyPath: (dependency: string) => Path
}

export interface AppParts {
  readonly services: readonly PlacedService[]
  /** Services that are written and not asked for, with the profiles that would. */
  readonly disabled: ReadonlyMap<string, readonly string[]>
  readonly gateway: GatewaySpec
  readonly gatewaySource: Source | null
  /** The gateway that will serve these services: that of the app which they join, where they do; null: not known. */
  readonly servedBy: GatewaySpec | null
  readonly api: { readonly host: string; readonly port: number }
  readonly apiSource: Source | null
}

type Report = (diagnostic: Diagnostic) => void

/** The mistakes that only show when services are seen together. */
export function checkApp(parts: AppParts, report: Report, warn: Report): void {
  const services = new Map(parts.services.map((service) => [service.name, service]))
  for (const service of parts.services) {
    checkDependencies(service, services, parts.disabled, report, warn)
    checkBackends(service, services, parts.disabled, report)
    checkMirrors(service, services, report)
  }
  checkCycles(parts.services, services, report)
  checkSameRoutes(parts.services, report)
  if (parts.servedBy !== null) checkAuth(parts.services, parts.servedBy, parts.gatewaySource, report)
  checkPorts(parts, report)
  warnOfLikelyMistakes(parts, warn)
}

function checkDependencies(
  { name, source, spec, dependencyPath }: PlacedService,
  services: ReadonlyMap<string, PlacedService>,
  disabled: AppParts['disabled'],
  report: Report,
  warn: Report,
): void {
  for (const [dependency, condition] of Object.entries(spec?.dependsOn ?? {})) {
    const path = dependencyPath(dependency)
    const other = services.get(dependency)
    if (other === undefined) {
      const profiles = disabled.get(dependency)
      if (profiles !== undefined) report(source.mistake(path, 'key', ...disabledMistake(dependency, profiles)))
      else {
        const others = [...services.keys()].filter((known) => known !== name)
        report(source.mistake(path, 'key', `there is no service ${quote(dependency)}`, suggest(dependency, others)))
      }
    } else if (condition === 'service_completed_successfully' && other.isWhole && other.spec?.restart === 'always') {
      const message = `${quote(dependency)} is restarted whenever it ends, so it never completes`
      report(source.mistake(path, 'key', message, `give ${dependency} "restart: on-failure" or "restart: no"`))
    } else if (other.isWhole && other.spec?.replicas === 0 && other.spec.autoscale === undefined) {
      warn(
        source.mistake(
          path,
          'key',
          `${quote(dependency)} has no replicas, so ${quote(name)} waits until it is scaled up`,
        ),
      )
    }
  }
}

function checkBackends(
  { source, spec }: PlacedService,
  services: ReadonlyMap<string, PlacedService>,
  disabled: AppParts['disabled'],
  report: Report,
): void {
  for (const [index, route] of (spec?.routes ?? []).entries()) {
    for (const [backendIndex, { service }] of route.backends.entries()) {
      const path = servicePath(spec?.name ?? '', ['routes', index])
      const exact = [...path, 'backends', backendIndex, 'service']
      const where = source.written(exact) === undefined ? path : exact
      const profiles = disabled.get(service)
      if (profiles !== undefined) {
        report(source.mistake(where, 'value', ...disabledMistake(service, profiles)))
        continue
      }
      const other = services.get(service)
      if (other === undefined) {
        report(
          source.mistake(
            where,
            'value',
            `there is no service ${quote(service)}`,
            suggest(service, [...services.keys()]),
          ),
        )
        continue
      }
      const protocol = other.spec?.revision.protocol ?? 'http'
      const whose = `the service ${quote(service)} has protocol ${protocol}, and routes carry HTTP`
      if (protocol === 'none')
        report(source.mistake(where, 'value', whose, 'set "protocol: http" if it listens on $PORT'))
      else if (protocol === 'tcp') {
        report(source.mistake(where, 'value', whose, 'other services reach it by its address; take the route out'))
      }
    }
  }
}

function disabledMistake(service: string, profiles: readonly string[]): [message: string, hint: string] {
  return [
    `the service ${quote(service)} is only there with the profile ${profiles.map(quote).join(' or ')}`,
    `ask for it with PANDO_PROFILES=${profiles[0] ?? ''}, or give this service the same profile`,
  ]
}

/** Reports every cycle once, at the dependency that closes it. */
function checkCycles(
  all: readonly PlacedService[],
  services: ReadonlyMap<string, PlacedService>,
  report: Report,
): void {
  const done = new Set<string>()
  const trail: string[] = []
  const visit = (service: PlacedService): void => {
    if (done.has(service.name)) return
    trail.push(service.name)
    for (const dependency of Object.keys(service.spec?.dependsOn ?? {})) {
      const start = trail.indexOf(dependency)
      const next = services.get(dependency)
      if (start !== -1) {
        const cycle = [...trail.slice(start), dependency].join(' -> ')
        const message =
          start === trail.length - 1 ? `${quote(dependency)} depends on itself` : `these wait for each other: ${cycle}`
        report(
          service.source.mistake(
            service.dependencyPath(dependency),
            'key',
            message,
            'take out one of the dependencies',
          ),
        )
      } else if (next !== undefined) visit(next)
    }
    trail.pop()
    done.add(service.name)
  }
  for (const service of all) visit(service)
}

function checkSameRoutes(services: readonly PlacedService[], report: Report): void {
  const first = new Map<string, Diagnostic>()
  for (const { source, spec } of services) {
    for (const [index, route] of (spec?.routes ?? []).entries()) {
      const path = servicePath(spec?.name ?? '', ['routes', index])
      const keys = (route.hosts.length === 0 ? [''] : route.hosts).flatMap((host) =>
        route.matches.map((match) =>
          canonicalJson([host, { ...match, headers: inOrder(match.headers), query: inOrder(match.query) }]),
        ),
      )
      const here = source.mistake(path, 'value', '')
      const before = keys.map((key) => first.get(key)).find((place) => place !== undefined)
      if (before !== undefined) {
        const hint = 'take one out, or share one route out with "backends" and weights'
        report({
          ...here,
          message: `the same requests are routed at ${before.file}:${before.line} (${before.path}) already`,
          hint,
        })
      }
      for (const key of keys) if (!first.has(key)) first.set(key, here)
    }
  }
}

function inOrder<T extends { readonly name: string }>(matches: readonly T[]): readonly T[] {
  return matches.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function checkPorts({ services, gateway, gatewaySource, api, apiSource }: AppParts, report: Report): void {
  const owners = new Map<number, string>()
  const tlsPort = gateway.tls?.port ?? 0
  if (gateway.port !== 0) owners.set(gateway.port, 'the gateway')
  if (tlsPort !== 0) owners.set(tlsPort, 'the gateway')
  if (api.port !== 0 && (api.port === gateway.port || api.port === tlsPort)) {
    const ofGateway = api.port === tlsPort ? ['gateway', 'tls', 'port'] : ['gateway', 'port']
    const [source, place] = apiSource !== null ? [apiSource, ['api', 'port']] : [gatewaySource, ofGateway]
    const message = `the gateway and the control API both want port ${api.port}`
    if (source !== null) report(source.mistake(place, 'value', message, 'give one of them another port'))
  } else if (api.port !== 0) owners.set(api.port, 'the control API')
  for (const { name, source, spec } of services) {
    const port = spec?.revision.port ?? null
    // A container's port is inside it.
    if (spec === null || port === null || spec.revision.container !== undefined) continue
    const path = servicePath(name, ['port'])
    const owner = owners.get(port)
    if (owner !== undefined) {
      report(
        source.mistake(
          path,
          'value',
          `port ${port} belongs to ${owner} already`,
          'leave "port" out where the program reads $PORT',
        ),
      )
    } else owners.set(port, `the service ${quote(name)}`)
    if (spec.replicas > 1) {
      const message = `${spec.replicas} replicas cannot all listen on port ${port}`
      report(
        source.mistake(path, 'value', message, 'leave "port" out and let the program read $PORT, or run one replica'),
      )
    }
  }
}
