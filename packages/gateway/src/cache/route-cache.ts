import type { CacheSpec } from '@pando/model'
import type { OwnAnswer } from '../http1/own-answer.js'
import type { CacheMetrics } from '../metrics/gateway-metrics.js'
import type { PolicyRequest, RoutePolicy, Verdict } from '../policy/route-policy.js'
import { CompiledEdit } from '../route-table/header-edit.js'
import { AnswerStore, type StoredAnswer } from './answer-store.js'
import { CacheFill } from './cache-fill.js'
import { type Directives, readDirectives } from './directives.js'
import { clientHas, isFresh } from './freshness.js'

/** Requests that wait for one under way to the same target, at most, and for how long. */
const mostWaiting = 1_000
const longestWaitMs = 5_000
/** Targets whose answers turned out not to be kept: requests to them wait for no other for a while. */
const mostUnkept = 4_096
const unkeptMs = 10_000

const conditional = ['if-none-match', 'if-modified-since'].map((name) => Buffer.from(name))
const missed = new CompiledEdit([], Buffer.from('Cache-Status: pando; fwd=miss\r\n'))
const stale = new CompiledEdit([], Buffer.from('Cache-Status: pando; fwd=stale\r\n'))

/** A request as its answer is kept by; read while the request is there to be read. */
export interface AskedTarget {
  readonly target: string
  readonly isHead: boolean
  readonly isPersonal: boolean
  readonly directives: Directives
  readonly ifNoneMatch: string | null
  readonly ifModifiedSince: string | null
  readonly header: (name: string) => string | null
}

/**
 * The shared cache of one route (RFC 9111), asked after all other policies: who may not have an answer does not get a kept one either. Requests to a
 * target that is being asked for already wait for that answer, so that many at once ask the service once.
 */
export class RouteCache implements RoutePolicy {
  readonly name = 'cache'
  readonly phase = 'copy'
  readonly store: AnswerStore
  readonly spec: CacheSpec
  readonly metrics: CacheMetrics
  readonly #now: () => number
  readonly #filling = new Map<string, (() => void)[]>()
  readonly #unkept = new Map<string, number>()
  #waiting = 0

  /** `now`: milliseconds since 1970. */
  constructor(spec: CacheSpec, metrics: CacheMetrics, now: () => number) {
    this.spec = spec
    this.metrics = metrics
    this.store = new AnswerStore(spec.maxBytes)
    this.#now = now
  }

  get now(): number {
    return this.#now()
  }

