import type {
  AppSpec,
  ContainerMount,
  ContainerSpec,
  GatewayLimits,
  HealthCheck,
  RouteFilter,
  RouteMatch,
  RouteSpec,
  ServiceSpec,
  ValueMatch,
} from '@pando/model'
import { stringify } from 'yaml'
import { renderAuthentication, renderRouteAuth } from './authentication-render.js'
import { renderExtras } from './container-extras-render.js'
import { escapeInterpolation } from './interpolation.js'
import { isSecretName } from './names.js'
import { renderListen, renderPublished } from './network.js'
import { renderAutoscale } from './autoscale.js'
import { renderDevelop } from './develop.js'
import { renderServiceResilience } from './resilience-render.js'
import { renderRollout } from './rollout.js'
import { renderRouteResilience } from './route-resilience.js'
import { renderGatewayTraffic, renderRouteTraffic } from './route-traffic.js'
import { renderSchedule } from './schedule.js'
import { renderTls } from './tls.js'
import { formatDuration, formatSize } from './units.js'

export interface RenderOptions {
  /** Shows values of variables whose names speak of secrets; by default they are `****`. */
  readonly showSecrets?: boolean
  /** YAML by default. JSON is the same document for programs. */
  readonly format?: 'yaml' | 'json'
}

/**
 * What was understood, as a manifest with every default filled in: read again in the same place it means the same app, but for
 * secrets that are not shown. Paths are absolute.
 */
export function renderConfig(app: AppSpec, options: RenderOptions = {}): string {
  const config = {
    name: app.name,
    services: mapValues(app.services, (service) => renderService(service, options.showSecrets ?? false)),
    ...renderNamed(app),
    gateway: {
      host: app.gateway.host,
      port: app.gateway.port,
      ...(app.gateway.workers === null ? {} : { workers: app.gateway.workers }),
      access_log: app.gateway.accessLog,
      ...renderGatewayTraffic(app.gateway),
      ...(app.gateway.shedAboveMs === undefined ? {} : { shed_above: formatDuration(app.gateway.shedAboveMs) }),
      ...(app.gateway.healthPath === undefined ? {} : { health_path: plain(app.gateway.healthPath) }),
      ...renderTls(app.gateway.tls, plain),
      ...(app.gateway.routeFiles === undefined ? {} : { route_files: app.gateway.routeFiles.map(plain) }),
      limits: renderLimits(app.gateway.limits),
      ...renderAuthentication(app.gateway, plain),
    },
    api: app.api,
  }
  if (options.format === 'json') return `${JSON.stringify(config, null, 2)}\n`
  return stringify(config, { lineWidth: 0, aliasDuplicateObjects: false, version: '1.2' })
}

function renderNamed(app: AppSpec): object {
  const containers = Object.values(app.services).flatMap(({ revision }) => revision.container ?? [])
  const secrets = containers.flatMap((container) =>
    container.secrets.map(({ name, file }) => [name, { file: plain(file) }]),
  )
  const volumes = containers.flatMap(({ mounts }) =>
    mounts.flatMap((mount) => (mount.kind === 'volume' && mount.source !== '' ? [[mount.source, null]] : [])),
  )
  return {
    ...(secrets.length === 0 ? {} : { secrets: Object.fromEntries(secrets) }),
    ...(volumes.length === 0 ? {} : { volumes: Object.fromEntries(volumes) }),
  }
}

/** Text that the reader would otherwise take for a variable. */
function plain(text: string): string {
  return escapeInterpolation(text, 'value')
}

function renderCommand(command: string | readonly string[]): string | string[] {
  if (typeof command === 'string') return escapeInterpolation(command, 'command')
  return command.map((word) => escapeInterpolation(word, 'command'))
}

function renderVariables(variables: Readonly<Record<string, string>>, showSecrets: boolean): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [
      name,
      showSecrets || !isSecretName(name) ? plain(value) : '****',
    ]),
  )
}

