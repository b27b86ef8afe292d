import { isIPv4, isIPv6 } from 'node:net'

/** An IP address as numbers: four bytes of IPv4 (an IPv4-mapped IPv6 address is one), or eight groups of 16 bits. */
export interface Address {
  readonly isV4: boolean
  readonly parts: readonly number[]
}

/** Null when the text is no address. A zone (`%eth0`) is no part of it. */
export function parseAddress(text: string): Address | null {
  if (isIPv4(text)) return { isV4: true, parts: text.split('.').map(Number) }
  const zone = text.indexOf('%')
  const plain = zone === -1 ? text : text.slice(0, zone)
  if (!isIPv6(plain)) return null
  const groups = groupsOf(plain)
  const isMapped = groups.every((group, index) => (index < 5 ? group === 0 : index > 5 || group === 0xffff))
  if (!isMapped) return { isV4: false, parts: groups }
  const [high = 0, low = 0] = groups.slice(6)
  return { isV4: true, parts: [high >> 8, high & 255, low >> 8, low & 255] }
}

/** One spelling for each address: `2001:db8::1` and `2001:DB8:0::1` are the same. */
export function canonicalAddress(address: Address): string {
  return address.isV4 ? address.parts.join('.') : address.parts.map((group) => group.toString(16)).join(':')
}

/**
 * Who is behind an address: an IPv4 address itself, of IPv6 its first 64 bits, since one subscriber has all of these and could take a new
 * address for each request. What is no address stands for itself.
 */
export function subscriberOf(text: string): string {
  // Most are IPv4, in the one spelling that a socket gives.
  if (!text.includes(':')) return text
  const address = parseAddress(text)
  if (address === null) return text
  if (address.isV4) return canonicalAddress(address)
  return `${address.parts
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`
}

function groupsOf(text: string): number[] {
  const dot = text.lastIndexOf('.')
  let plain = text
  if (dot !== -1) {
    // The last 32 bits may be written as an IPv4 address (RFC 4291 section 2.2).
    const colon = text.lastIndexOf(':')
    const [a = 0, b = 0, c = 0, d = 0] = text
      .slice(colon + 1)
      .split('.')
      .map(Number)
    plain = `${text.slice(0, colon + 1)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  }
  const [head = '', tail] = plain.split('::')
  if (tail === undefined) return numbersOf(head)
  const before = numbersOf(head)
  const after = numbersOf(tail)
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after]
}

function numbersOf(groups: string): number[] {
  return groups === '' ? [] : groups.split(':').map((group) => Number.parseInt(group, 16))
}
