import { resolve } from 'node:path'
import {
  type AuthenticatorSpec,
  type JwtAlgorithm,
  type JwtKeySource,
  publicKeyAlgorithms,
  type RouteAuth,
  sharedSecretAlgorithms,
  whyFixed,
} from '@pando/model'
import type { AuthenticatorInput, JwtInput, RouteAuthInput } from './authentication-schema.js'
import { checkAddress, ms, readIdentity, type Report } from './authentication-values.js'
import { readLogin } from './login.js'
import { isMistake, parseSize, quote } from './units.js'

const longestSkewMs = 300_000
const kinds = ['jwt', 'api_keys', 'basic', 'external', 'login'] as const

/** Authenticators as written, made whole; their files are seen from `folder`. Mistakes are reported. */
export function readAuthenticators(
  input: Readonly<Record<string, AuthenticatorInput>>,
  folder: string,
  report: Report,
): Record<string, AuthenticatorSpec> {
  const specs = Object.entries(input).flatMap(([name, written]): [string, AuthenticatorSpec][] => {
    const at: Report = (path, message, hint) => report([name, ...path], message, hint)
    if (name === 'none') at([], 'an authenticator cannot be called none', 'auth: none is what lets anybody in')
    const [kind, ...others] = kinds.filter((key) => written[key] !== undefined)
    if (kind === undefined || others.length > 0) {
      at([], `an authenticator is just one of ${kinds.join(', ')}`)
      return []
    }
    return [[name, readAuthenticator(name, kind, written, folder, (path, ...rest) => at([kind, ...path], ...rest))]]
  })
  return Object.fromEntries(specs)
}

/** What a route asks; null lets anybody in. */
export function readRouteAuth(input: RouteAuthInput): RouteAuth | null {
  if (input === 'none') return null
  if (typeof input === 'string') return { anyOf: [input], scopes: [], claims: [] }
  return {
    anyOf: input.any_of ?? [],
    scopes: input.scopes ?? [],
    claims: Object.entries(input.claims ?? {}).map(([claim, values]) => ({ claim, values: listOf(values) })),
  }
}

function readAuthenticator(
  name: string,
  kind: (typeof kinds)[number],
  written: AuthenticatorInput,
  folder: string,
  report: Report,
): AuthenticatorSpec {
  switch (kind) {
    case 'jwt':
      return readJwt(name, written.jwt ?? {}, folder, report)
    case 'api_keys': {
      const keys = written.api_keys ?? {}
      const isBearer = String(keys.bearer) === 'true'
      if (isBearer && keys.header !== undefined) report(['header'], 'write either header or bearer')
      const header = isBearer ? null : (keys.header ?? 'X-Api-Key').toLowerCase()
      return { kind, name, header, ...readIdentity(keys, false, report) }
    }
    case 'basic': {
      const basic = written.basic ?? { file: '' }
      return { kind, name, path: resolve(folder, basic.file), ...readIdentity(basic, false, report) }
    }
    case 'login':
      return readLogin(name, written.login, folder, report)
    case 'external': {
      const external = written.external ?? { url: '' }
      const isInsecure = String(external.allow_http) === 'true'
      checkAddress(external.url, isInsecure, (...rest) => report(['url'], ...rest))
      const names = (key: 'send' | 'to_service' | 'to_client', fallback: string[]): string[] => {
        const side = key === 'to_client' ? 'response' : 'request'
        for (const [index, header] of (external[key] ?? []).entries()) {
          const fixed = whyFixed(header, side)
          if (fixed !== null) report([key, index], `${quote(header)} cannot be handed on: ${fixed}`)
        }
        return (external[key] ?? fallback).map((header) => header.toLowerCase())
      }
      return {
        kind,
        name,
        url: external.url,
        isInsecure,
        timeoutMs: ms(external.timeout, 1_000),
        requestHeaders: names('send', ['authorization', 'cookie']),
        upstreamHeaders: names('to_service', []),
        clientHeaders: names('to_client', []),
        subjectHeader: external.subject?.toLowerCase() ?? null,
        failsOpen: String(external.fail_open) === 'true',
      }
    }
  }
}

function readJwt(name: string, input: JwtInput, folder: string, report: Report): AuthenticatorSpec {
  const keys = readKeys(input, folder, report)
  if (keys.from === 'url' && input.issuer === undefined) {
    report(['jwks'], 'issuer is missing: whoever else signs with these keys would be believed', 'write the issuer, too')
  }
  if (input.audience === undefined) {
    const hint = 'write the audience that yours have, or "*" if any will do'
    report([], 'audience is missing: tokens made for another program would let in here', hint)
  }
  const isSecret = keys.from === 'secret'
  const family: readonly JwtAlgorithm[] = isSecret ? sharedSecretAlgorithms : publicKeyAlgorithms
  for (const [index, algorithm] of (input.algorithms ?? []).entries()) {
    if (family.includes(algorithm)) continue
    const hint = isSecret ? 'with a secret: HS256, HS384, HS512' : 'HS256, HS384 and HS512 need a secret'
    report(['algorithms', index], `${algorithm} does not go with ${isSecret ? 'a secret' : 'public keys'}`, hint)
  }
  const skewMs = ms(input.skew, 30_000)
  if (skewMs > longestSkewMs) report(['skew'], 'the clocks may be at most 5m apart')
  const maxTokenBytes = input.max_token === undefined ? 8192 : parseSize(input.max_token)
  if (input.cookie !== undefined && !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(input.cookie)) {
    report(['cookie'], `${quote(input.cookie)} is not the name of a cookie`)
  }
  const audiences = listOf(input.audience ?? [])
  return {
    kind: 'jwt',
    name,
    keys,
    issuer: input.issuer ?? null,
    audiences: audiences.includes('*') ? [] : audiences,
    algorithms: input.algorithms ?? family,
    skewMs,
    maxTokenBytes: isMistake(maxTokenBytes) ? 8192 : maxTokenBytes,
    cookie: input.cookie ?? null,
    ...readIdentity(input, true, report),
  }
}

function readKeys(input: JwtInput, folder: string, report: Report): JwtKeySource {
  const [way, other] = (['jwks', 'keys', 'secret'] as const).filter((key) => input[key] !== undefined)
  if (other !== undefined) report([other], `write either ${way} or ${other}`)
  if (input.keys !== undefined) return { from: 'file', path: resolve(folder, input.keys) }
  if (input.secret !== undefined) return { from: 'secret', path: resolve(folder, input.secret) }
  const isInsecure = String(input.allow_http) === 'true'
  const remote = {
    isInsecure,
    maxAgeMs: ms(input.refresh, 300_000),
    cooldownMs: ms(input.cooldown, 10_000),
    maxStaleMs: ms(input.max_stale, 3_600_000),
  }
  if (remote.maxStaleMs < remote.maxAgeMs) {
    report(['max_stale'], 'keys cannot be too old before they are asked for anew', 'make it longer than refresh')
  }
  if (input.jwks !== undefined) {
    checkAddress(input.jwks, isInsecure, (...rest) => report(['jwks'], ...rest))
    return { from: 'url', url: input.jwks, ...remote }
  }
  if (input.issuer === undefined) report([], 'it does not say where the keys are', 'write issuer, jwks, keys or secret')
  else checkAddress(input.issuer, isInsecure, (...rest) => report(['issuer'], ...rest))
  return { from: 'discovery', issuer: input.issuer ?? '', ...remote }
}

function listOf(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value
}
