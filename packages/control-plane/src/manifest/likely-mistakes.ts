import type { Diagnostic } from '@pando/model'
import type { AppParts, PlacedService } from './app-checks.js'
import { servicePath } from './service-context.js'
import type { Path, Source } from './source.js'
import { formatDuration, isMistake, parseDuration, quote } from './units.js'

type Warn = (diagnostic: Diagnostic) => void

/** What may be written, does what it says, and is hardly what somebody wants: said, with what comes of it, and not refused. */
export function warnOfLikelyMistakes({ services, gateway, gatewaySource, servedBy }: AppParts, warn: Warn): void {
  if (gatewaySource !== null) {
    warnOfOpenCredentials(gateway, gatewaySource, warn)
    for (const [index, network] of (gateway.trustedProxies ?? []).entries()) {
      if (!isEverywhere(network)) continue
      const message = `${network} trusts everybody: any client may say which address it comes from`
      const hint = 'name only the networks of your own proxies; rate limits and ip rules go by that address'
      warn(gatewaySource.mistake(['gateway', 'trusted_proxies', index], 'value', message, hint))
    }
  }
  for (const service of services) {
    warnOfEjection(service, warn)
    warnOfTimeouts(service, warn)
    warnOfLoops(service, warn)
    if (!isOfThisMachine((servedBy ?? gateway).host)) warnOfFaults(service, warn)
    warnOfHealthPath(service, (servedBy ?? gateway).healthPath, warn)
    warnOfRoutes(service, openAuthenticators(servedBy ?? gateway), warn)
  }
}

/** A proxy that is named may end TLS before the gateway does. */
function warnOfOpenCredentials(gateway: AppParts['gateway'], source: Source, warn: Warn): void {
  const { host, tls, authenticators = {}, trustedProxies = [] } = gateway
  const isEncrypted = tls !== undefined && tls.redirectPort !== null
  if (isOfThisMachine(host) || isEncrypted || trustedProxies.length > 0 || Object.keys(authenticators).length === 0)
    return
  const message = `whoever is between sees the credentials of ${tls === undefined ? 'all' : 'those who come by the plain port'}`
  const hint =
    tls === undefined
      ? 'write gateway.tls, with redirect: true; or name the proxy that ends TLS before it in trusted_proxies'
      : 'write redirect: true under gateway.tls'
  warn(source.mistake(['gateway', 'authenticators'], 'key', message, hint))
}

function warnOfHealthPath({ name, source, spec }: PlacedService, healthPath: string | undefined, warn: Warn): void {
  for (const [index, { matches }] of (spec?.routes ?? []).entries()) {
    if (healthPath === undefined || !matches.some(({ path }) => path.value === healthPath)) continue
    const message = `the gateway answers GET and HEAD of ${healthPath} by itself, as gateway.health_path says`
    warn(source.mistake(servicePath(name, ['routes', index]), 'value', message, 'give one of the two another path'))
  }
}

function warnOfEjection({ name, source, spec }: PlacedService, warn: Warn): void {
  const path = servicePath(name, ['ejection', 'max_time'])
  const written = source.written(path)
  const ejection = spec?.resilience?.ejection
  if (written === undefined || ejection === undefined || ejection === null) return
  const maxMs = parseDuration(written)
  if (isMistake(maxMs) || maxMs >= ejection.baseMs) return
  const message = `max_time ${written} is shorter than time, so each ejection lasts as long as time says`
  warn(source.mistake(path, 'value', message, 'make max_time at least as long as time'))
}

