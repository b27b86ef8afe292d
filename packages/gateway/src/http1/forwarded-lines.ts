import { ascii } from './chars.js'
import type { ListenerInfo } from './exchange-client.js'
import type { ForwardedLines } from './request-writer.js'

/** What requests of one connection say upstream of where they come from. `clientLine`: the line that names the client by its certificate, or nothing. */
export function forwardedLinesOf(
  { isMesh, isSecure, port }: ListenerInfo,
  remoteAddress: string,
  clientLine = '',
): ForwardedLines {
  if (isMesh) return null
  return ascii(
    `${clientLine}X-Forwarded-For: ${remoteAddress}\r\nX-Forwarded-Proto: ${isSecure ? 'https' : 'http'}\r\nX-Forwarded-Port: ${port}\r\nX-Forwarded-Host: `,
  )
}
