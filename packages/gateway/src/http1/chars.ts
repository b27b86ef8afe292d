import { wordBuffer } from './words.js'

/**
 * One table a character class, indexed by byte, so that checking a byte is one load. 1 means "belongs to it".
 * Sources: RFC 9110 section 5.6.2 (token), section 5.5 (field-value), RFC 3986 section 2 (target), section 3.2.2 (host).
 */
function classOf(chars: string): Uint8Array {
  const table = new Uint8Array(256)
  for (const char of chars) table[char.charCodeAt(0)] = 1
  return table
}

const digits = '0123456789'
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

export const tokenChars = classOf(`!#$%&'*+-.^_\`|~${digits}${letters}`)

/** Field values: horizontal tab, space, visible ASCII, and obs-text (0x80 to 0xff). */
export const valueChars = new Uint8Array(256).fill(1, 0x20, 0x7f).fill(1, 0x80)
valueChars[0x09] = 1

/**
 * Request targets: visible ASCII but for `"`, `#`, `<`, `>`. That is wider than RFC 3986 by the bytes that browsers send raw in a
 * query (`\ ^ { | }` and the backtick); the path is checked again, more strictly, when it is normalized. 2 marks `?`.
 */
export const targetChars = new Uint8Array(256).fill(1, 0x21, 0x7f)
for (const char of '"#<>') targetChars[char.charCodeAt(0)] = 0
targetChars[0x3f] = 2

/** Names of hosts: what DNS and IPv4 addresses need and no more (no user information, no percent-encoding, no list). */
export const hostChars = classOf(`-._~${digits}${letters}`)

/** What may stand between the brackets of an IPv6 literal. */
export const ipv6Chars = classOf(`:.${digits}ABCDEFabcdef`)

/** Value of a hex digit, 255 for any other byte. */
export const hexValues = new Uint8Array(256).fill(255)
for (let value = 0; value < 16; value++) {
  hexValues[value.toString(16).charCodeAt(0)] = value
  hexValues[value.toString(16).toUpperCase().charCodeAt(0)] = value
}

export const hexDigits = new Uint8Array(Buffer.from('0123456789abcdef'))

/** ASCII lower case; every other byte as it is. */
export const lowerCase = new Uint8Array(256)
for (let byte = 0; byte < 256; byte++) lowerCase[byte] = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte

/** True when `bytes[start, end)` is `name` without regard to case; `name` is in lower case. */
export function equalsName(bytes: Uint8Array, start: number, end: number, name: Uint8Array): boolean {
  const length = end - start
  if (length !== name.length) return false
  for (let index = 0; index < length; index++) {
    if (lowerCase[bytes[start + index]] !== name[index]) return false
  }
  return true
}

/** Optional white space (RFC 9110 section 5.6.3): a space or a tab. */
export function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09
}

/** The text that `bytes[start, end)` are, a character each. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
}

export function ascii(text: string): Uint8Array {
  const bytes = wordBuffer(text.length)
  bytes.write(text, 'latin1')
  return bytes
}
