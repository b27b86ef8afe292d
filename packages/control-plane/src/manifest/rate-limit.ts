import { resolve } from 'node:path'
import type { RateLimitKey, RateLimitSpec, RateLimitStoreSpec, RouteRateLimit } from '@pando/model'
import { type RateLimitInput, type RateLimitStoreInput, shortForm } from './rate-limit-schema.js'
import type { Path } from './source.js'
import { formatDuration, isMistake, parseDuration, quote } from './units.js'

type Report = (path: Path, message: string, hint?: string) => void
type LimitInput = Exclude<NonNullable<RateLimitInput>, string | readonly unknown[]>

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const longestPeriodMs = 31 * 86_400_000

/** The limits of a route. Mistakes are reported at paths below the route. */
export function readRateLimit(written: NonNullable<RateLimitInput>, report: Report): RouteRateLimit {
  const list: readonly (string | LimitInput)[] = Array.isArray(written) ? written : [written]
  const inputs = list.map((item): LimitInput => (typeof item === 'string' ? { requests: requestsOf(item) } : item))
  const limits = inputs.map((input, index): RateLimitSpec => {
    const path: Path = Array.isArray(written) ? ['rate_limit', index] : ['rate_limit']
    const item = list[index]
    const isShort = typeof item === 'string'
    const periodMs = isShort ? shortPeriodOf(item) : longPeriodOf(input)
    const at = isShort ? path : [...path, 'per']
    if (periodMs === 0) report(at, 'a period takes some time')
    if (periodMs > longestPeriodMs) report(at, 'the longest period is 31 days')
    const requests = Number(input.requests)
    return {
      name: input.name ?? (list.length === 1 ? 'default' : String(index + 1)),
      requests,
      periodMs,
      burst: Number(input.burst ?? requests),
      key: keyOf(input.by ?? 'address'),
      isShared: String(input.shared ?? true) === 'true',
    }
  })
  const seen = new Set<string>()
  for (const [index, { name }] of limits.entries()) {
    if (seen.has(name)) report(['rate_limit', index, 'name'], `the limit ${quote(name)} is there twice`)
    seen.add(name)
  }
  return { limits, hasHeaders: inputs.every(({ headers }) => String(headers ?? true) === 'true') }
}

export function readRateLimitStore(
  written: NonNullable<RateLimitStoreInput>,
  folder: string,
  report: Report,
): RateLimitStoreSpec {
  const timeout = parseDuration(written.timeout ?? '50ms')
  const spec = { timeoutMs: isMistake(timeout) ? 50 : timeout, onFailure: written.on_failure ?? 'local' }
  if ((written.url === undefined) === (written.url_file === undefined)) {
    report(['rate_limit_store'], 'write either "url" or "url_file"')
  }
  if (written.url_file !== undefined) return { ...spec, url: { kind: 'file', file: resolve(folder, written.url_file) } }
  const url = written.url ?? ''
  if (written.url !== undefined) checkUrl(url, (message, hint) => report(['rate_limit_store', 'url'], message, hint))
  return { ...spec, url: { kind: 'url', url } }
}

/** As they would be written. */
export function renderRateLimit({ limits, hasHeaders }: RouteRateLimit): object[] {
  return limits.map(({ name, requests, periodMs, burst, key, isShared }) => ({
    name,
    requests,
    per: formatDuration(periodMs),
    burst,
    by: 'name' in key ? `${key.kind}:${key.name}` : key.kind,
    ...(hasHeaders ? {} : { headers: false }),
    ...(isShared ? {} : { shared: false }),
  }))
}

export function renderRateLimitStore({ url, timeoutMs, onFailure }: RateLimitStoreSpec): object {
  return {
    ...(url.kind === 'file' ? { url_file: url.file } : { url: url.url }),
    timeout: formatDuration(timeoutMs),
    on_failure: onFailure,
  }
}

function requestsOf(short: string): number {
  return Number(shortForm.exec(short)?.[1] ?? 1)
}

function shortPeriodOf(short: string): number {
  const [, , count = '', unit = 's'] = shortForm.exec(short) ?? []
  return Number(count === '' ? 1 : count) * (unitMs[unit] ?? 1)
}

function longPeriodOf({ per = '1s' }: LimitInput): number {
  const ms = parseDuration(per)
  return isMistake(ms) ? 1000 : ms
}

function keyOf(by: string): RateLimitKey {
  const colon = by.indexOf(':')
  if (colon === -1) return { kind: by as 'address' | 'identity' | 'all' }
  const name = by.slice(colon + 1)
  return by.startsWith('header:') ? { kind: 'header', name: name.toLowerCase() } : { kind: 'claim', name }
}

function checkUrl(text: string, report: (message: string, hint?: string) => void): void {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    report('the address of the store is not a URL', 'write for example redis://127.0.0.1:6379')
    return
  }
  // What it is, is not repeated: it may hold a password.
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') {
    report('the address of the store begins with redis:// or rediss://')
  } else if (url.password !== '') {
    report('a password has no place in a manifest', 'put the address into a file and write "url_file"')
  } else if (url.hostname === '' || !/^(\/\d{0,4})?$/.test(url.pathname)) {
    report('the address of the store has a host, and at most a port and the number of a database')
  }
}
