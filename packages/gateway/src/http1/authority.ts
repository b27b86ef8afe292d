import { hostChars, ipv6Chars } from './chars.js'

/**
 * Where the host of `bytes[start, end)` ends, which is a host with an optional `:port` (RFC 9110 section 7.2); -1 when it is not one.
 * The host may be empty only when nothing follows. Port: digits up to 65535, or none after the colon.
 */
export function hostEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  if (at < end && bytes[at] === 0x5b) {
    at++
    const inner = at
    while (at < end && ipv6Chars[bytes[at]] === 1) at++
    if (at === end || bytes[at] !== 0x5d || at - inner < 2) return -1
    at++
  } else {
    while (at < end && hostChars[bytes[at]] === 1) at++
  }
  if (at === end) return at
  if (bytes[at] !== 0x3a || at === start) return -1
  let port = 0
  for (let digit = at + 1; digit < end; digit++) {
    const value = bytes[digit] - 0x30
    if (value < 0 || value > 9) return -1
    port = port * 10 + value
    if (port > 65535) return -1
  }
  return at
}
