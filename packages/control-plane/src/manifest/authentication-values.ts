import { type ClaimHeader, whyFixed } from '@pando/model'
import type { IdentityInput } from './authentication-schema.js'
import type { Path } from './source.js'
import { isMistake, parseDuration, quote } from './units.js'

export type Report = (path: Path, message: string, hint?: string) => void

const mostHyphens = 5

export function readIdentity(
  { headers, forward }: IdentityInput,
  forwards: boolean,
  report: Report,
): { readonly claimHeaders: readonly ClaimHeader[]; readonly forwardsCredential: boolean } {
  for (const header of Object.keys(headers ?? {})) {
    const lower = header.toLowerCase()
    const fixed =
      whyFixed(header, 'request') ??
      (lower === 'authorization' || lower === 'cookie' ? 'it has the credential of the client' : null) ??
      (header.split('-').length > mostHyphens + 1 ? `a name has at most ${mostHyphens} hyphens` : null)
    if (fixed !== null) report(['headers', header], `${quote(header)} cannot tell who it is: ${fixed}`)
  }
  return {
    claimHeaders: Object.entries(headers ?? {}).map(([header, claim]) => ({ claim, header })),
    forwardsCredential: forward === undefined ? forwards : String(forward) === 'true',
  }
}

/** Whoever is between could decide who gets in. */
export function checkAddress(
  text: string,
  isInsecure: boolean,
  report: (message: string, hint?: string) => void,
): void {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    report(`${quote(text)} is not an address`, 'write for example https://issuer.example.org')
    return
  }
  if (url.username !== '' || url.password !== '') report('an address has no password in it here')
  if (url.protocol === 'https:') return
  if (url.protocol !== 'http:') report(`${quote(text)} is not an address of https`)
  else if (!isInsecure && !/^(localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname)) {
    report('plain http is for this machine only', 'write https, or allow_http: true where the network is trusted')
  }
}

export function ms(value: string | number | undefined, fallback: number): number {
  const parsed = value === undefined ? fallback : parseDuration(value)
  return isMistake(parsed) ? fallback : parsed
}
