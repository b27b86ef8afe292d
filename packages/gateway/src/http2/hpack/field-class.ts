import { ascii, isSpace, tokenChars, valueChars } from '../../http1/chars.js'
import { fieldKind } from '../../http1/field-kinds.js'

/**
 * What a field means in HTTP/2, and whether it is well formed, as one small number: an entry of a table carries it, so that a field
 * which is repeated by its index is never looked at again.
 */
export const plain = 0
export const methodField = 1
export const schemeField = 2
export const authorityField = 3
export const pathField = 4
export const protocolField = 5
export const statusField = 6
/** A name that begins with a colon and is none of those defined. */
export const unknownPseudo = 7
/** Has no place in HTTP/2 (RFC 9113 section 8.2.2): Connection and what goes with it. */
export const connectionField = 8
export const hostField = 9
export const contentLengthField = 10
export const cookieField = 11
export const teField = 12

/** The part of a class that says what the field means. */
export const fieldMask = 15
/** An upper-case letter or another character that a name must not have (RFC 9113 section 8.2.1). */
export const badName = 16
/** A character that a value must not have, or white space around it (RFC 9113 section 8.2.1); `te` that says more than `trailers`. */
export const badValue = 32

/** Above the flags: what the field means in any version of HTTP, the constants of `http1/field-kinds.ts`. */
const kindShift = 6
/** The part of a class that the name alone decides. */
export const nameMask = fieldMask | badName | ~((1 << kindShift) - 1)

export function kindOf(fieldClass: number): number {
  return fieldClass >> kindShift
}

interface KnownName {
  readonly bytes: Uint8Array
  readonly field: number
}

const longest = 17
const byLength: KnownName[][] = Array.from({ length: longest + 1 }, () => [])
for (const [name, field] of [
  [':method', methodField],
  [':scheme', schemeField],
  [':authority', authorityField],
  [':path', pathField],
  [':protocol', protocolField],
  [':status', statusField],
  ['connection', connectionField],
  ['proxy-connection', connectionField],
  ['keep-alive', connectionField],
  ['transfer-encoding', connectionField],
  ['upgrade', connectionField],
  ['host', hostField],
  ['content-length', contentLengthField],
  ['cookie', cookieField],
  ['te', teField],
] as const) {
  byLength[name.length].push({ bytes: ascii(name), field })
}

/** Token characters without the upper-case letters. */
const nameChars = tokenChars.slice()
nameChars.fill(0, 0x41, 0x5b)

const trailers = ascii('trailers')

/** The class of the name `bytes[start, end)`. */
export function classifyName(bytes: Uint8Array, start: number, end: number): number {
  const field = fieldOf(bytes, start, end)
  return field === badName ? field : field | (fieldKind(bytes, start, end) << kindShift)
}

/** One of the constants above, or `badName`. */
function fieldOf(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start
  if (length <= longest) {
    const candidates = byLength[length]
    for (let index = 0; index < candidates.length; index++) {
      const known = candidates[index].bytes
      if (known[0] === bytes[start] && equals(bytes, start, known)) return candidates[index].field
    }
  }
  if (length === 0) return badName
  if (bytes[start] === 0x3a) return unknownPseudo
  for (let at = start; at < end; at++) if (nameChars[bytes[at]] === 0) return badName
  return plain
}

/** `badValue` when a field of the class must not have the value `bytes[start, end)`, else 0. */
export function checkValue(field: number, bytes: Uint8Array, start: number, end: number): number {
  if (start < end && (isSpace(bytes[start]) || isSpace(bytes[end - 1]))) return badValue
  for (let at = start; at < end; at++) if (valueChars[bytes[at]] === 0) return badValue
  if ((field & fieldMask) === teField && (end - start !== trailers.length || !equals(bytes, start, trailers))) {
    return badValue
  }
  return 0
}

function equals(bytes: Uint8Array, start: number, other: Uint8Array): boolean {
  for (let index = 0; index < other.length; index++) if (bytes[start + index] !== other[index]) return false
  return true
}
