import type { RequestView } from '../http1/request-view.js'
import { ByteIndex, hashStart, hashStep } from './byte-index.js'
import type { CompiledRoute } from './compiled-route.js'
import { type Conditions, takesMethod, takesValues } from './conditions.js'
import type { PathPattern } from './path-pattern.js'

/** One match of one route. Of all entries that match a request, the one with the lowest rank serves it. */
export interface RouteEntry {
  readonly rank: number
  readonly path: PathPattern
  readonly conditions: Conditions
  readonly route: CompiledRoute
}

const none: readonly RouteEntry[] = []

/** A node stands for the segments on the way to it. Entry lists are sorted by rank. */
interface PathNode {
  readonly children: ByteIndex<PathNode> | null
  readonly variable: PathNode | null
  readonly ends: readonly RouteEntry[]
  readonly prefixes: readonly RouteEntry[]
  readonly rests: readonly RouteEntry[]
}

/**
 * The entries of one host by the segments of their paths. A look-up costs one hash and compare a segment, however many routes
 * there are; only variables fork it. Built whole, then only read.
 */
export class PathTrie {
  readonly #root: PathNode
  /** Set by a walk and read right after it: a walk is never interrupted, and this spares an allocation. */
  #best: RouteEntry | null = null

  /** `entries` sorted by rank. */
  constructor(entries: readonly RouteEntry[]) {
    this.#root = buildNode(entries, 0)
  }

  find(view: RequestView): RouteEntry | null {
    this.#best = null
    this.#walk(this.#root, view, 0)
    return this.#best
  }

  /** Adds the methods of the entries that match but for the method. */
  collectMethods(view: RequestView, methods: Set<string>): void {
    this.#collect(this.#root, view, 0, methods)
  }

  /** `at` is the offset of the slash before the next segment, or the path's end. */
  #walk(node: PathNode, view: RequestView, at: number): void {
    this.#consider(node.prefixes, view)
    if (at === view.pathLength) {
      this.#consider(node.ends, view)
      return
    }
    this.#consider(node.rests, view)
    if (node.children === null && node.variable === null) return
    const { path, pathLength } = view
    let hash = hashStart
    let end = at + 1
    for (; end < pathLength && path[end] !== 0x2f; end++) hash = hashStep(hash, path[end])
    if (node.children !== null) {
      const child = node.children.get(hash, path, at + 1, end)
      if (child !== null) this.#walk(child, view, end)
    }
    if (node.variable !== null && end > at + 1) this.#walk(node.variable, view, end)
  }

  #consider(entries: readonly RouteEntry[], view: RequestView): void {
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index]
      if (this.#best !== null && this.#best.rank < entry.rank) return
      if (takesMethod(entry.conditions, view) && takesValues(entry.conditions, view)) {
        this.#best = entry
        return
      }
    }
  }

  #collect(node: PathNode, view: RequestView, at: number, methods: Set<string>): void {
    const isEnd = at === view.pathLength
    for (const entry of [...node.prefixes, ...(isEnd ? node.ends : node.rests)]) {
      const { method } = entry.conditions
      if (method !== null && takesValues(entry.conditions, view)) methods.add(Buffer.from(method).toString('latin1'))
    }
    if (isEnd) return
    let hash = hashStart
    let end = at + 1
    for (; end < view.pathLength && view.path[end] !== 0x2f; end++) hash = hashStep(hash, view.path[end])
    const child = node.children?.get(hash, view.path, at + 1, end) ?? null
    if (child !== null) this.#collect(child, view, end, methods)
    if (node.variable !== null && end > at + 1) this.#collect(node.variable, view, end, methods)
  }
}

/** All of `entries` share their first `depth` segments. */
function buildNode(entries: readonly RouteEntry[], depth: number): PathNode {
  const ends: RouteEntry[] = []
  const prefixes: RouteEntry[] = []
  const rests: RouteEntry[] = []
  const variable: RouteEntry[] = []
  const literal = new Map<string, { key: Uint8Array; entries: RouteEntry[] }>()
  for (const entry of entries) {
    const { segments, tail } = entry.path
    if (segments.length === depth) {
      if (tail === 'end') ends.push(entry)
      else if (tail === 'prefix') prefixes.push(entry)
      else rests.push(entry)
      continue
    }
    const key = segments[depth]
    if (key === null) {
      variable.push(entry)
      continue
    }
    const text = Buffer.from(key).toString('latin1')
    const group = literal.get(text)
    if (group === undefined) literal.set(text, { key, entries: [entry] })
    else group.entries.push(entry)
  }
  const children = [...literal.values()].map((group) => [group.key, buildNode(group.entries, depth + 1)] as const)
  return {
    children: children.length === 0 ? null : new ByteIndex(children),
    variable: variable.length === 0 ? null : buildNode(variable, depth + 1),
    ends: ends.length === 0 ? none : ends,
    prefixes: prefixes.length === 0 ? none : prefixes,
    rests: rests.length === 0 ? none : rests,
  }
}
