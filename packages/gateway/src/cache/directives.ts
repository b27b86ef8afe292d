/** `Cache-Control` of a request or an answer (RFC 9111 section 5.2), as far as a shared cache goes by it. Seconds. */
export interface Directives {
  readonly noStore: boolean
  readonly noCache: boolean
  readonly isPrivate: boolean
  readonly isPublic: boolean
  readonly onlyIfCached: boolean
  readonly maxAge: number | null
  readonly sharedMaxAge: number | null
  readonly minFresh: number | null
}

const longestAge = 2 ** 31

/** Names are read without regard to case. What is unknown is nothing; a time that cannot be read is none at all: 0 (section 4.2.1). */
export function readDirectives(header: string | null): Directives {
  const found = new Map<string, string>()
  for (const [, name = '', quoted, plain] of (header ?? '').matchAll(
    /([\w-]+)(?:\s*=\s*(?:"([^"]*)"|([^\s,;"]+)))?/g,
  )) {
    // Of a directive that is there twice, the first counts (section 4.2.1).
    if (!found.has(name.toLowerCase())) found.set(name.toLowerCase(), quoted ?? plain ?? '')
  }
  const seconds = (name: string): number | null => {
    const value = found.get(name)
    if (value === undefined) return null
    return /^\d+$/.test(value) ? Math.min(Number(value), longestAge) : 0
  }
  return {
    noStore: found.has('no-store'),
    noCache: found.has('no-cache'),
    isPrivate: found.has('private'),
    isPublic: found.has('public'),
    onlyIfCached: found.has('only-if-cached'),
    maxAge: seconds('max-age'),
    sharedMaxAge: seconds('s-maxage'),
    minFresh: seconds('min-fresh'),
  }
}
