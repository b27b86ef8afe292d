/**
 * The one normal form of a request's path (RFC 3986 section 6.2.2): routes match it and it is what goes upstream, so that the
 * gateway and the application never read the same bytes in two ways.
 */

const plain = 0
const slash = 1
const percent = 2
const refused = 3

/**
 * What a raw byte means in a path. Beyond RFC 3986's pchar, `[ ] ^ |` pass because browsers send them raw (WHATWG URL); quotes, angle
 * brackets, braces, backslash, `#`, `?`, space, control and non-ASCII bytes are refused.
 */
const kinds = new Uint8Array(256).fill(refused)
for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@[]^|") {
  kinds[char.charCodeAt(0)] = plain
}
kinds[0x2f] = slash
kinds[0x25] = percent

/** Value of a hex digit, 255 for any other byte. */
const hexValues = new Uint8Array(256).fill(255)
for (let value = 0; value < 16; value++) {
  hexValues[value.toString(16).charCodeAt(0)] = value
  hexValues[value.toString(16).toUpperCase().charCodeAt(0)] = value
}
const upperHex = new Uint8Array(Buffer.from('0123456789ABCDEF'))

/** Unreserved bytes (RFC 3986 section 2.3): an escape of one of them means the byte itself. */
const unreserved = new Uint8Array(256)
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~')
  unreserved[char.charCodeAt(0)] = 1

/**
 * Writes the normal form of `bytes[start, end)` to `out` and returns its length, or -1 when the path is refused.
 * `out` must hold max(1, end - start) bytes: the form is never longer than the path, but an empty path becomes `/` (RFC 9110 section 4.2.3).
 *
 * Escapes of unreserved bytes are decoded, others keep their place with upper-case hex; `//` becomes `/`; dot segments are removed.
 * Refused: what does not begin with `/`, dot segments above the root, malformed escapes, `%00`, `%2F`, `%5C`, raw bytes that no path
 * may hold, and segments that begin with `.;` or `..;` (also escaped), which some servers take for dot segments.
 */
export function normalizePath(bytes: Uint8Array, start: number, end: number, out: Uint8Array): number {
  out[0] = 0x2f
  if (start === end) return 1
  if (bytes[start] !== 0x2f) return -1
  let length = 1
  let segment = 1
  for (let at = start + 1; at < end; at++) {
    const byte = bytes[at]
    const kind = kinds[byte]
    if (kind === plain) {
      out[length++] = byte
    } else if (kind === slash) {
      if (length === segment) continue
      if (out[segment] === 0x2e) {
        const ending = dotEnding(out, segment, length)
        if (ending < 0) return -1
        if (ending !== length) {
          segment = ending
          length = ending
          continue
        }
      }
      out[length++] = 0x2f
      segment = length
    } else if (kind === percent) {
      if (at + 2 >= end) return -1
      const high = hexValues[bytes[at + 1]]
      const low = hexValues[bytes[at + 2]]
      if (high === 255 || low === 255) return -1
      const value = high * 16 + low
      if (value === 0 || value === 0x2f || value === 0x5c) return -1
      at += 2
      if (unreserved[value] === 1) {
        out[length++] = value
      } else {
        out[length] = 0x25
        out[length + 1] = upperHex[high]
        out[length + 2] = upperHex[low]
        length += 3
      }
    } else {
      return -1
    }
  }
  if (length !== segment && out[segment] === 0x2e) return dotEnding(out, segment, length)
  return length
}

/**
 * What the segment `out[segment, length)`, which begins with a dot, does to the length of the output: unchanged for an ordinary
 * name such as `.git`, the segment's start for `.`, the start of the segment before for `..`, -1 when it is refused.
 */
function dotEnding(out: Uint8Array, segment: number, length: number): number {
  const size = length - segment
  if (size === 1) return segment
  const dots = out[segment + 1] === 0x2e ? 2 : 1
  if (size === dots) {
    if (segment === 1) return -1
    let before = segment - 1
    while (out[before - 1] !== 0x2f) before--
    return before
  }
  const next = segment + dots
  if (out[next] === 0x3b) return -1
  if (out[next] === 0x25 && size >= dots + 3 && out[next + 1] === 0x33 && out[next + 2] === 0x42) return -1
  return length
}
