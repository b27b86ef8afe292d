import { ascii, equalsName } from './chars.js'
import type { Head } from './head.js'

const h2c = ascii('h2c')

/**
 * Whether the request asks for an upgrade that may be passed on (RFC 9110 section 7.8). HTTP/2 is not one of them: it would be a tunnel past
 * routes and limits (and RFC 9113 has dropped it). The caller knows whether the request has a body, which none of ours may.
 */
export function wantsUpgrade(parser: Head): boolean {
  const index = parser.upgradeIndex
  if (index === -1 || !parser.hasUpgradeOption || parser.minorVersion === 0) return false
  const start = parser.headers[index * 4 + 2]
  const end = parser.headers[index * 4 + 3]
  for (let at = start; at + h2c.length <= end; at++) {
    if (equalsName(parser.bytes, at, at + h2c.length, h2c)) return false
  }
  return end > start
}
