import type { RequestView } from './request-view.js'
import { latin1 } from './chars.js'

/** A header's value, several lines joined by `, `; null when there is none. `name` is in lower case. */
export function headerValue(view: RequestView, name: string): string | null {
  const { bytes, headers, headerCount } = view
  let value: string | null = null
  for (let field = 0; field < headerCount * 4; field += 4) {
    if (!isNamed(bytes, headers[field] as number, headers[field + 1] as number, name)) continue
    const line = latin1(bytes, headers[field + 2] as number, headers[field + 3] as number)
    value = value === null ? line : `${value}, ${line}`
  }
  return value
}

function isNamed(bytes: Uint8Array, start: number, end: number, name: string): boolean {
  if (end - start !== name.length) return false
  for (let at = 0; at < name.length; at++) {
    const byte = bytes[start + at] as number
    if ((byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte) !== name.charCodeAt(at)) return false
  }
  return true
}
