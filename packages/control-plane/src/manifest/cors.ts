import type { CorsSpec } from '@pando/model'
import type { CorsInput } from './cors-schema.js'
import type { Path } from './source.js'
import { formatDuration, isMistake, parseDuration, quote } from './units.js'

type Report = (path: Path, message: string, hint?: string) => void

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

const usualMethods = ['GET', 'HEAD', 'POST']

/** CORS of a route that takes `ownMethods` alone, if it names any. Mistakes are reported at paths below the route. */
export function readCors(written: NonNullable<CorsInput>, ownMethods: readonly string[], report: Report): CorsSpec {
  const input = typeof written === 'string' || Array.isArray(written) ? { origins: written } : written
  const isShort = input !== written
  const at = (key: string, index: number, isList: boolean): Path => {
    if (isShort) return isList ? ['cors', index] : ['cors']
    return isList ? ['cors', key, index] : ['cors', key]
  }
  const listOf = (key: 'origins' | 'methods' | 'headers' | 'expose_headers', fallback: readonly string[]) => {
    const value = input[key]
    if (value === undefined) return fallback
    const list = typeof value === 'string' ? [value] : value
    for (const [index, item] of list.entries()) {
      const path = at(key, index, typeof value !== 'string')
      if (item === '*' && list.length > 1) report(path, '"*" stands alone: it is everything already')
      else if (key === 'origins') checkOrigin(item, path, report)
      else if (!token.test(item))
        report(path, `${quote(item)} is not a ${key === 'methods' ? 'method' : 'header name'}`)
    }
    return list
  }
  const origins = listOf('origins', []).map((origin) => origin.toLowerCase())
  if (origins.length === 0) report(['cors', 'origins'], 'expected at least one origin')
  const hasCredentials = String(input.credentials ?? false) === 'true'
  if (hasCredentials && origins.includes('*')) {
    const hint = 'name the origins, for example https://*.shop.example, or take "credentials" out'
    report(['cors', 'credentials'], 'credentials for every origin would let any page act as your users', hint)
  }
  const maxAge = parseDuration(input.max_age ?? '10m')
  return {
    origins,
    methods: listOf('methods', [...new Set([...usualMethods, ...ownMethods])]).map((method) => method.toUpperCase()),
    headers: listOf('headers', ['content-type']).map((name) => name.toLowerCase()),
    exposeHeaders: listOf('expose_headers', []).map((name) => name.toLowerCase()),
    maxAgeSeconds: isMistake(maxAge) ? 600 : Math.floor(maxAge / 1000),
    hasCredentials,
  }
}

/** As it would be written. */
export function renderCors(cors: CorsSpec): object {
  return {
    origins: cors.origins,
    methods: cors.methods,
    headers: cors.headers,
    expose_headers: cors.exposeHeaders,
    max_age: formatDuration(cors.maxAgeSeconds * 1000),
    credentials: cors.hasCredentials,
  }
}

function checkOrigin(origin: string, path: Path, report: Report): void {
  if (origin === '*') return
  if (origin.toLowerCase() === 'null') {
    report(path, '"null" is the origin of every sandboxed page and file, not of one', 'serve the page from a host')
  } else if (
    !/^https?:\/\/(\*\.)?([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*|\[[0-9a-f:.]+\])(:\d{1,5})?$/i.test(
      origin,
    )
  ) {
    const hint =
      'an origin is a scheme, a host and perhaps a port, for example https://shop.example or http://localhost:5173'
    report(path, `${quote(origin)} is not an origin`, hint)
  } else if (/^https:\/\/.*:443$|^http:\/\/.*:80$/i.test(origin)) {
    report(path, `browsers leave the port of ${quote(origin)} out`, 'take the port out')
  }
}
