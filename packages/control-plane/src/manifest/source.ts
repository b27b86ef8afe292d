import type { Diagnostic } from '@pando/model'
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  visit,
  type Alias,
  type Document,
  type Node,
  type Scalar,
  type YAMLMap,
} from 'yaml'
import { interpolate, type Interpolation } from './interpolation.js'

export type Path = readonly (string | number)[]

/** Mistakes beyond this many in one file are not listed: the first ones usually explain the rest. */
export const mostDiagnostics = 100

/** Bytes of the largest manifest, included file or environment file that is read. */
export const largestFile = 1_048_576

/** Values after aliases are followed. A file of 1 MiB without aliases has fewer; a "billion laughs" has more. */
const mostValues = 200_000
const mostMerges = 1000
const deepestNesting = 64
const tooDeep = 'the file is nested too deeply to be read'

export interface SourceOptions {
  readonly variables: Interpolation['variables']
  /** Names known only when a program starts, for better hints. */
  readonly isGiven: Interpolation['isGiven']
  /** Values at these paths are taken as they are. */
  readonly isRaw: (path: Path) => boolean
  /** Maps at these paths hold the user's own names, so that `x-` at their beginning means nothing. */
  readonly isFreeForm: (path: Path) => boolean
  /** Present: a variable that is not set is told here and stands for nothing; absent: it is a mistake. */
  readonly onUnset?: (diagnostic: Diagnostic) => void
}

/** One YAML file as plain values, with variables replaced, and the place of each of them. */
export interface Source {
  readonly file: string
  /** Where its paths are seen from, when that is not the folder of the file. */
  readonly folder?: string
  /** Null when the file is empty or cannot be read as YAML. */
  readonly value: unknown
  readonly diagnostics: readonly Diagnostic[]
  /** Variables that were set and asked for. */
  readonly used: ReadonlySet<string>
  /** A mistake at a path: at its key or value, or at the nearest thing around it that is written. */
  mistake(path: Path, part: 'key' | 'value', message: string, hint?: string, snippet?: string): Diagnostic
  /** A scalar as it is written, `1.10` rather than the number 1.1; undefined when nothing is written there. */
  written(path: Path): string | undefined
}

interface Spot {
  readonly key: number | null
  readonly start: number
  readonly end: number
  readonly written: string | undefined
}

