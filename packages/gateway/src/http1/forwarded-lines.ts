import type { Identity } from '../policy/route-policy.js'
import { ascii } from './chars.js'
import type { ListenerInfo } from './exchange-client.js'

/** A client that has shown a certificate. */
export interface CertifiedClient {
  readonly identity: Identity
  /** The header line that tells services of it. */
  readonly line: string
}

/** What requests that come to a listener say upstream of that, behind the address of their client and up to their host; null on mesh listeners. */
export function forwardedLinesOf({
  isMesh,
  isSecure,
  port,
}: Pick<ListenerInfo, 'isMesh' | 'isSecure' | 'port'>): Uint8Array | null {
  if (isMesh) return null
  return ascii(
    `\r\nX-Forwarded-Proto: ${isSecure ? 'https' : 'http'}\r\nX-Forwarded-Port: ${port}\r\nX-Forwarded-Host: `,
  )
}
