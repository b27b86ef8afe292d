import { describe, expect, it } from 'vitest'
import { AnswerStore, type StoredAnswer } from './answer-store.js'
import { readDirectives } from './directives.js'
import { type AnswerHead, clientHas, freshnessOf, isFresh } from './freshness.js'

const now = Date.parse('Tue, 24 Nov 2026 12:00:00 GMT')
const head: AnswerHead = {
  status: 200,
  cacheControl: 'max-age=60',
  expires: null,
  date: 'Tue, 24 Nov 2026 12:00:00 GMT',
  age: null,
  vary: null,
  etag: null,
  lastModified: null,
  hasSetCookie: false,
  hasContentRange: false,
}

const of = (extra: Partial<AnswerHead>, isPersonal = false) => freshnessOf({ ...head, ...extra }, isPersonal, now, now)

describe('directives', () => {
  it('are read whatever their case and spacing, the first of a name counting', () => {
    expect(readDirectives('Max-Age = 5 ,PUBLIC,  s-maxage="10", max-age=9, no-cache="Set-Cookie"')).toMatchObject({
      maxAge: 5,
      sharedMaxAge: 10,
      isPublic: true,
      noCache: true,
      noStore: false,
    })
  })

  it.each([
    ['max-age=x', 0],
    ['max-age=-1', 0],
    ['max-age=', 0],
    ['max-age', 0],
    ['max-age=99999999999999', 2 ** 31],
    ['', null],
    [null, null],
  ])('%j has the time %j', (text, seconds) => {
    expect(readDirectives(text).maxAge).toBe(seconds)
  })
})

describe('an answer is kept', () => {
  it.each<[string, Partial<AnswerHead>, number]>([
    ['for max-age', {}, 60_000],
    ['for s-maxage before it', { cacheControl: 'max-age=60, s-maxage=5' }, 5_000],
    ['until Expires', { cacheControl: null, expires: 'Tue, 24 Nov 2026 12:00:30 GMT' }, 30_000],
    ['for max-age before Expires', { expires: 'Tue, 24 Nov 2026 12:00:30 GMT' }, 60_000],
    ['to be asked about, with no-cache', { cacheControl: 'no-cache, max-age=60', etag: '"a"' }, 0],
    ['to be asked about, when it was old at once', { cacheControl: 'max-age=0', lastModified: head.date }, 0],
    ['when it says that it is not there', { status: 404 }, 60_000],
  ])('%s', (_, extra, lifetimeMs) => {
    expect(of(extra)?.lifetimeMs).toBe(lifetimeMs)
  })

  it.each<[string, Partial<AnswerHead>]>([
    ['without a word of it', { cacheControl: null }],
    ['without a word of it but with a tag', { cacheControl: null, etag: '"a"' }],
    ['with no-store', { cacheControl: 'max-age=60, no-store' }],
    ['with private', { cacheControl: 'private, max-age=60' }],
    ['old and not to be asked about', { cacheControl: 'max-age=0' }],
    ['with an Expires that is none', { cacheControl: null, expires: '0' }],
    ['with a cookie', { hasSetCookie: true }],
    ['of a part', { hasContentRange: true }],
    ['that varies by everything', { vary: 'Accept, *' }],
    ['that varies by the client’s address', { vary: 'Accept, X-Forwarded-For' }],
    ['of another status', { status: 500 }],
    ['that is a part', { status: 206 }],
    ['that redirects for now', { status: 302 }],
  ])('not %s', (_, extra) => {
    expect(of(extra)).toBeNull()
  })

  it.each([
    ['max-age=60', false],
    ['max-age=60, must-revalidate', false],
    ['max-age=60, public', true],
    ['s-maxage=60', true],
  ])('of who says who he is, with %s: %s', (cacheControl, isKept) => {
    expect(of({ cacheControl }, true) !== null).toBe(isKept)
  })
})

describe('the age of an answer', () => {
  it('is what it says, what its date says, and the time of its way', () => {
    expect(freshnessOf({ ...head, age: '10' }, false, now - 2_000, now)?.initialAgeMs).toBe(12_000)
    expect(freshnessOf(head, false, now, now + 30_000)?.initialAgeMs).toBe(30_000)
    expect(freshnessOf({ ...head, date: 'no date', age: 'x' }, false, now, now)?.initialAgeMs).toBe(0)
  })

  it.each([
    [null, 59_999, true],
    [null, 60_000, false],
    ['max-age=10', 10_000, true],
    ['max-age=10', 10_001, false],
    ['min-fresh=20', 40_000, false],
    ['min-fresh=20', 39_999, true],
    ['no-cache', 0, false],
  ])('asked with %j, at %d ms it is fresh: %s', (asked, ageMs, expected) => {
    const freshness = of({})
    expect(freshness !== null && isFresh(freshness, ageMs, readDirectives(asked))).toBe(expected)
  })
})

describe('what a client has', () => {
  const stored = { etag: 'W/"a,b"', lastModified: 'Tue, 24 Nov 2026 12:00:00 GMT' }
  it.each([
    ['"a,b"', null, true],
    ['W/"a,b"', null, true],
    ['"x", W/"a,b"', null, true],
    ['*', null, true],
    ['"x"', 'Tue, 24 Nov 2026 12:00:00 GMT', false],
    [null, 'Tue, 24 Nov 2026 12:00:00 GMT', true],
    [null, 'Tue, 24 Nov 2026 11:59:59 GMT', false],
    [null, 'whenever', false],
    [null, null, false],
  ])('If-None-Match %j, If-Modified-Since %j: %s', (tag, since, has) => {
    expect(clientHas(stored, tag, since)).toBe(has)
  })
})

const answer = (bytes: number, varies: StoredAnswer['varies'] = []): StoredAnswer => ({
  status: 200,
  headers: [],
  body: Buffer.alloc(0),
  etag: null,
  lastModified: null,
  isForAll: false,
  varies,
  freshness: { lifetimeMs: 1, initialAgeMs: 0, directives: readDirectives(null) },
  storedAt: 0,
  bytes,
})
const noHeader = (): null => null

describe('a store', () => {
  it('holds its bound, what was used longest ago leaving first', () => {
    const store = new AnswerStore(100)
    store.put('a', answer(40))
    store.put('b', answer(40))
    store.find('a', noHeader)
    store.put('c', answer(40))
    expect(['a', 'b', 'c'].map((target) => store.find(target, noHeader) !== null)).toEqual([true, false, true])
    expect(store.bytes).toBe(80)
    store.put('a', answer(10))
    expect(store.bytes).toBe(50)
    store.put('huge', answer(101))
    expect(store.find('huge', noHeader)).toBeNull()
    store.remove('a')
    store.remove('c')
    expect(store.bytes).toBe(0)
  })

  it('keeps answers to one target apart by what they vary by, and not more than a few', () => {
    const store = new AnswerStore(1_000)
    for (let index = 0; index < 20; index++) store.put('a', answer(10, [['accept', `t${index}`]]))
    expect(store.find('a', () => 't19')?.varies).toEqual([['accept', 't19']])
    expect(store.find('a', () => 't3')).toBeNull()
    expect(store.bytes).toBe(160)
  })
})
