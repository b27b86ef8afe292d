import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { CertifiedClient } from '../http1/forwarded-lines.js'

/** Longer ones are said by their hash alone. */
const longestSubject = 1_024
const mostNames = 16

/**
 * Who the client is by its certificate; null when it has shown none. Policies know it by its subject, or by the hash where that is empty. To services goes
 * `X-Forwarded-Client-Cert: Hash=…;Subject="CN=…";URI=…;DNS=…`, in Envoy's form; from outside such a line is never believed, as it begins with X-Forwarded-.
 */
export function certifiedClient(certificate: X509Certificate | undefined): CertifiedClient | null {
  if (certificate === undefined) return null
  const hash = certificate.fingerprint256.replaceAll(':', '').toLowerCase()
  const subject = subjectOf(certificate.subject)
  const names = (certificate.subjectAltName ?? '').split(', ').slice(0, mostNames)
  const parts = [
    `Hash=${hash}`,
    ...(subject === '' || subject.length > longestSubject ? [] : [`Subject="${subject}"`]),
    ...valuesOf(names, 'URI:').map((uri) => `URI=${uri}`),
    ...valuesOf(names, 'DNS:').map((name) => `DNS=${name}`),
  ]
  return {
    identity: { kind: 'certificate', subject: subject === '' ? hash : subject, claims: { hash, subject } },
    line: `X-Forwarded-Client-Cert: ${parts.join(';')}\r\n`,
  }
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
