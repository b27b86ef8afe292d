import type { RequestView } from '../http1/request-view.js'
import { ByteIndex, hashOf } from './byte-index.js'
import type { CompiledRoute } from './compiled-route.js'
import { PathTrie, type RouteEntry } from './path-trie.js'

/** An entry and the hosts of its route: lower case, `*.example.org`, empty for every host. */
export interface HostedEntry extends RouteEntry {
  readonly hosts: readonly string[]
}

/** Longest host name (RFC 1035 section 2.3.4); a longer one can only match routes for every host. */
const maxHostBytes = 255

/**
 * Finds the route of a request: the most specific host first (exact, then the longest wildcard, then none), and where no
 * route of that host takes the request, the next one. Within a host the lowest rank.
 */
export class RouteIndex {
  readonly #exact: ByteIndex<PathTrie> | null
  /** By what follows `*.`. */
  readonly #wildcard: ByteIndex<PathTrie> | null
  readonly #longestWildcard: number
  readonly #any: PathTrie
  readonly #host = new Uint8Array(maxHostBytes)

  /** `entries` sorted by rank. */
  constructor(entries: readonly HostedEntry[]) {
    const exact = new Map<string, RouteEntry[]>()
    const wildcard = new Map<string, RouteEntry[]>()
    const any: RouteEntry[] = []
    for (const entry of entries) {
      if (entry.hosts.length === 0) any.push(entry)
      for (const host of new Set(entry.hosts.map((host) => host.toLowerCase()))) {
        if (host === '*') any.push(entry)
        else if (host.startsWith('*.')) push(wildcard, host.slice(2), entry)
        else push(exact, host, entry)
      }
    }
    this.#exact = indexOf(exact)
    this.#wildcard = indexOf(wildcard)
    this.#longestWildcard = Math.max(0, ...[...wildcard.keys()].map((host) => host.length))
    this.#any = new PathTrie(any)
  }

  match(view: RequestView): CompiledRoute | null {
    if (this.#exact !== null || this.#wildcard !== null) {
      const length = this.#readHost(view)
      if (length > 0) {
        const trie = this.#exact?.get(hashOf(this.#host, 0, length), this.#host, 0, length) ?? null
        const entry = trie === null ? null : trie.find(view)
        if (entry !== null) return entry.route
        for (let start = this.#nextSuffix(0, length); start > 0; start = this.#nextSuffix(start, length)) {
          const found = this.#wildcardAt(start, length)?.find(view) ?? null
          if (found !== null) return found.route
        }
      }
    }
    const entry = this.#any.find(view)
    return entry === null ? null : entry.route
  }

  /** The methods that would have found a route where `match` found none, sorted; empty when none would. */
  methods(view: RequestView): string[] {
    const methods = new Set<string>()
    const length = this.#readHost(view)
    if (length > 0) {
      this.#exact?.get(hashOf(this.#host, 0, length), this.#host, 0, length)?.collectMethods(view, methods)
      for (let start = this.#nextSuffix(0, length); start > 0; start = this.#nextSuffix(start, length)) {
        this.#wildcardAt(start, length)?.collectMethods(view, methods)
      }
    }
    this.#any.collectMethods(view, methods)
    return [...methods].sort()
  }

  /** Lower case and without the root's dot, into `#host`; its length, 0 when there is none that a route could name. */
  #readHost(view: RequestView): number {
    let length = view.hostEnd - view.hostStart
    if (length > 0 && view.bytes[view.hostEnd - 1] === 0x2e) length--
    if (length > maxHostBytes) return 0
    for (let at = 0; at < length; at++) {
      const byte = view.bytes[view.hostStart + at]
      this.#host[at] = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
    }
    return length
  }

  /** Start of the next label behind `start` whose suffix is short enough for a wildcard, or -1. */
  #nextSuffix(start: number, length: number): number {
    if (this.#wildcard === null) return -1
    for (let at = Math.max(start, length - this.#longestWildcard - 1, 1); at < length - 1; at++) {
      if (this.#host[at] === 0x2e) return at + 1
    }
    return -1
  }

  #wildcardAt(start: number, length: number): PathTrie | null {
    return this.#wildcard?.get(hashOf(this.#host, start, length), this.#host, start, length) ?? null
  }
}

function push(map: Map<string, RouteEntry[]>, key: string, entry: RouteEntry): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [entry])
  else list.push(entry)
}

function indexOf(map: Map<string, RouteEntry[]>): ByteIndex<PathTrie> | null {
  if (map.size === 0) return null
  return new ByteIndex([...map].map(([host, entries]) => [Buffer.from(host, 'latin1'), new PathTrie(entries)] as const))
}
