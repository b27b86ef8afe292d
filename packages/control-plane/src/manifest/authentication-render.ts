import type { AuthenticatorSpec, ClaimHeader, GatewaySpec, JwtKeySource, RouteAuth } from '@pando/model'
import { renderLogin } from './login.js'
import { formatDuration, formatSize } from './units.js'

/** As it would be written; `plain` keeps text from being taken for a variable. */
export function renderAuthentication(gateway: GatewaySpec, plain: (text: string) => string): object {
  const { authenticators, defaultAuth } = gateway
  return {
    ...(authenticators === undefined
      ? {}
      : {
          authenticators: Object.fromEntries(
            Object.entries(authenticators).map(([name, spec]) => [name, { [spec.kind]: renderOne(spec, plain) }]),
          ),
        }),
    ...(defaultAuth === undefined ? {} : { default_auth: renderRouteAuth(defaultAuth, plain) }),
  }
}

export function renderRouteAuth(auth: RouteAuth | null, plain: (text: string) => string): object | string {
  if (auth === null) return 'none'
  return {
    ...(auth.anyOf.length === 0 ? {} : { any_of: auth.anyOf }),
    ...(auth.scopes.length === 0 ? {} : { scopes: auth.scopes.map(plain) }),
    ...(auth.claims.length === 0
      ? {}
      : { claims: Object.fromEntries(auth.claims.map(({ claim, values }) => [claim, values.map(plain)])) }),
  }
}

function renderOne(spec: AuthenticatorSpec, plain: (text: string) => string): object {
  switch (spec.kind) {
    case 'jwt':
      return {
        ...(spec.issuer === null ? {} : { issuer: plain(spec.issuer) }),
        audience: spec.audiences.length === 0 ? '*' : spec.audiences.map(plain),
        ...renderKeys(spec.keys, plain),
        algorithms: spec.algorithms,
        skew: formatDuration(spec.skewMs),
        max_token: formatSize(spec.maxTokenBytes),
        ...(spec.cookie === null ? {} : { cookie: plain(spec.cookie) }),
        ...renderIdentity(spec, plain),
      }
    case 'api_keys':
      return {
        ...(spec.header === null ? { bearer: true } : { header: plain(spec.header) }),
        ...renderIdentity(spec, plain),
      }
    case 'basic':
      return { file: plain(spec.path), ...renderIdentity(spec, plain) }
    case 'login':
      return { ...renderLogin(spec, plain), ...renderIdentity(spec, plain) }
    case 'external':
      return {
        url: plain(spec.url),
        timeout: formatDuration(spec.timeoutMs),
        send: spec.requestHeaders.map(plain),
        to_service: spec.upstreamHeaders.map(plain),
        to_client: spec.clientHeaders.map(plain),
        ...(spec.subjectHeader === null ? {} : { subject: plain(spec.subjectHeader) }),
        fail_open: spec.failsOpen,
        allow_http: spec.isInsecure,
      }
  }
}

function renderKeys(keys: JwtKeySource, plain: (text: string) => string): object {
  switch (keys.from) {
    case 'file':
      return { keys: plain(keys.path) }
    case 'secret':
      return { secret: plain(keys.path) }
    case 'url':
    case 'discovery':
      return {
        ...(keys.from === 'url' ? { jwks: plain(keys.url) } : {}),
        refresh: formatDuration(keys.maxAgeMs),
        cooldown: formatDuration(keys.cooldownMs),
        max_stale: formatDuration(keys.maxStaleMs),
        allow_http: keys.isInsecure,
      }
  }
}

function renderIdentity(
  spec: { readonly claimHeaders: readonly ClaimHeader[]; readonly forwardsCredential: boolean },
  plain: (text: string) => string,
): object {
  return {
    ...(spec.claimHeaders.length === 0
      ? {}
      : { headers: Object.fromEntries(spec.claimHeaders.map(({ claim, header }) => [header, plain(claim)])) }),
    forward: spec.forwardsCredential,
  }
}
