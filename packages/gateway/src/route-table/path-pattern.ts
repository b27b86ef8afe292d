import type { PathMatch } from '@pando/model'
import { normalizePath } from '../normal-path.js'

/** A path match, split for the trie. */
export interface PathPattern {
  /** In order; null stands for one segment of whatever name (not an empty one). */
  readonly segments: readonly (Uint8Array | null)[]
  /** `end`: nothing may follow. `prefix`: nothing or more segments. `rest`: a slash and whatever follows it, also nothing. */
  readonly tail: 'end' | 'prefix' | 'rest'
  readonly isExact: boolean
  /** Bytes of a path that it matches which a prefix rewrite replaces; those before the first variable of a pattern. */
  readonly prefixLength: number
}

/** The normal form of a path in a route, where it may hold spaces and non-ASCII letters raw; null when it has none. */
export function normalFormOf(path: string): Uint8Array | null {
  const encoded = path.replaceAll(/[^\u0021-\u007e]|["<>`{}]/gu, (char) =>
    encodeURIComponent(Buffer.from(char).toString()),
  )
  const bytes = Buffer.from(encoded, 'latin1')
  const out = new Uint8Array(Math.max(1, bytes.length))
  const length = normalizePath(bytes, 0, bytes.length, out)
  return length < 0 ? null : out.slice(0, length)
}

/** Null when the path can match nothing: it has no normal form, or a variable is not a whole segment. */
export function compilePath(match: PathMatch): PathPattern | null {
  if (match.type === 'pattern') return compilePattern(match.value)
  const value = normalFormOf(match.value)
  if (value === null) return null
  if (match.type === 'exact') {
    return { segments: split(value), tail: 'end', isExact: true, prefixLength: value.length }
  }
  // A prefix is whole segments, so its last slash says nothing: `/users/` is `/users`.
  const trimmed = value[value.length - 1] === 0x2f ? value.subarray(0, -1) : value
  const segments = trimmed.length === 0 ? [] : split(trimmed)
  return { segments, tail: 'prefix', isExact: false, prefixLength: trimmed.length }
}

function compilePattern(value: string): PathPattern | null {
  if (!value.startsWith('/')) return null
  const parts = value.slice(1).split('/')
  const segments: (Uint8Array | null)[] = []
  let tail: PathPattern['tail'] = 'end'
  let prefixLength = 0
  let hasVariable = false
  for (const [index, part] of parts.entries()) {
    if (/^\{[A-Za-z_][A-Za-z0-9_-]*\}$/.test(part)) {
      segments.push(null)
      hasVariable = true
    } else if (/^\{[A-Za-z_][A-Za-z0-9_-]*\.\.\.\}$/.test(part) && index === parts.length - 1) {
      tail = 'rest'
    } else {
      if (/[{}]/.test(part)) return null
      const literal = normalFormOf(`/${part}`)
      // Dot segments and empty ones (but for a last slash) would make another path of it.
      if (literal === null || (literal.length === 1 && index !== parts.length - 1)) return null
      if (literal.includes(0x2f, 1)) return null
      segments.push(literal.subarray(1))
      if (!hasVariable) prefixLength += literal.length
    }
  }
  return { segments, tail, isExact: false, prefixLength }
}

function split(path: Uint8Array): Uint8Array[] {
  const segments: Uint8Array[] = []
  let start = 1
  for (let at = 1; at <= path.length; at++) {
    if (at === path.length || path[at] === 0x2f) {
      segments.push(path.subarray(start, at))
      start = at + 1
    }
  }
  return segments
}

/**
 * Less than zero when `a` goes before `b` where both match: exact paths first, then more segments, then the one that is literal where the
 * other first has a variable, then more that is fixed behind.
 */
export function comparePaths(a: PathPattern, b: PathPattern): number {
  if (a.isExact !== b.isExact) return a.isExact ? -1 : 1
  if (a.segments.length !== b.segments.length) return b.segments.length - a.segments.length
  for (let index = 0; index < a.segments.length; index++) {
    const isOneLiteral = a.segments[index] !== null
    const isOtherLiteral = b.segments[index] !== null
    if (isOneLiteral !== isOtherLiteral) return isOneLiteral ? -1 : 1
  }
  return tailOrder[a.tail] - tailOrder[b.tail]
}

const tailOrder = { end: 0, rest: 1, prefix: 2 } as const