export function parseSource(file: string, text: string, options: SourceOptions): Source {
  const lineStarts = startsOfLines(text)
  const spots = new Map<string, Spot>()
  const diagnostics: Diagnostic[] = []
  const used = new Set<string>()

  const at = (offset: number): { line: number; column: number } => {
    const inside = Math.max(0, Math.min(offset, text.length))
    const line = lastAtMost(lineStarts, inside)
    return { line: line + 1, column: inside - (lineStarts[line] ?? 0) + 1 }
  }
  const mistakeAt = (offset: number, path: Path, message: string, hint?: string): Diagnostic => ({
    file,
    ...at(offset),
    path: formatPath(path),
    message,
    ...(hint === undefined ? {} : { hint }),
  })
  const report = (diagnostic: Diagnostic): void => {
    if (diagnostics.length < mostDiagnostics) diagnostics.push(diagnostic)
  }
  const mistake: Source['mistake'] = (path, part, message, hint, snippet) => {
    let spot = spots.get(spotKey(path))
    let known = path
    while (spot === undefined && known.length > 0) {
      known = known.slice(0, -1)
      spot = spots.get(spotKey(known))
    }
    // What is missing is reported where it should be: at the key of the map around it.
    const isExact = known.length === path.length
    let offset = spot === undefined ? 0 : isExact && part === 'value' ? spot.start : (spot.key ?? spot.start)
    if (spot !== undefined && snippet !== undefined) {
      const index = text.slice(spot.start, spot.end).indexOf(snippet)
      if (index !== -1) offset = spot.start + index
    }
    return mistakeAt(offset, path, message, hint)
  }
  const source = (value: unknown): Source => ({
    file,
    value,
    diagnostics,
    used,
    mistake,
    written: (path) => spots.get(spotKey(path))?.written,
  })

  let document: Document
  let targets: ReadonlyMap<Alias, Node>
  try {
    document = parseDocument(text, {
      prettyErrors: false,
      merge: false,
      // Ours below: the parser compares every key with every other.
      uniqueKeys: false,
      // 'silent' would also keep it from telling of a second document.
      logLevel: 'error',
    })
    targets = aliasTargets(document)
  } catch {
    // The YAML parser recurses, and ends so only when the stack does.
    report({ file, line: 1, column: 1, path: '', message: tooDeep })
    return source(null)
  }
  const problems = [...document.errors, ...document.warnings]
  for (const [index, problem] of problems.entries()) {
    // Of several at one place the first is the cause.
    if (problems[index - 1]?.pos[0] === problem.pos[0]) continue
    const [message, hint] = explainYaml(problem.code, problem.message)
    report(mistakeAt(problem.pos[0], [], message, hint))
    // Where the stack has ended, the parser may tell of that again one level further out.
    if (message === tooDeep) break
  }
  if (problems.length > 0) return source(null)

  let values = 0
  let merges = 0
  let hasOverflowed = false
  const overflow = (node: Node | null | undefined, path: Path, message: string): null => {
    if (!hasOverflowed) report(mistakeAt(node?.range?.[0] ?? 0, path, message))
    hasOverflowed = true
    return null
  }

  const toValue = (node: unknown, path: Path, key: number | null, outer: number | null): unknown => {
    if (hasOverflowed) return null
    const yaml = node as Node | null
    const range = yaml?.range
    const start = outer ?? range?.[0] ?? key ?? 0
    const isLeaf = isScalar(yaml)
    spots.set(spotKey(path), {
      key,
      start,
      end: outer === null ? (range?.[1] ?? start) : start,
      written: isLeaf ? writtenScalar(yaml) : undefined,
    })
    if (++values > mostValues) return overflow(yaml, path, `aliases make more than ${mostValues} values of this file`)
    if (path.length > deepestNesting) return overflow(yaml, path, `nested more than ${deepestNesting} deep`)
    if (isAlias(yaml)) {
      const target = targets.get(yaml)
      if (target === undefined) return overflow(yaml, path, `the alias *${yaml.source} has no anchor before it`)
      // Mistakes inside what an alias stands for are shown at the alias: there they are mistakes, not at the anchor.
      return toValue(target, path, key, start)
    }
    if (isMap(yaml)) return toRecord(yaml, path, outer)
    if (isSeq(yaml)) return yaml.items.map((item, index) => toValue(item, [...path, index], null, outer))
    if (!isLeaf) return null
    const { value } = yaml as Scalar
    if (typeof value === 'bigint') return Number(value)
    if (typeof value !== 'string' || options.isRaw(path)) return value
    const { variables, isGiven, onUnset } = options
    const result = interpolate(value, {
      variables,
      isGiven,
      mode: 'value',
      ...(onUnset === undefined
        ? {}
        : {
            onUnset: (name, snippet) =>
              onUnset(mistake(path, 'value', `the variable ${name} is not set`, 'it stands for nothing', snippet)),
          }),
    })
    for (const name of result.used) used.add(name)
    for (const { snippet, message, hint } of result.mistakes) report(mistake(path, 'value', message, hint, snippet))
    const spot = spots.get(spotKey(path))
    if (spot !== undefined) spots.set(spotKey(path), { ...spot, written: result.text })
    return result.text
  }

  const toRecord = (map: YAMLMap, path: Path, outer: number | null): Record<string, unknown> => {
    const own = new Map<string, unknown>()
    const merged = new Map<string, unknown>()
    const keyOffset = (key: Node | null): number => outer ?? key?.range?.[0] ?? map.range?.[0] ?? 0
    // Merged values first, so that keys of the map's own take their places.
    for (const { key, value } of map.items) {
      if (!isMergeKey(key)) continue
      for (const [name, item] of mergeEntries(value, path, keyOffset(key as Node))) merged.set(name, item)
    }
    for (const pair of map.items) {
      const keyNode = pair.key as Node | null
      if (isMergeKey(keyNode)) continue
      const offset = keyOffset(keyNode)
      const name = isScalar(keyNode) && keyNode.value !== null ? writtenScalar(keyNode) : undefined
      if (name === undefined || name === '__proto__') {
        report(mistakeAt(offset, path, name === undefined ? 'a key must be a word' : '__proto__ cannot be a key'))
        continue
      }
      if (own.has(name)) {
        report(mistakeAt(offset, [...path, name], `the key "${name}" is there twice`, 'keep one of the two'))
        continue
      }
      if (name.startsWith('x-') && !options.isFreeForm(path)) continue
      own.set(name, toValue(pair.value, [...path, name], offset, outer))
    }
    for (const [name, value] of merged) if (!own.has(name)) own.set(name, value)
    return Object.fromEntries(own)
  }

  /** `<<: *map` or `<<: [*first, *second]`, where the first has the say (https://yaml.org/type/merge.html). */
  const mergeEntries = (node: unknown, path: Path, offset: number): [string, unknown][] => {
    const target = isAlias(node) ? targets.get(node) : node
    if (++merges > mostMerges) {
      overflow(target as Node, path, `more than ${mostMerges} merges, or a merge of a map into itself`)
      return []
    }
    if (isMap(target)) return Object.entries(toRecord(target as YAMLMap, path, offset))
    if (isSeq(target)) return target.items.toReversed().flatMap((item) => mergeEntries(item, path, offset))
    report(mistakeAt(offset, path, '<< takes a map, an alias of a map, or a list of those'))
    return []
  }

  const value = toValue(document.contents, [], null, null)
  return source(hasOverflowed ? null : value)
}

