import { isIP, isIPv6 } from 'node:net'
import type { FaultSpec, GatewayTraffic, IpRules, MessageSizes, MirrorSpec, RouteTraffic } from '@pando/model'
import { readCache, renderCache } from './cache.js'
import { readCompression, renderCompression } from './compression.js'
import { readCors, renderCors } from './cors.js'
import type { GatewayInput } from './schema.js'
import { readRateLimit, readRateLimitStore, renderRateLimit, renderRateLimitStore } from './rate-limit.js'
import type { RouteInput } from './route-schema.js'
import type { FaultInput, IpInput, MirrorInput, SizesInput } from './route-traffic-schema.js'
import { readSecurityHeaders, renderSecurityHeaders } from './security-headers.js'
import type { Path } from './source.js'
import { formatDuration, formatSize, isMistake, parseDuration, parseSize, quote } from './units.js'

/** The gateway takes a request without a byte for dead after its idle_timeout, which is one minute by default. */
const longestDelayMs = 60_000

type Report = (path: Path, message: string, hint?: string) => void

/** What a route asks beside where its requests go; what it does not ask is absent. */
export function readRouteTraffic(route: RouteInput, report: Report): RouteTraffic {
  const { rate_limit, cors, ip, fault, mirror, security_headers, limits, compress } = route
  const cache = route.cache === undefined ? null : readCache(route.cache, report)
  const compression = compress === undefined ? null : readCompression(compress, report)
  return {
    ...(rate_limit === undefined ? {} : { rateLimit: readRateLimit(rate_limit, report) }),
    ...(cors === undefined ? {} : { cors: readCors(cors, methodsOf(route), report) }),
    ...(ip === undefined ? {} : { ip: readIp(ip, report) }),
    ...(fault === undefined ? {} : { fault: readFault(fault, report) }),
    ...(mirror === undefined ? {} : { mirror: readMirror(mirror) }),
    ...(security_headers === undefined ? {} : { securityHeaders: readSecurityHeaders(security_headers, report) }),
    ...(limits === undefined ? {} : { sizes: readSizes(limits) }),
    ...(compression === null ? {} : { compress: compression }),
    ...(cache === null ? {} : { cache }),
  }
}

function methodsOf(route: RouteInput): string[] {
  return (route.matches ?? [route]).flatMap(({ method }) => (method === undefined ? [] : [method.toUpperCase()]))
}

/** `folder`: what paths are seen from. */
export function readGatewayTraffic(gateway: Partial<GatewayInput>, folder: string, report: Report): GatewayTraffic {
  const { trusted_proxies, security_headers, rate_limit_store } = gateway
  checkNetworks(trusted_proxies ?? [], ['trusted_proxies'], report)
  const headers = security_headers === undefined ? null : readSecurityHeaders(security_headers, report)
  return {
    ...(trusted_proxies === undefined ? {} : { trustedProxies: trusted_proxies }),
    ...(headers === null ? {} : { securityHeaders: headers }),
    ...(rate_limit_store === undefined ? {} : { rateLimitStore: readRateLimitStore(rate_limit_store, folder, report) }),
  }
}

/** As it would be written. */
export function renderRouteTraffic(route: RouteTraffic): object {
  const { rateLimit, cors, ip, fault, mirror, securityHeaders, sizes, compress, cache } = route
  return {
    ...(rateLimit === undefined ? {} : { rate_limit: renderRateLimit(rateLimit) }),
    ...(cors === undefined ? {} : { cors: renderCors(cors) }),
    ...(ip === undefined ? {} : { ip }),
    ...(fault === undefined ? {} : { fault: renderFault(fault) }),
    ...(mirror === undefined
      ? {}
      : {
          mirror: { service: mirror.service, percent: mirror.percent, max_body: formatSize(mirror.maxBodyBytes) },
        }),
    ...(securityHeaders === undefined ? {} : { security_headers: renderSecurityHeaders(securityHeaders) }),
    ...(sizes === undefined ? {} : { limits: renderSizes(sizes) }),
    ...(compress === undefined ? {} : { compress: renderCompression(compress) }),
    ...(cache === undefined ? {} : { cache: renderCache(cache) }),
  }
}

