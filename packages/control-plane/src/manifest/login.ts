import { resolve } from 'node:path'
import type { LoginAuthenticatorSpec } from '@pando/model'
import type { LoginInput } from './authentication-schema.js'
import { checkAddress, ms, readIdentity, type Report } from './authentication-values.js'
import { formatDuration, quote } from './units.js'

const defaultSessionMs = 28_800_000

/** Login for browsers, as written. Mistakes are reported. */
export function readLogin(
  name: string,
  input: LoginInput | undefined,
  folder: string,
  report: Report,
): LoginAuthenticatorSpec {
  const written: LoginInput = input ?? { issuer: '', client_id: '', cookie_secret: '' }
  const isInsecure = String(written.allow_http) === 'true'
  checkAddress(written.issuer, isInsecure, (...rest) => report(['issuer'], ...rest))
  const path = written.path ?? `/_pando/login/${name}`
  if (!/^(\/[A-Za-z0-9._~-]+)+$/.test(path) || path.split('/').some((part) => part === '.' || part === '..')) {
    report(['path'], `${quote(path)} is not a plain path`, 'write for example /login')
  }
  if (written.origin !== undefined && originOf(written.origin) !== written.origin) {
    report(['origin'], `${quote(written.origin)} is not an origin`, 'write for example https://shop.example.org')
  }
  const scopes = written.scopes ?? ['openid']
  if (!scopes.includes('openid')) {
    report(['scopes'], 'openid is missing: without it the provider does not say who it is')
  }
  return {
    kind: 'login',
    name,
    issuer: written.issuer,
    isInsecure,
    clientId: written.client_id,
    clientSecretPath: written.client_secret === undefined ? null : resolve(folder, written.client_secret),
    cookieSecretPath: resolve(folder, written.cookie_secret),
    scopes,
    sessionMs: ms(written.session, defaultSessionMs),
    path,
    origin: written.origin ?? null,
    ...readIdentity(written, false, report),
  }
}

/** As it would be written, but for what it shares with other kinds. */
export function renderLogin(spec: LoginAuthenticatorSpec, plain: (text: string) => string): object {
  return {
    issuer: plain(spec.issuer),
    client_id: plain(spec.clientId),
    ...(spec.clientSecretPath === null ? {} : { client_secret: plain(spec.clientSecretPath) }),
    cookie_secret: plain(spec.cookieSecretPath),
    scopes: spec.scopes.map(plain),
    session: formatDuration(spec.sessionMs),
    path: plain(spec.path),
    ...(spec.origin === null ? {} : { origin: plain(spec.origin) }),
    allow_http: spec.isInsecure,
  }
}

function originOf(text: string): string | null {
  try {
    const { origin, protocol } = new URL(text)
    return protocol === 'http:' || protocol === 'https:' ? origin : null
  } catch {
    return null
  }
}
