import * as kind from '../http1/field-kinds.js'
import type { Head } from '../http1/head.js'
import { headerValue } from '../http1/head-values.js'
import { latin1 } from '../http1/chars.js'
import type { OwnAnswer } from '../http1/own-answer.js'
import type { ResponseTap } from '../http1/response-tap.js'
import { entryOverhead, type StoredAnswer } from './answer-store.js'
import { type AnswerHead, type Freshness, freshnessOf, isForAll } from './freshness.js'
import type { AskedTarget, RouteCache } from './route-cache.js'

/** What a validation may bring anew (RFC 9111 section 3.2); the rest describes the body that is kept. */
const refreshed = ['age', 'cache-control', 'date', 'etag', 'expires', 'last-modified', 'vary']

/** Keeps the answer to one request as it passes, or confirms the one that is kept already. */
export class CacheFill implements ResponseTap {
  readonly #cache: RouteCache
  readonly #asked: AskedTarget
  /** Kept, and asked for whether it still holds. */
  readonly #known: StoredAnswer | null
  readonly #isLeader: boolean
  readonly #requestedAt: number
  #answer: StoredAnswer | null = null
  #parts: Buffer[] = []
  #bodyBytes = 0
  #isSettled = false

  constructor(cache: RouteCache, asked: AskedTarget, known: StoredAnswer | null, isLeader: boolean) {
    this.#cache = cache
    this.#asked = asked
    this.#known = known
    this.#isLeader = isLeader
    this.#requestedAt = cache.now
  }

  onHead(response: Head, canBeWhole: boolean): OwnAnswer | null {
    if (response.status === 304 && this.#known !== null) return this.#confirm(response, this.#known)
    const facts = factsOf(response)
    if (this.#asked.isHead && response.status === 200) this.#doubt(facts, response.contentLength)
    const now = this.#cache.now
    const freshness = freshnessOf(facts, this.#asked.isPersonal, this.#requestedAt, now)
    if (
      freshness === null ||
      this.#asked.isHead ||
      !canBeWhole ||
      response.contentLength > this.#cache.spec.maxEntryBytes
    ) {
      this.#settle(false)
      return null
    }
    this.#answer = this.#answerOf(response.status, headersOf(response), facts, freshness)
    return null
  }

  onBody(bytes: Uint8Array, from: number, to: number): void {
    if (this.#answer === null || to <= from) return
    this.#bodyBytes += to - from
    if (this.#bodyBytes > this.#cache.spec.maxEntryBytes) {
      this.#answer = null
      this.#parts = []
      this.#settle(false)
    } else {
      this.#parts.push(Buffer.from(bytes.subarray(from, to)))
    }
  }

  onEnd(): void {
    const answer = this.#answer
    if (answer === null) return
    this.#answer = null
    const body = Buffer.concat(this.#parts)
    this.#parts = []
    this.#cache.store.put(this.#asked.target, { ...answer, body, bytes: answer.bytes + body.length })
    this.#settle(true)
  }

  onClosed(): void {
    this.#answer = null
    this.#parts = []
    // It failed, which says nothing of the next one: whoever waits asks by itself.
    this.#settle(true)
  }

  #settle(isKept: boolean): void {
    if (this.#isSettled || !this.#isLeader) return
    this.#isSettled = true
    this.#cache.settle(this.#asked.target, isKept)
  }

  /** Section 4.3.5: an answer to HEAD with another validator or length than the kept one's tells that this is not what GET gets by now. */
  #doubt(facts: AnswerHead, contentLength: number): void {
    const { store } = this.#cache
    const { target, header } = this.#asked
    const kept = store.find(target, header)
    if (kept === null || kept.status !== 200) return
    const isOther =
      (facts.etag !== null && facts.etag !== kept.etag) ||
      (facts.lastModified !== null && facts.lastModified !== kept.lastModified) ||
      (contentLength !== -1 && contentLength !== kept.body.length)
    if (isOther) store.remove(target)
  }

  /** Section 4.3.4: the kept answer holds; its client has not seen it, or has. */
  #confirm(response: Head, known: StoredAnswer): OwnAnswer {
    const fresh = headersOf(response).filter(([name]) => refreshed.includes(name.toLowerCase()))
    const names = new Set(fresh.map(([name]) => name.toLowerCase()))
    const headers = [...known.headers.filter(([name]) => !names.has(name.toLowerCase())), ...fresh]
    const valueOf = (name: string): string | null =>
      headers.find(([other]) => other.toLowerCase() === name)?.[1] ?? headerValue(response, name)
    const facts: AnswerHead = {
      status: known.status,
      cacheControl: valueOf('cache-control'),
      expires: valueOf('expires'),
      date: valueOf('date'),
      age: headerValue(response, 'age'),
      vary: valueOf('vary'),
      etag: valueOf('etag'),
      lastModified: valueOf('last-modified'),
      hasSetCookie: headerValue(response, 'set-cookie') !== null,
      hasContentRange: false,
    }
    const freshness = freshnessOf(facts, this.#asked.isPersonal, this.#requestedAt, this.#cache.now)
    this.#cache.metrics.validated.inc()
    let answer = known
    if (freshness === null) {
      this.#cache.store.remove(this.#asked.target)
    } else {
      const kept = this.#answerOf(known.status, headers, facts, freshness)
      answer = { ...kept, body: known.body, bytes: kept.bytes + known.body.length }
      this.#cache.store.put(this.#asked.target, answer)
    }
    this.#settle(freshness !== null)
    return this.#cache.answerOf(answer, this.#asked, 'hit; detail=validated')
  }

  #answerOf(
    status: number,
    headers: readonly (readonly [string, string])[],
    facts: AnswerHead,
    freshness: Freshness,
  ): StoredAnswer {
    const names = (facts.vary ?? '').split(',').map((name) => name.trim().toLowerCase())
    const kept = headers.filter(([name]) => name.toLowerCase() !== 'age')
    return {
      status,
      headers: kept,
      body: Buffer.alloc(0),
      etag: facts.etag,
      lastModified: facts.lastModified,
      isForAll: isForAll(freshness.directives),
      varies: names
        .filter((name) => name !== '')
        .toSorted()
        .map((name) => [name, this.#asked.header(name)] as const),
      freshness,
      storedAt: this.#cache.now,
      bytes: kept.reduce(
        (sum, [name, value]) => sum + name.length + value.length,
        this.#asked.target.length + entryOverhead,
      ),
    }
  }
}

/** What belongs to the answer and not to the connection that it came by, nor to its framing. */
function headersOf(response: Head): (readonly [string, string])[] {
  const { bytes, headers, kinds, headerCount } = response
  const lines: (readonly [string, string])[] = []
  for (let index = 0; index < headerCount; index++) {
    const isKept = kinds[index] === kind.plain || kinds[index] === kind.date
    if (!isKept || (response.hasOtherOption && response.isNominated(index))) continue
    const [nameStart = 0, nameEnd = 0, start = 0, end = 0] = headers.subarray(index * 4, index * 4 + 4)
    lines.push([latin1(bytes, nameStart, nameEnd), latin1(bytes, start, end)])
  }
  return lines
}

function factsOf(response: Head): AnswerHead {
  const valueOf = (name: string): string | null => headerValue(response, name)
  return {
    status: response.status,
    cacheControl: valueOf('cache-control'),
    expires: valueOf('expires'),
    date: valueOf('date'),
    age: valueOf('age'),
    vary: valueOf('vary'),
    etag: valueOf('etag'),
    lastModified: valueOf('last-modified'),
    hasSetCookie: valueOf('set-cookie') !== null,
    hasContentRange: valueOf('content-range') !== null,
  }
}
