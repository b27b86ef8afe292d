import { resolve } from 'node:path'
import type { AppSpec, GatewayLimits, GatewaySpec } from '@pando/model'
import { defaultApi, defaultGateway, defaultLimits } from './defaults.js'
import { readAuthenticators, readRouteAuth } from './authentication.js'
import type { ApiInput, GatewayInput } from './schema.js'
import { pathMistake } from './route.js'
import { readGatewayTraffic } from './route-traffic.js'
import type { Path } from './source.js'
import { readTls } from './tls.js'
import { formatSize, isMistake, parseDuration, parseSize, quote } from './units.js'

export type Check = (path: Path, message: string, hint?: string) => void

/** `folder`: what its paths are seen from. */
export function readGateway(input: Partial<GatewayInput>, check: Check, folder: string): GatewaySpec {
  return {
    host: readListenHost(input.host ?? defaultGateway.host, check),
    port: Number(input.port ?? defaultGateway.port),
    workers: input.workers === undefined ? defaultGateway.workers : Number(input.workers),
    accessLog: input.access_log === undefined ? defaultGateway.accessLog : String(input.access_log) === 'true',
    ...readTls(input.tls, folder),
    ...(input.route_files === undefined ? {} : { routeFiles: input.route_files.map((file) => resolve(folder, file)) }),
    limits: readLimits(input.limits ?? {}, (path, ...rest) => check(['limits', ...path], ...rest)),
    ...(input.shed_above === undefined ? {} : { shedAboveMs: ms(input.shed_above, 0) }),
    ...readHealthPath(input.health_path, check),
    ...readGatewayTraffic(input, folder, check),
    ...readAuthentication(input, check, folder),
  }
}

function readHealthPath(path: string | undefined, check: Check): Pick<GatewaySpec, 'healthPath'> {
  if (path === undefined) return {}
  const mistake = path === '/' ? { message: "the gateway would answer for every host's first page" } : pathMistake(path)
  if (mistake !== null) check(['health_path'], mistake.message, 'write a path of its own, such as /healthz')
  return { healthPath: path }
}

function readAuthentication(
  { authenticators, default_auth: defaultAuth }: Partial<GatewayInput>,
  check: Check,
  folder: string,
): Pick<GatewaySpec, 'authenticators' | 'defaultAuth'> {
  const auth = defaultAuth === undefined ? null : readRouteAuth(defaultAuth)
  return {
    ...(authenticators === undefined
      ? {}
      : {
          authenticators: readAuthenticators(authenticators, folder, (path, ...rest) =>
            check(['authenticators', ...path], ...rest),
          ),
        }),
    ...(auth === null ? {} : { defaultAuth: auth }),
  }
}

export function readApi(input: Partial<ApiInput>, check: Check): AppSpec['api'] {
  return { host: readListenHost(input.host ?? defaultApi.host, check), port: Number(input.port ?? defaultApi.port) }
}

function readListenHost(host: string, check: Check): string {
  if (/^[A-Za-z0-9.:_-]{1,253}$/.test(host) && (!/^[^:]*:[^:]*$/.test(host) || host === '::')) return host
  check(
    ['host'],
    `${quote(host)} is not an address to listen on`,
    'write for example 127.0.0.1, 0.0.0.0 or ::1; the port has its own line',
  )
  return host
}

function readLimits(input: NonNullable<GatewayInput['limits']>, check: Check): GatewayLimits {
  return {
    ...readHeadLimits(input, check),
    maxHeaders: count(input.max_headers, defaultLimits.maxHeaders),
    maxBodyBytes: bytes(input.max_body, defaultLimits.maxBodyBytes),
    headTimeoutMs: ms(input.head_timeout, defaultLimits.headTimeoutMs),
    keepAliveTimeoutMs: ms(input.keep_alive_timeout, defaultLimits.keepAliveTimeoutMs),
    idleTimeoutMs: ms(input.idle_timeout, defaultLimits.idleTimeoutMs),
    requestTimeoutMs: ms(input.request_timeout, defaultLimits.requestTimeoutMs),
    connectTimeoutMs: ms(input.connect_timeout, defaultLimits.connectTimeoutMs),
    maxConnections: count(input.max_connections, defaultLimits.maxConnections),
    ...perClient(input.max_connections_per_client),
    maxConnectionsPerEndpoint: count(input.max_connections_per_endpoint, defaultLimits.maxConnectionsPerEndpoint),
    maxPending: count(input.max_pending, defaultLimits.maxPending),
    pendingTimeoutMs: ms(input.pending_timeout, defaultLimits.pendingTimeoutMs),
    maxRetries: count(input.max_retries, defaultLimits.maxRetries),
  }
}

/** Every connection may keep a head of that size in memory. */
const largestHead = 1024 * 1024
const smallestHead = 1024

function readHeadLimits(
  input: NonNullable<GatewayInput['limits']>,
  check: Check,
): Pick<GatewayLimits, 'maxTargetBytes' | 'maxHeadBytes'> {
  const maxTargetBytes = bytes(input.max_target, defaultLimits.maxTargetBytes)
  const maxHeadBytes = bytes(input.max_head, defaultLimits.maxHeadBytes)
  if (maxHeadBytes < smallestHead) check(['max_head'], 'every request would be refused', 'write 1K or more')
  if (maxHeadBytes > largestHead) {
    check(['max_head'], 'whoever opens connections could fill the memory with heads', 'write at most 1M')
  }
  if (maxTargetBytes === 0) check(['max_target'], 'every request would be refused', 'write the longest that you expect')
  if (input.max_target !== undefined && maxTargetBytes > maxHeadBytes) {
    const message = `the target is a part of the head, which may have ${formatSize(maxHeadBytes)}`
    check(['max_target'], message, 'lower max_target or raise max_head')
  }
  return { maxTargetBytes, maxHeadBytes }
}

type Amount = string | number | undefined

function count(value: Amount, fallback: number): number {
  return Number(value ?? fallback)
}

/** 0 is what it is when nothing is said. */
function perClient(value: Amount): Pick<GatewayLimits, 'maxConnectionsPerClient'> {
  const most = Number(value ?? 0)
  return most === 0 ? {} : { maxConnectionsPerClient: most }
}

function bytes(value: Amount, fallback: number): number {
  const parsed = value === undefined ? fallback : parseSize(value)
  return isMistake(parsed) ? fallback : parsed
}

function ms(value: Amount, fallback: number): number {
  const parsed = value === undefined ? fallback : parseDuration(value)
  return isMistake(parsed) ? fallback : parsed
}