function renderService(service: ServiceSpec, showSecrets: boolean): object {
  const { revision } = service
  const { build, resources } = revision
  return {
    // An image by name or with a recipe of its own needs no word for it.
    ...(revision.container?.image === null && build.kind !== 'dockerfile' ? { driver: 'container' } : {}),
    ...(revision.container === undefined ? {} : renderContainer(revision.container)),
    ...(revision.container?.image != null
      ? {}
      : {
          build: {
            context: plain(build.context),
            kind: build.kind,
            ...(build.command === null ? {} : { command: renderCommand(build.command) }),
            ...(build.dockerfile === undefined ? {} : { dockerfile: plain(build.dockerfile) }),
            ...(build.args === undefined ? {} : { args: renderVariables(build.args, showSecrets) }),
            ...(build.target === undefined ? {} : { target: plain(build.target) }),
            ...(build.base === undefined ? {} : { base: plain(build.base) }),
            ...(build.runtime === undefined ? {} : { runtime: plain(build.runtime) }),
            ...(build.ignore === undefined ? {} : { ignore: build.ignore.map(plain) }),
            ...(build.isLive === true ? { snapshot: false } : {}),
          },
        }),
    ...(revision.command === null ? {} : { command: renderCommand(revision.command) }),
    ...(revision.workdir === '' ? {} : { working_dir: plain(revision.workdir) }),
    environment: renderVariables(revision.environment, showSecrets),
    protocol: revision.protocol,
    ...(revision.port === null ? {} : { port: revision.port }),
    routes: service.routes.map(renderRoute),
    ...(service.requestTrailers === true ? { request_trailers: true } : {}),
    ...(service.listen === undefined ? {} : { listen: service.listen.map(renderListen) }),
    depends_on: mapValues(service.dependsOn, (condition) => ({ condition })),
    healthcheck: renderHealthCheck(revision.healthcheck),
    ...(service.schedule === undefined
      ? { replicas: service.replicas }
      : { schedule: renderSchedule(service.schedule) }),
    ...(service.autoscale === undefined ? {} : { autoscale: renderAutoscale(service.autoscale) }),
    ...(service.schedule === undefined ? { restart: service.restart } : {}),
    resources: {
      ...(resources.memoryBytes === null ? {} : { memory: formatSize(resources.memoryBytes) }),
      ...(resources.cpus === null ? {} : { cpus: resources.cpus }),
    },
    ...renderServiceResilience(service),
    stop_signal: revision.stopSignal,
    stop_grace_period: formatDuration(revision.stopGracePeriodMs),
    drain_timeout: formatDuration(service.drainTimeoutMs),
    rollout: renderRollout(service.rollout),
    ...(service.watch === undefined ? {} : { develop: renderDevelop(service.watch, plain) }),
    logs: { max_size: formatSize(revision.logs.maxBytes), max_files: revision.logs.maxFiles },
  }
}

function renderContainer({ image, mounts, secrets, security, network, extras }: ContainerSpec): object {
  return {
    ...(image === null ? {} : { image: plain(image) }),
    volumes: mounts.map(renderMount),
    secrets: secrets.map(({ name }) => name),
    read_only: security.isRootReadOnly,
    cap_add: security.capAdd,
    ...(security.pidsLimit === 0 ? {} : { pids_limit: security.pidsLimit }),
    ...(security.isEngineDefault === true ? { engine_defaults: true } : {}),
    ...(security.hasNoNewPrivileges === undefined ? {} : { no_new_privileges: security.hasNoNewPrivileges }),
    ...(network === undefined
      ? {}
      : {
          aliases: network.aliases,
          published: network.published.map(renderPublished),
          ...(network.hostname === null ? {} : { hostname: plain(network.hostname) }),
        }),
    ...(security.user === null ? {} : { user: plain(security.user) }),
    ...(extras === undefined ? {} : renderExtras(extras)),
  }
}

function renderMount(mount: ContainerMount): object {
  const target = plain(mount.target)
  if (mount.kind === 'tmpfs') {
    return { type: 'tmpfs', target, ...(mount.sizeBytes === null ? {} : { tmpfs: { size: mount.sizeBytes } }) }
  }
  return {
    type: mount.kind,
    ...(mount.source === '' ? {} : { source: plain(mount.source) }),
    target,
    read_only: mount.isReadOnly,
    ...(mount.kind === 'bind' && mount.isMade === true ? { bind: { create_host_path: true } } : {}),
  }
}

function renderHealthCheck({ probe, ...times }: HealthCheck): object {
  if (probe.kind === 'none') return { disable: true }
  return {
    ...renderProbe(probe),
    interval: formatDuration(times.intervalMs),
    timeout: formatDuration(times.timeoutMs),
    rise: times.rise,
    fall: times.fall,
    startup: formatDuration(times.startupMs),
  }
}

