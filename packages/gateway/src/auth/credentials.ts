import type { PolicyRequest } from '../policy/route-policy.js'

export type RequestHeaders = Pick<PolicyRequest, 'header' | 'headerCount' | 'headers'>

/** What stands behind the scheme's name in `Authorization` (RFC 9110 section 11.4); null when there is no such header or another scheme in it. */
export function credentialsOf(request: RequestHeaders, scheme: 'bearer' | 'basic'): string | null {
  const value = request.header('authorization')
  if (value === null || value.length <= scheme.length || value[scheme.length] !== ' ') return null
  if (value.slice(0, scheme.length).toLowerCase() !== scheme) return null
  return value.slice(scheme.length + 1).trim()
}

/** The cookies of that name in the order in which they came (RFC 6265 section 5.4): more than one is nothing that a server can tell apart. */
export function cookiesOf(request: RequestHeaders, name: string): readonly string[] {
  return pairsOf(request)
    .filter((pair) => nameOf(pair) === name)
    .map((pair) => pair.slice(pair.indexOf('=') + 1).trim())
}

/** The line of the `Cookie` header without those that are not to go on; empty when none is left. */
export function cookieLineWithout(request: RequestHeaders, isDropped: (name: string) => boolean): string {
  const kept = pairsOf(request).filter((pair) => !isDropped(nameOf(pair)))
  return kept.length === 0 ? '' : `Cookie: ${kept.join('; ')}\r\n`
}

/** Name and value of each cookie. HTTP/2 may send them in several lines (RFC 9113 section 8.2.3); a comma is part of a value. */
export function pairsOf(request: RequestHeaders): string[] {
  const count = request.headerCount('cookie')
  if (count === 0) return []
  const lines =
    count === 1
      ? [request.header('cookie') ?? '']
      : request.headers().flatMap(([name, value]) => (name === 'cookie' ? [value] : []))
  return lines.flatMap((line) =>
    line
      .split(';')
      .map((pair) => pair.trim())
      .filter((pair) => pair !== ''),
  )
}

function nameOf(pair: string): string {
  const equals = pair.indexOf('=')
  return equals === -1 ? '' : pair.slice(0, equals).trim()
}

/** A value in quotes, for a challenge (RFC 9110 section 5.6.4). */
export function quoted(text: string): string {
  return `"${text.replace(/[^\u0020-\u007e]/g, '?').replace(/["\\]/g, String.raw`\$&`)}"`
}
