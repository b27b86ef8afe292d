import { type Directives, readDirectives } from './directives.js'

/** What of an answer decides whether it may be kept and for how long. Values as they were sent; null where there is none. */
export interface AnswerHead {
  readonly status: number
  readonly cacheControl: string | null
  readonly expires: string | null
  readonly date: string | null
  readonly age: string | null
  readonly vary: string | null
  readonly etag: string | null
  readonly lastModified: string | null
  readonly hasSetCookie: boolean
  readonly hasContentRange: boolean
}

export interface Freshness {
  /** Milliseconds from the answer's making. */
  readonly lifetimeMs: number
  /** How old it was when it came, milliseconds. */
  readonly initialAgeMs: number
  readonly directives: Directives
}

/** Statuses whose meaning this cache knows (RFC 9111 section 3). */
const understood = new Set([200, 203, 300, 301, 308, 404, 410])

/** Lines that the gateway writes anew for each client: no answer is kept by what they say. */
const ofClient = new Set(['*', 'forwarded', 'x-forwarded-for', 'x-forwarded-client-cert', 'x-real-ip'])

/**
 * Whether the answer may be kept, and how fresh it is; null when it may not. Only what says for how long, or how to ask again, is kept: nothing is guessed.
 * `isPersonal`: the request told who asks, by Authorization, a cookie or an identity: then only what is for all by its own word (section 3.5).
 * Times in milliseconds since 1970.
 */
export function freshnessOf(
  head: AnswerHead,
  isPersonal: boolean,
  requestedAt: number,
  receivedAt: number,
): Freshness | null {
  const directives = readDirectives(head.cacheControl)
  if (!understood.has(head.status) || head.hasSetCookie || head.hasContentRange) return null
  if (directives.noStore || directives.isPrivate) return null
  if ((head.vary ?? '').split(',').some((name) => ofClient.has(name.trim().toLowerCase()))) return null
  if (isPersonal && !isForAll(directives)) return null
  const lifetimeMs = lifetimeOf(head, directives, receivedAt)
  const canBeValidated = head.etag !== null || head.lastModified !== null
  if (lifetimeMs === null || (lifetimeMs <= 0 && !canBeValidated)) return null
  return { lifetimeMs: Math.max(0, lifetimeMs), initialAgeMs: initialAge(head, requestedAt, receivedAt), directives }
}

/** Stricter than section 3.5, which takes must-revalidate for such a word too: pages for one person say that as well. */
export function isForAll({ isPublic, sharedMaxAge }: Directives): boolean {
  return isPublic || sharedMaxAge !== null
}

/** Section 4.2.1; null when the answer does not say. */
function lifetimeOf(head: AnswerHead, directives: Directives, receivedAt: number): number | null {
  if (directives.noCache) return 0
  const seconds = directives.sharedMaxAge ?? directives.maxAge
  if (seconds !== null) return seconds * 1000
  if (head.expires === null) return null
  const expires = Date.parse(head.expires)
  // What cannot be read, "0" above all, is the past (section 5.3).
  if (Number.isNaN(expires) || !/[a-z]/i.test(head.expires)) return 0
  return expires - dateOf(head, receivedAt)
}

/** Section 4.2.3. */
function initialAge(head: AnswerHead, requestedAt: number, receivedAt: number): number {
  const apparent = Math.max(0, receivedAt - dateOf(head, receivedAt))
  const told = /^\d{1,10}$/.test(head.age ?? '') ? Number(head.age) * 1000 : 0
  return Math.max(apparent, told + (receivedAt - requestedAt))
}

function dateOf(head: AnswerHead, receivedAt: number): number {
  const date = Date.parse(head.date ?? '')
  return Number.isNaN(date) ? receivedAt : date
}

/** Whether an answer of that age may be given without asking (sections 4.2 and 5.2.1). */
export function isFresh(freshness: Freshness, ageMs: number, asked: Directives): boolean {
  const { directives, lifetimeMs } = freshness
  if (directives.noCache || asked.noCache) return false
  if (asked.maxAge !== null && ageMs > asked.maxAge * 1000) return false
  return ageMs + (asked.minFresh ?? 0) * 1000 < lifetimeMs
}

/** Whether `If-None-Match` or, without it, `If-Modified-Since` says that the client has the answer (RFC 9110 section 13.2.2). */
export function clientHas(
  stored: { readonly etag: string | null; readonly lastModified: string | null },
  ifNoneMatch: string | null,
  ifModifiedSince: string | null,
): boolean {
  if (ifNoneMatch !== null) {
    if (ifNoneMatch.trim() === '*') return true
    if (stored.etag === null) return false
    const opaque = stored.etag.replace(/^W\//, '')
    return [...ifNoneMatch.matchAll(/(?:W\/)?("[^"]*")/g)].some(([, tag]) => tag === opaque)
  }
  if (ifModifiedSince === null || stored.lastModified === null) return false
  const since = Date.parse(ifModifiedSince)
  const modified = Date.parse(stored.lastModified)
  return !Number.isNaN(since) && !Number.isNaN(modified) && modified <= since
}
