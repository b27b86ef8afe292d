import type { ClaimHeader } from '@pando/model'
import { CompiledEdit } from '../route-table/header-edit.js'
import { claimAt, type Claims } from './jwt/claims.js'

const longestValue = 2_048
/** More spellings than this are not worth a header. */
const mostHyphens = 5

/**
 * Takes headers out by name, in every spelling that a service behind CGI or WSGI takes for the same: `X_User` passes for `X-User` there.
 * Null when there is nothing to do.
 */
export function strippingEdit(names: readonly string[], lines: string | Uint8Array = ''): CompiledEdit | null {
  if (names.length === 0 && lines.length === 0) return null
  return new CompiledEdit(
    [...new Set(names.flatMap(spellings))].map((name) => Buffer.from(name)),
    typeof lines === 'string' ? Buffer.from(lines) : lines,
  )
}

/**
 * Lines that tell a service who it is. A value that cannot stand in one line, or in a list only so that it reads as something else, is
 * left out whole: better nobody than somebody else.
 */
export function identityLines(headers: readonly ClaimHeader[], claims: Claims): string {
  let lines = ''
  for (const { claim, header } of headers) {
    const text = textOf(claimAt(claims, claim))
    if (text !== null) lines += `${header}: ${text}\r\n`
  }
  return lines
}

/** The spellings of a name in lower case, with `-` and `_` for each `-`. */
function spellings(name: string): string[] {
  const parts = name.split('-')
  if (parts.length > mostHyphens + 1) return [name, name.replaceAll('-', '_')]
  return parts
    .slice(1)
    .reduce((made, part) => made.flatMap((start) => [`${start}-${part}`, `${start}_${part}`]), [parts[0]])
}

function textOf(value: unknown): string | null {
  if (Array.isArray(value)) {
    const texts = value.map((item: unknown) => (typeof item === 'object' ? null : textOf(item)))
    return texts.some((text) => text === null || text.includes(',')) ? null : fit(texts.join(','))
  }
  if (typeof value === 'string') return fit(value)
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return value === null || value === undefined ? null : fit(JSON.stringify(value))
}

/** RFC 9110 section 5.5: no control characters; and no space at either end, which would not arrive. */
function fit(text: string): string | null {
  // oxlint-disable-next-line no-control-regex -- control characters are what must not get through.
  return text === '' || /[\u0000-\u001f\u007f]/.test(text) || text.trim() !== text || text.length > longestValue
    ? null
    : text
}
