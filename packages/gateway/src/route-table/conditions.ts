import type { ValueMatch } from '@pando/model'
import type { RequestView } from '../http1/request-view.js'

/** What a match asks beside host and path, as bytes. */
export interface Conditions {
  /** Null takes every method. */
  readonly method: Uint8Array | null
  readonly headers: readonly ValueCondition[]
  readonly query: readonly ValueCondition[]
}

export interface ValueCondition {
  readonly name: Uint8Array
  readonly type: ValueMatch['type']
  readonly value: Uint8Array
}

const noBytes = new Uint8Array(0)

export function compileConditions(
  method: string | null,
  headers: readonly ValueMatch[],
  query: readonly ValueMatch[],
): Conditions {
  return {
    method: method === null ? null : Buffer.from(method, 'latin1'),
    headers: headers.map((match) => compileValue(match, match.name.toLowerCase())),
    query: query.map((match) => compileValue(match, match.name)),
  }
}

function compileValue(match: ValueMatch, name: string): ValueCondition {
  return {
    name: Buffer.from(name),
    type: match.type,
    value: match.type === 'present' ? noBytes : Buffer.from(match.value),
  }
}

export function takesMethod(conditions: Conditions, view: RequestView): boolean {
  const { method } = conditions
  if (method === null) return true
  if (method.length !== view.methodEnd - view.methodStart) return false
  for (let at = 0; at < method.length; at++) if (method[at] !== view.bytes[view.methodStart + at]) return false
  return true
}

/** Headers and query, all of them. */
export function takesValues(conditions: Conditions, view: RequestView): boolean {
  const { headers, query } = conditions
  for (let index = 0; index < headers.length; index++) if (!hasHeader(headers[index], view)) return false
  for (let index = 0; index < query.length; index++) if (!hasParameter(query[index], view)) return false
  return true
}

/** Where a header comes in several lines, one that matches is enough. */
function hasHeader(condition: ValueCondition, view: RequestView): boolean {
  const { headers, bytes } = view
  for (let at = 0; at < view.headerCount * 4; at += 4) {
    if (!isName(condition.name, bytes, headers[at], headers[at + 1])) continue
    if (condition.type === 'present') return true
    const start = headers[at + 2]
    const length = headers[at + 3] - start
    const { value } = condition
    if (condition.type === 'exact' ? length !== value.length : length < value.length) continue
    let same = 0
    while (same < value.length && bytes[start + same] === value[same]) same++
    if (same === value.length) return true
  }
  return false
}

/** True when the bytes are the lower-case `name` in whatever case. */
export function isName(name: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false
  for (let at = 0; at < name.length; at++) {
    const byte = bytes[start + at]
    if ((byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte) !== name[at]) return false
  }
  return true
}

/** The first parameter of that name decides, as the Gateway API recommends for repeated ones. */
function hasParameter(condition: ValueCondition, view: RequestView): boolean {
  const { bytes, queryEnd } = view
  let start = view.queryStart
  while (start < queryEnd) {
    let end = start
    let equals = -1
    for (; end < queryEnd && bytes[end] !== 0x26; end++) if (bytes[end] === 0x3d && equals < 0) equals = end
    if (isDecoded(condition.name, bytes, start, equals < 0 ? end : equals, false)) {
      if (condition.type === 'present') return true
      return isDecoded(condition.value, bytes, equals < 0 ? end : equals + 1, end, condition.type === 'prefix')
    }
    start = end + 1
  }
  return false
}

/** True when the form-encoded bytes (`+`, `%20`) mean `wanted`, or begin with it. A malformed escape means itself. */
function isDecoded(wanted: Uint8Array, bytes: Uint8Array, start: number, end: number, isPrefix: boolean): boolean {
  let matched = 0
  for (let at = start; at < end; at++) {
    if (matched === wanted.length) return isPrefix
    let byte = bytes[at]
    if (byte === 0x2b) {
      byte = 0x20
    } else if (byte === 0x25 && at + 2 < end) {
      const value = hexValue(bytes[at + 1]) * 16 + hexValue(bytes[at + 2])
      if (value >= 0) {
        byte = value
        at += 2
      }
    }
    if (byte !== wanted[matched]) return false
    matched++
  }
  return matched === wanted.length
}

/** -1000 for what is no hex digit, so that a sum with one is negative. */
function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1000
}