/** `services.users.routes[0].path`. */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    return text === '' ? part : `${text}.${part}`
  }, '')
}

/**
 * Offsets at which lines begin. Ours, because the parser's own line counter misses line ends inside flow collections and multi-line
 * scalars that are broken.
 */
function startsOfLines(text: string): number[] {
  const starts = [0]
  for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', end + 1)) starts.push(end + 1)
  return starts
}

/** Index of the last of the ascending numbers that is not above the limit. */
function lastAtMost(numbers: readonly number[], limit: number): number {
  let low = 0
  let high = numbers.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((numbers[middle] ?? 0) <= limit) low = middle
    else high = middle - 1
  }
  return low
}

function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.type === 'PLAIN' && key.value === '<<'
}

/** What every alias stands for: the last anchor of its name before it. In one walk, where the parser's own look-up takes one an alias. */
function aliasTargets(document: Document): Map<Alias, Node> {
  const anchors = new Map<string, Node>()
  const targets = new Map<Alias, Node>()
  visit(document, {
    Node(_, node) {
      if (isAlias(node)) {
        const target = anchors.get(node.source)
        if (target !== undefined) targets.set(node, target)
      } else if (node.anchor !== undefined) {
        anchors.set(node.anchor, node as Node)
      }
    },
  })
  return targets
}

function spotKey(path: Path): string {
  return path.join('\0')
}

function writtenScalar(scalar: Scalar): string {
  if (typeof scalar.value === 'string') return scalar.value
  return scalar.source ?? String(scalar.value)
}

/** The YAML parser's mistakes that a newcomer makes, in our words; the rest as it says them. */
function explainYaml(code: string, message: string): [message: string, hint?: string] {
  const plain = message.replace(/\s+/g, ' ').trim()
  if (plain.includes('call stack')) return [tooDeep]
  switch (code) {
    case 'TAB_AS_INDENT':
      return ['a tab cannot indent YAML', 'use spaces']
    case 'MULTIPLE_DOCS':
      return [
        'the file holds more than one YAML document',
        'keep one; split the rest into files and name them under "include"',
      ]
    case 'TAG_RESOLVE_FAILED':
      return [plain, 'tags are not used in manifests']
    default:
      return [`not valid YAML: ${plain.charAt(0).toLowerCase()}${plain.slice(1)}`]
  }
}