export function renderGatewayTraffic({ trustedProxies, securityHeaders, rateLimitStore }: GatewayTraffic): object {
  return {
    ...(trustedProxies === undefined ? {} : { trusted_proxies: trustedProxies }),
    ...(securityHeaders === undefined ? {} : { security_headers: renderSecurityHeaders(securityHeaders) }),
    ...(rateLimitStore === undefined ? {} : { rate_limit_store: renderRateLimitStore(rateLimitStore) }),
  }
}

function readIp(input: IpInput, report: Report): IpRules {
  const { allow = [], deny = [] } = input
  if (allow.length + deny.length === 0) report(['ip'], 'an empty ip lets everybody in', 'write "allow" or "deny"')
  checkNetworks(allow, ['ip', 'allow'], report)
  checkNetworks(deny, ['ip', 'deny'], report)
  return { allow, deny }
}

function readFault({ delay, abort, by_header }: FaultInput, report: Report): FaultSpec {
  const byHeader = String(by_header ?? false) === 'true'
  if (delay === undefined && abort === undefined && !byHeader)
    report(['fault'], 'a fault without "delay" and "abort" does nothing')
  if (delay !== undefined && milliseconds(delay.time) > longestDelayMs)
    report(['fault', 'delay', 'time'], 'the longest delay is 1m')
  return {
    ...(delay === undefined ? {} : { delay: { ms: milliseconds(delay.time), percent: percentOf(delay.percent) } }),
    ...(abort === undefined ? {} : { abort: { status: Number(abort.status), percent: percentOf(abort.percent) } }),
    byHeader,
  }
}

function readMirror(input: MirrorInput): MirrorSpec {
  const { service, percent, max_body = '64K' } = typeof input === 'string' ? { service: input } : input
  return { service, percent: percentOf(percent), maxBodyBytes: bytes(max_body) }
}

function readSizes({ max_body, max_response_body, max_response_head }: SizesInput): MessageSizes {
  return {
    ...(max_body === undefined ? {} : { maxRequestBodyBytes: bytes(max_body) }),
    ...(max_response_body === undefined ? {} : { maxResponseBodyBytes: bytes(max_response_body) }),
    ...(max_response_head === undefined ? {} : { maxResponseHeadBytes: bytes(max_response_head) }),
  }
}

function renderFault({ delay, abort, byHeader }: FaultSpec): object {
  return {
    ...(delay === undefined ? {} : { delay: { time: formatDuration(delay.ms), percent: delay.percent } }),
    ...(abort === undefined ? {} : { abort }),
    by_header: byHeader,
  }
}

function renderSizes({ maxRequestBodyBytes, maxResponseBodyBytes, maxResponseHeadBytes }: MessageSizes): object {
  return {
    ...(maxRequestBodyBytes === undefined ? {} : { max_body: formatSize(maxRequestBodyBytes) }),
    ...(maxResponseBodyBytes === undefined ? {} : { max_response_body: formatSize(maxResponseBodyBytes) }),
    ...(maxResponseHeadBytes === undefined ? {} : { max_response_head: formatSize(maxResponseHeadBytes) }),
  }
}

function checkNetworks(networks: readonly string[], path: Path, report: Report): void {
  for (const [index, network] of networks.entries()) {
    if (isNetwork(network)) continue
    const hint = 'write an address or a network such as 10.0.0.0/8 or 2001:db8::/32'
    report([...path, index], `${quote(network)} is not a network`, hint)
  }
}

function isNetwork(text: string): boolean {
  const [address = '', length, ...more] = text.split('/')
  if (isIP(address) === 0 || address.includes('%') || more.length > 0) return false
  return length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= (isIPv6(address) ? 128 : 32))
}

function percentOf(written: string | number | undefined): number {
  return written === undefined ? 100 : Number(String(written).replace('%', ''))
}

function milliseconds(text: string | number): number {
  const ms = parseDuration(text)
  return isMistake(ms) ? 1 : ms
}

function bytes(text: string | number): number {
  const parsed = parseSize(text)
  return isMistake(parsed) ? 0 : parsed
}
