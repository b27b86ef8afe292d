import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'

/** Longer ones are said by their hash alone. */
const longestSubject = 1_024
const mostNames = 16

/**
 * Who the client is by its certificate, as one line of the request that goes to a service: `X-Forwarded-Client-Cert: Hash=…;Subject="CN=…";URI=…;DNS=…`,
 * in Envoy's form. Empty when it has shown none. From outside such a line is never believed: it begins with X-Forwarded-.
 */
export function clientCertificateLine(certificate: X509Certificate | undefined): string {
  if (certificate === undefined) return ''
  const hash = certificate.fingerprint256.replaceAll(':', '').toLowerCase()
  const subject = subjectOf(certificate.subject)
  const names = (certificate.subjectAltName ?? '').split(', ').slice(0, mostNames)
  const parts = [
    `Hash=${hash}`,
    ...(subject === '' || subject.length > longestSubject ? [] : [`Subject="${subject}"`]),
    ...valuesOf(names, 'URI:').map((uri) => `URI=${uri}`),
    ...valuesOf(names, 'DNS:').map((name) => `DNS=${name}`),
  ]
  return `X-Forwarded-Client-Cert: ${parts.join(';')}\r\n`
}

/** In words why the client may not go on; null when it may. */
export function clientMistake(socket: TLSSocket, isRequired: boolean): string | null {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return isRequired ? 'The connection came without a client certificate.' : null
  if (socket.authorized) return null
  return `The client certificate cannot be trusted (${String(socket.authorizationError)}).`
}

/** Of a subject in OpenSSL's lines, `CN=…\nO=…`, one line in which nothing can end the value or the header. */
function subjectOf(lines: string | undefined): string {
  return (lines ?? '')
    .split('\n')
    .map((line) => line.replace(/[^\x20-\x7e]|["\\,;+<>]/gu, escaped))
    .join(',')
}

function escaped(character: string): string {
  return [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}

/** Only values in which nothing has a meaning of its own in the header. */
function valuesOf(names: readonly string[], kind: string): string[] {
  return names
    .filter((name) => name.startsWith(kind))
    .map((name) => name.slice(kind.length))
    .filter((value) => /^[A-Za-z0-9._~:/?#@!$&'()*+%-]{1,512}$/.test(value))
}
