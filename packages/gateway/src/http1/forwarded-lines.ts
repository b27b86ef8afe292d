import { ascii } from './chars.js'
import type { ListenerInfo } from './exchange-client.js'
import type { Identity } from '../policy/route-policy.js'
import type { ForwardedLines } from './request-writer.js'

/** A client that has shown a certificate. */
export interface CertifiedClient {
  readonly identity: Identity
  /** The header line that tells services of it. */
  readonly line: string
}

/** What requests of one connection say upstream of where they come from. */
export function forwardedLinesOf(
  { isMesh, isSecure, port }: ListenerInfo,
  remoteAddress: string,
  client: CertifiedClient | null = null,
): ForwardedLines {
  if (isMesh) return null
  return ascii(
    `${client?.line ?? ''}X-Forwarded-For: ${remoteAddress}\r\nX-Forwarded-Proto: ${isSecure ? 'https' : 'http'}\r\nX-Forwarded-Port: ${port}\r\nX-Forwarded-Host: `,
  )
}