function warnOfTimeouts({ name, source, spec }: PlacedService, warn: Warn): void {
  for (const [index, { timeouts }] of (spec?.routes ?? []).entries()) {
    const { requestMs, backendRequestMs } = timeouts
    if (requestMs === null || requestMs === 0 || backendRequestMs === null || backendRequestMs <= requestMs) continue
    const path = servicePath(name, ['routes', index])
    const isOfRetry = source.written([...path, 'retry', 'per_try_timeout']) !== undefined
    const place = isOfRetry ? ['retry', 'per_try_timeout'] : ['timeouts', 'backend_request']
    const message = `one try may take ${formatDuration(backendRequestMs)}, but the request is over after ${formatDuration(requestMs)}`
    warn(
      source.mistake([...path, ...place], 'value', message, 'make it shorter than timeouts.request, or leave it out'),
    )
  }
}

function warnOfLoops({ name, source, spec }: PlacedService, warn: Warn): void {
  for (const [index, { filters, matches }] of (spec?.routes ?? []).entries()) {
    const redirect = filters.find((filter) => filter.type === 'redirect')
    if (redirect === undefined || redirect.path === null) continue
    const { scheme, host, port, path } = redirect
    if (scheme !== null || host !== null || port !== null) continue
    if (!matches.some((match) => match.path.type !== 'pattern' && match.path.value === path.value)) continue
    const message = `${path.value} is sent to itself, again and again`
    const place = [...servicePath(name, ['routes', index]), 'redirect']
    warn(source.mistake(place, 'value', message, 'redirect it to another path, scheme or host'))
  }
}

function warnOfFaults({ name, source, spec }: PlacedService, warn: Warn): void {
  for (const [index, { fault }] of (spec?.routes ?? []).entries()) {
    if (fault?.byHeader !== true) continue
    const place = [...servicePath(name, ['routes', index]), 'fault', 'by_header']
    const message = 'whoever reaches the route from another machine may have its requests wait and fail'
    warn(source.mistake(place, 'value', message, 'take it out where the gateway is not for tests'))
  }
}

function warnOfRoutes({ name, source, spec }: PlacedService, open: ReadonlySet<string>, warn: Warn): void {
  for (const [index, { auth, backends, ip, mirror }] of (spec?.routes ?? []).entries()) {
    const path = servicePath(name, ['routes', index])
    const at = (rest: Path): Path => placeOf(source, path, rest)
    if (mirror !== undefined && backends.some(({ service }) => service === mirror.service)) {
      const message = `${quote(mirror.service)} gets each of these requests twice: itself, and as a copy`
      warn(source.mistake(at(['mirror', 'service']), 'value', message, 'mirror to another service'))
    }
    for (const [place, network] of (ip?.allow ?? []).entries()) {
      if (!isEverywhere(network)) continue
      const message = `${network} is everybody, so what else is allowed says nothing`
      warn(source.mistake(at(['ip', 'allow', place]), 'value', message, 'take it out, or the whole of allow'))
    }
    if (auth === undefined || auth === null || auth.anyOf.length < 2 || auth.scopes.length + auth.claims.length > 0)
      continue
    const opening = auth.anyOf.findIndex((one) => open.has(one))
    if (opening === -1) continue
    const message = `while ${quote(auth.anyOf[opening])} does not answer, whoever sends no credential gets in, whatever is asked for besides`
    const hint = 'leave its fail_open out, or give it routes of its own'
    warn(source.mistake(at(['auth', 'any_of', opening]), 'value', message, hint))
  }
}

/** Authenticators that let in who cannot be asked about. */
function openAuthenticators({ authenticators = {} }: AppParts['gateway']): ReadonlySet<string> {
  return new Set(
    Object.values(authenticators).flatMap((spec) => (spec.kind === 'external' && spec.failsOpen ? [spec.name] : [])),
  )
}

/** The route may be written shorter: then the nearest place that is there. */
function placeOf(source: Source, path: Path, rest: Path): Path {
  const exact = [...path, ...rest]
  return source.written(exact) === undefined ? path : exact
}

function isEverywhere(network: string): boolean {
  return /\/0+$/.test(network)
}

function isOfThisMachine(host: string): boolean {
  return /^(127\.|localhost$|::1$)/.test(host)
}
