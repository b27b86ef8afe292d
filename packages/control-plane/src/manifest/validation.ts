import type { Diagnostic } from '@pando/model'
import type { z } from 'zod'
import { suggest } from './nearest.js'
import type { Path, Source } from './source.js'
import { quote } from './units.js'
import { unsupportedKey } from './unsupported.js'

/** Stands for a message that the schema left to us. */
const unsaid = '\0'

type Issue = z.core.$ZodIssue

export interface Validated<T> {
  /** Null when there is any mistake. */
  readonly data: T | null
  readonly diagnostics: readonly Diagnostic[]
  /** Keys of the outermost map that have mistakes in or below them. */
  readonly wrongKeys: ReadonlySet<string>
}

/** Checks what is written at `path` of a file by its schema; every mistake gets its place in the file and the nearest valid word. */
export function validate<T>(schema: z.ZodType<T>, value: unknown, source: Source, path: Path): Validated<T> {
  // The keys that an object knows are only told while the issue is made: they are kept by the issue's own list of keys.
  const known = new WeakMap<readonly string[], readonly string[]>()
  const result = schema.safeParse(value, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys') {
        const shape = (issue.inst as unknown as { def?: { shape?: object } } | undefined)?.def?.shape
        known.set(issue.keys as string[], Object.keys(shape ?? {}))
      }
      return unsaid
    },
  })
  if (result.success) return { data: result.data, diagnostics: [], wrongKeys: new Set() }
  const diagnostics = result.error.issues.flatMap((issue) => explain(issue, value, source, path, known))
  const wrongKeys = result.error.issues.flatMap((issue) =>
    issue.path.length === 0 && issue.code === 'unrecognized_keys' ? issue.keys : issue.path.slice(0, 1).map(String),
  )
  return { data: null, diagnostics, wrongKeys: new Set(wrongKeys) }
}

function explain(
  issue: Issue,
  value: unknown,
  source: Source,
  base: Path,
  known: WeakMap<readonly string[], readonly string[]>,
): Diagnostic[] {
  const inner = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))
  const path = [...base, ...inner]
  const actual = valueAt(value, inner)

  if (issue.code === 'unrecognized_keys') {
    const words = known.get(issue.keys) ?? []
    return issue.keys.map((key) => {
      const foreign = unsupportedKey(path, key)
      if (foreign !== null) return source.mistake([...path, key], 'key', foreign.message, foreign.hint)
      return source.mistake([...path, key], 'key', `unknown key "${key}"`, suggest(key, words))
    })
  }
  if (issue.code === 'invalid_key') {
    const message = issue.issues.map(({ message }) => message).find((text) => text !== unsaid)
    return [source.mistake(path, 'key', `${quote(String(inner.at(-1) ?? ''))}: ${message ?? 'not a valid key'}`)]
  }
  if (issue.code === 'invalid_union') {
    const branch = likeliest(issue.errors)
    if (branch !== null) {
      return branch.flatMap((below) =>
        explain({ ...below, path: [...issue.path, ...below.path] } as Issue, value, source, base, known),
      )
    }
  }
  if (issue.message !== unsaid) {
    if (actual === undefined) return [source.mistake(path, 'value', `${named(inner)} is missing: ${issue.message}`)]
    const isTyped = issue.code === 'invalid_union' || issue.code === 'invalid_type' || issue.code === 'invalid_value'
    return [source.mistake(path, 'value', isTyped ? `${issue.message}, got ${describe(actual)}` : issue.message)]
  }
  if (issue.code === 'invalid_value') {
    const words = issue.values.map(String)
    const hint = typeof actual === 'string' ? suggest(actual, words) : undefined
    return [source.mistake(path, 'value', `expected ${listed(words)}, got ${describe(actual)}`, hint)]
  }
  if (issue.code === 'invalid_type') {
    const expected = typeNames[issue.expected] ?? issue.expected
    if (actual === undefined) return [source.mistake(path, 'value', `${named(inner)} is missing: expected ${expected}`)]
    return [source.mistake(path, 'value', `expected ${expected}, got ${describe(actual)}`)]
  }
  if (issue.code === 'too_big')
    return [source.mistake(path, 'value', `expected at most ${issue.maximum} ${units(issue.origin)}`.trimEnd())]
  if (issue.code === 'too_small')
    return [source.mistake(path, 'value', `expected at least ${issue.minimum} ${units(issue.origin)}`.trimEnd())]
  return [source.mistake(path, 'value', 'this value is not allowed here')]
}

/**
 * The form that was meant, of several that are allowed: the only one whose outermost type is as written; of several such
 * the one with the fewest mistakes. Null when none is.
 */
function likeliest(branches: readonly (readonly Issue[])[]): readonly Issue[] | null {
  const fitting = branches.filter((issues) =>
    issues.every(
      ({ code, path }) =>
        path.length > 0 || !(code === 'invalid_type' || code === 'invalid_value' || code === 'invalid_union'),
    ),
  )
  return fitting.toSorted((a, b) => a.length - b.length)[0] ?? null
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
  null: 'nothing',
}

/** A value as a reader of the file would call it. */
export function describe(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a map'
  return quote(value)
}

function listed(words: readonly string[]): string {
  if (words.length <= 1) return words[0] ?? 'nothing'
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

function named(path: Path): string {
  const last = path.at(-1)
  return typeof last === 'string' ? `"${last}"` : 'a value'
}

function units(origin: string): string {
  return origin === 'string' ? 'characters' : origin === 'array' || origin === 'set' ? 'entries' : ''
}

function valueAt(value: unknown, path: Path): unknown {
  let at = value
  for (const part of path) {
    if (at === null || typeof at !== 'object') return undefined
    at = (at as Record<string | number, unknown>)[part]
  }
  return at
}
