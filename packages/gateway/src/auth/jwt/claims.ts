export type Claims = Readonly<Record<string, unknown>>

export interface ExpectedClaims {
  readonly issuer: string | null
  readonly audiences: readonly string[]
  readonly skewMs: number
}

/**
 * Why a token with these claims is not taken at `nowMs` (milliseconds since 1970), null when it is: RFC 7519 section 4.1. `exp` must be
 * there, as a token that never ends cannot be taken back.
 */
export function wrongInClaims(claims: Claims, expected: ExpectedClaims, nowMs: number): string | null {
  const { exp, nbf, iat, iss, sub } = claims
  if (!isTime(exp)) return 'The token does not say when it expires.'
  if (nowMs >= exp * 1000 + expected.skewMs) return 'The token has expired.'
  if (nbf !== undefined && !isTime(nbf)) return 'The claim nbf is no time.'
  if (nbf !== undefined && nowMs < nbf * 1000 - expected.skewMs) return 'The token is not valid yet.'
  if (iat !== undefined && !isTime(iat)) return 'The claim iat is no time.'
  if (sub !== undefined && typeof sub !== 'string') return 'The claim sub is no text.'
  if (expected.issuer !== null && iss !== expected.issuer) return 'The issuer of the token is not accepted.'
  if (
    expected.audiences.length > 0 &&
    !audiencesOf(claims).some((name) => expected.audiences.includes(name as string))
  ) {
    return 'The token is meant for another audience.'
  }
  return null
}

/** Milliseconds since 1970 from which on a token with right claims is refused. */
export function expiryOf(claims: Claims, skewMs: number): number {
  return (claims['exp'] as number) * 1000 + skewMs
}

/** `scope` as words (RFC 8693 section 4.2), or `scp` as words or a list, as some issuers write it. */
export function scopesOf(claims: Claims): readonly string[] {
  const scopes = claims['scope'] ?? claims['scp']
  if (typeof scopes === 'string') return scopes.split(' ').filter((scope) => scope !== '')
  return Array.isArray(scopes) ? scopes.filter((scope) => typeof scope === 'string') : []
}

/** Who it is: `sub`, or for a program that speaks for itself alone its `client_id` (RFC 9068 section 2.2); empty when neither is said. */
export function subjectOf(claims: Claims): string {
  const { sub, client_id: clientId } = claims
  if (typeof sub === 'string') return sub
  return typeof clientId === 'string' ? clientId : ''
}

/** A claim by its whole name (which may have dots, as names that are addresses do), else by a path into objects; undefined when there is none. */
export function claimAt(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path]
  let at: unknown = claims
  for (const name of path.split('.')) {
    if (typeof at !== 'object' || at === null || Array.isArray(at) || !Object.hasOwn(at, name)) return undefined
    at = (at as Record<string, unknown>)[name]
  }
  return at
}

function audiencesOf(claims: Claims): readonly unknown[] {
  const { aud } = claims
  return Array.isArray(aud) ? aud : [aud]
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}
