import type { RouteFilter } from '@pando/model'
import { normalFormOf } from './path-pattern.js'

export interface CompiledRewrite {
  /** The Host to send; null leaves the request's. */
  readonly host: Uint8Array | null
  readonly path: CompiledPathEdit | null
}

export interface CompiledPathEdit {
  readonly type: 'prefix' | 'full'
  /** Normal form. */
  readonly value: Uint8Array
}

export interface CompiledRedirect {
  readonly status: 301 | 302 | 303 | 307 | 308
  readonly scheme: 'http' | 'https' | null
  readonly host: string | null
  readonly port: number | null
  readonly path: CompiledPathEdit | null
}

type Rewrite = Extract<RouteFilter, { type: 'rewrite' }>
type Redirect = Extract<RouteFilter, { type: 'redirect' }>

export function compileRewrite(filter: Rewrite, problems: string[]): CompiledRewrite {
  const host = filter.host === null ? null : hostOf(filter.host, problems)
  return { host: host === null ? null : Buffer.from(host, 'latin1'), path: compilePathEdit(filter.path, problems) }
}

export function compileRedirect(filter: Redirect, problems: string[]): CompiledRedirect {
  return {
    status: filter.status,
    scheme: filter.scheme,
    host: filter.host === null ? null : hostOf(filter.host, problems),
    port: filter.port,
    path: compilePathEdit(filter.path, problems),
  }
}

function hostOf(host: string, problems: string[]): string | null {
  if (/^[A-Za-z0-9._:[\]-]+$/.test(host)) return host
  problems.push(`host ${JSON.stringify(host)} is left as it is: that is no host name`)
  return null
}

function compilePathEdit(path: Rewrite['path'], problems: string[]): CompiledPathEdit | null {
  if (path === null) return null
  const value = normalFormOf(path.value === '' ? '/' : path.value)
  if (value === null) {
    problems.push(`path ${JSON.stringify(path.value)} is not rewritten to: it has no normal form`)
    return null
  }
  return { type: path.type, value }
}

/**
 * Writes the path that goes upstream at `out[at]` and returns the offset behind it. `prefixLength` is the matched route's. `out` must
 * have room for value and path together. `/api` to `/`: `/api/x` becomes `/x`, `/api` becomes `/`.
 */
export function writeEditedPath(
  edit: CompiledPathEdit,
  prefixLength: number,
  path: Uint8Array,
  pathLength: number,
  out: Uint8Array,
  at: number,
): number {
  const { value } = edit
  const hasRest = edit.type === 'prefix' && prefixLength < pathLength
  // What follows the prefix begins with a slash, so the value's own last one would be a second.
  const length = hasRest && value[value.length - 1] === 0x2f ? value.length - 1 : value.length
  for (let index = 0; index < length; index++) out[at++] = value[index]
  if (hasRest) for (let index = prefixLength; index < pathLength; index++) out[at++] = path[index]
  return at
}

export interface RedirectedRequest {
  /** Of the request as the client sees it. */
  readonly scheme: 'http' | 'https'
  readonly host: string
  readonly port: number
  /** Normal form. */
  readonly path: Uint8Array
  readonly pathLength: number
  /** Without `?`; empty when there is none. */
  readonly query: string
}

/** The value of Location (Gateway API, HTTPRequestRedirectFilter): what the filter leaves open stays the request's, a new scheme brings its own port. */
export function redirectLocation(redirect: CompiledRedirect, prefixLength: number, request: RedirectedRequest): string {
  const scheme = redirect.scheme ?? request.scheme
  const usualPort = scheme === 'https' ? 443 : 80
  const port = redirect.port ?? (redirect.scheme === null ? request.port : usualPort)
  const host = redirect.host ?? request.host
  let path = Buffer.from(request.path.buffer, request.path.byteOffset, request.pathLength)
  if (redirect.path !== null) {
    const out = Buffer.alloc(redirect.path.value.length + request.pathLength)
    path = out.subarray(0, writeEditedPath(redirect.path, prefixLength, request.path, request.pathLength, out, 0))
  }
  const query = request.query === '' ? '' : `?${request.query}`
  return `${scheme}://${host}${port === usualPort ? '' : `:${port}`}${path.toString('latin1')}${query}`
}