  check(request: PolicyRequest): Verdict | Promise<Verdict> {
    const { method } = request
    const isHead = method === 'HEAD'
    const target = targetOf(request)
    if (method !== 'GET' && !isHead) {
      // What changes the target makes what is kept of it wrong (section 4.4).
      if (method !== 'OPTIONS' && method !== 'TRACE') request.tap = new Invalidation(this, target)
      return null
    }
    const directives = readDirectives(request.header('cache-control') ?? pragmaOf(request))
    if (directives.noStore || request.header('range') !== null || request.header('upgrade') !== null) return null
    // The answer may depend on a body, and no answer is kept by one.
    if (hasBody(request)) return null
    const asked: AskedTarget = {
      target,
      isHead,
      isPersonal: isPersonal(request),
      directives,
      ifNoneMatch: request.header('if-none-match'),
      ifModifiedSince: request.header('if-modified-since'),
      header: (name) => request.header(name),
    }
    const found = this.#look(asked)
    if (found.verdict !== null) return found.verdict
    const waiters = this.#filling.get(target)
    if (waiters === undefined || this.#waiting >= mostWaiting || directives.noCache) {
      return this.#ask(asked, request, found.stale)
    }
    return this.#wait(target, waiters).then(() => {
      const again = this.#look(asked)
      return again.verdict ?? this.#ask(asked, request, again.stale)
    })
  }

  /** The answer as it is given to who asks so. */
  answerOf(answer: StoredAnswer, asked: AskedTarget, status: string): OwnAnswer {
    const ageMs = ageOf(answer, this.#now())
    const ttl = Math.floor((answer.freshness.lifetimeMs - ageMs) / 1000)
    const added = [
      ['Age', String(Math.floor(ageMs / 1000))],
      ['Cache-Status', `pando; ${status}; ttl=${ttl}`],
    ] as const
    const isKnown = answer.status === 200 && clientHas(answer, asked.ifNoneMatch, asked.ifModifiedSince)
    return {
      kind: 'response',
      isOfService: true,
      status: isKnown ? 304 : answer.status,
      headers: [...(isKnown ? answer.headers.filter(([name]) => isOf304(name)) : answer.headers), ...added],
      body: answer.body,
    }
  }

  /** The one request that asks the service for the target has come to its end, or it is clear that its answer will not be kept. */
  settle(target: string, isKept: boolean): void {
    if (!isKept) {
      if (this.#unkept.size >= mostUnkept) this.#unkept.clear()
      this.#unkept.set(target, this.#now() + unkeptMs)
    }
    const waiters = this.#filling.get(target)
    this.#filling.delete(target)
    for (const waiter of waiters ?? []) waiter()
  }

  /** What can be said without the service; null: it is asked, of a kept answer whether it still holds. */
  #look(asked: AskedTarget): { readonly verdict: Verdict; readonly stale: StoredAnswer | null } {
    const kept = this.store.find(asked.target, asked.header)
    const answer = kept !== null && (!asked.isPersonal || kept.isForAll) ? kept : null
    if (answer !== null && isFresh(answer.freshness, ageOf(answer, this.#now()), asked.directives)) {
      this.metrics.hits.inc()
      return { verdict: { answer: this.answerOf(answer, asked, 'hit') }, stale: null }
    }
    const canBeAsked = answer !== null && (answer.etag !== null || answer.lastModified !== null)
    return { verdict: asked.directives.onlyIfCached ? notCached : null, stale: canBeAsked ? answer : null }
  }

  #ask(asked: AskedTarget, request: PolicyRequest, known: StoredAnswer | null): Verdict {
    const isUnkept = (this.#unkept.get(asked.target) ?? 0) > this.#now()
    // Answers to HEAD have no body to be kept; one request at a time is waited for.
    const isLeader = !asked.isHead && !isUnkept && !this.#filling.has(asked.target)
    if (isLeader) this.#filling.set(asked.target, [])
    request.tap = new CacheFill(this, { ...asked, header: keptHeaders(request) }, known, isLeader)
    if (known === null) {
      this.metrics.misses.inc()
      return { response: missed }
    }
    const lines = [
      ...(known.etag === null ? [] : [`If-None-Match: ${known.etag}\r\n`]),
      ...(known.lastModified === null ? [] : [`If-Modified-Since: ${known.lastModified}\r\n`]),
    ]
    return { request: new CompiledEdit(conditional, Buffer.from(lines.join(''), 'latin1')), response: stale }
  }

  #wait(target: string, waiters: (() => void)[]): Promise<void> {
    this.#waiting++
    return new Promise((resolve) => {
      const isLate = (): void => {
        // The answer that is waited for may go to a client that takes it slowly, or never end: whoever asks next is the one to wait for.
        if (this.#filling.get(target) === waiters) this.#filling.delete(target)
        done()
      }
      const done = (): void => {
        clearTimeout(timer)
        if (isOver) return
        isOver = true
        this.#waiting--
        resolve()
      }
      let isOver = false
      const timer = setTimeout(isLate, longestWaitMs)
      timer.unref()
      waiters.push(done)
    })
  }
}

/** Takes what is kept of a target away when a request that may have changed it succeeds. */
class Invalidation {
  readonly #cache: RouteCache
  readonly #target: string

  constructor(cache: RouteCache, target: string) {
    this.#cache = cache
    this.#target = target
  }

  onHead({ status }: { readonly status: number }): null {
    if (status >= 200 && status < 400) this.#cache.store.remove(this.#target)
    return null
  }

  onBody(): void {
    // Nothing of it is kept.
  }

  onEnd(): void {
    // Nothing of it is kept.
  }

  onClosed(): void {
    // Nothing waits for it.
  }
}

const notCached: Verdict = {
  answer: {
    kind: 'problem',
    reason: 'not_cached',
    detail: 'The request says "only-if-cached", and no fresh answer is kept.',
  },
}

export function ageOf({ freshness, storedAt }: StoredAnswer, now: number): number {
  return freshness.initialAgeMs + Math.max(0, now - storedAt)
}

/** The request's headers for when its bytes are gone. */
function keptHeaders(request: PolicyRequest): (name: string) => string | null {
  const values = new Map<string, string>()
  for (const [name, value] of request.headers()) {
    const before = values.get(name)
    values.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return (name) => values.get(name) ?? null
}

function targetOf(request: PolicyRequest): string {
  const host = request.header('host')?.toLowerCase() ?? request.host
  return `${request.listener.isSecure ? 'https' : 'http'}://${host}${request.path}?${request.query}`
}

function hasBody(request: PolicyRequest): boolean {
  return (request.header('content-length') ?? '0') !== '0' || request.header('transfer-encoding') !== null
}

/** It tells who asks. On a mesh listener the line of a certificate is the word of whoever calls. */
function isPersonal(request: PolicyRequest): boolean {
  return (
    request.identity !== null ||
    ['authorization', 'cookie', 'x-forwarded-client-cert'].some((name) => request.header(name) !== null)
  )
}

/** HTTP/1.0's word, where there is no Cache-Control (section 5.4). */
function pragmaOf(request: PolicyRequest): string | null {
  return request.header('pragma')?.toLowerCase().includes('no-cache') === true ? 'no-cache' : null
}

/** RFC 9110 section 15.4.5. */
function isOf304(name: string): boolean {
  return ['cache-control', 'content-location', 'date', 'etag', 'expires', 'last-modified', 'vary'].includes(
    name.toLowerCase(),
  )
}