function renderProbe(probe: Exclude<HealthCheck['probe'], { kind: 'none' }>): object {
  switch (probe.kind) {
    case 'http':
      return { http: plain(probe.path) }
    case 'grpc':
      return { grpc: probe.service === '' ? true : plain(probe.service) }
    case 'tcp':
      return { tcp: true }
    case 'command':
      return { command: renderCommand(probe.command) }
  }
}

function renderRoute(route: RouteSpec): object {
  const [only, ...others] = route.matches
  const { requestMs, backendRequestMs } = route.timeouts
  const isRedirect = route.filters.some(({ type }) => type === 'redirect')
  return {
    ...(route.hosts.length === 0 ? {} : { hosts: route.hosts.map(plain) }),
    ...(only !== undefined && others.length === 0 ? renderMatch(only) : { matches: route.matches.map(renderMatch) }),
    ...Object.assign({}, ...route.filters.map(renderFilter)),
    ...(isRedirect ? {} : { backends: route.backends }),
    ...renderRouteTraffic(route),
    ...renderRouteResilience(route),
    ...(requestMs === null && backendRequestMs === null
      ? {}
      : {
          timeouts: {
            ...(requestMs === null ? {} : { request: formatDuration(requestMs) }),
            ...(backendRequestMs === null ? {} : { backend_request: formatDuration(backendRequestMs) }),
          },
        }),
    ...(route.auth === undefined ? {} : { auth: renderRouteAuth(route.auth, plain) }),
  }
}

function renderMatch(match: RouteMatch): object {
  return {
    path: { [match.path.type]: plain(match.path.value) },
    ...(match.method === null ? {} : { method: match.method }),
    ...(match.headers.length === 0 ? {} : { headers: renderValues(match.headers) }),
    ...(match.query.length === 0 ? {} : { query: renderValues(match.query) }),
  }
}

function renderValues(values: readonly ValueMatch[]): object {
  return Object.fromEntries(
    values.map((match) => [
      match.name,
      match.type === 'present' ? { present: true } : { [match.type]: plain(match.value) },
    ]),
  )
}

function renderFilter(filter: RouteFilter): object {
  switch (filter.type) {
    case 'requestHeaders':
    case 'responseHeaders': {
      const edit = {
        set: mapValues(filter.set, plain),
        add: mapValues(filter.add, plain),
        remove: filter.remove.map(plain),
      }
      return filter.type === 'requestHeaders' ? { request_headers: edit } : { response_headers: edit }
    }
    case 'rewrite':
      return { rewrite: { ...(filter.host === null ? {} : { host: filter.host }), ...renderPath(filter.path) } }
    case 'redirect':
      return {
        redirect: {
          ...(filter.scheme === null ? {} : { scheme: filter.scheme }),
          ...(filter.host === null ? {} : { host: filter.host }),
          ...(filter.port === null ? {} : { port: filter.port }),
          ...renderPath(filter.path),
          status: filter.status,
        },
      }
  }
}

function renderPath(path: { readonly type: 'prefix' | 'full'; readonly value: string } | null): object {
  if (path === null) return {}
  return path.type === 'prefix' ? { prefix: plain(path.value) } : { path: plain(path.value) }
}

function renderLimits(limits: GatewayLimits): object {
  return {
    max_target: formatSize(limits.maxTargetBytes),
    max_head: formatSize(limits.maxHeadBytes),
    max_headers: limits.maxHeaders,
    max_body: formatSize(limits.maxBodyBytes),
    head_timeout: formatDuration(limits.headTimeoutMs),
    keep_alive_timeout: formatDuration(limits.keepAliveTimeoutMs),
    idle_timeout: formatDuration(limits.idleTimeoutMs),
    request_timeout: formatDuration(limits.requestTimeoutMs),
    connect_timeout: formatDuration(limits.connectTimeoutMs),
    max_connections: limits.maxConnections,
    ...(limits.maxConnectionsPerClient === undefined
      ? {}
      : { max_connections_per_client: limits.maxConnectionsPerClient }),
    max_connections_per_endpoint: limits.maxConnectionsPerEndpoint,
    max_pending: limits.maxPending,
    pending_timeout: formatDuration(limits.pendingTimeoutMs),
    max_retries: limits.maxRetries,
  }
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]))
}
