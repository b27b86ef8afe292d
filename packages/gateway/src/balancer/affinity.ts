import { createHash } from 'node:crypto'
import type { BalancerPolicy, BalancingSpec } from '@pando/model'
import type { UpstreamEndpoint } from '../upstream-endpoint.js'
import { hashText } from './hash.js'

/** Of a request, what may bind it to an endpoint. Names are in lower case; several lines are joined by ", " ("; " for cookies will do as well). */
export interface AskedBy {
  readonly clientAddress: string
  header(name: string): string | null
}

/** What binds one request to an endpoint. */
export interface Affinity {
  /** Hash of what the service's requests are told apart by; -1 when this one has nothing of it. */
  readonly key: number
  /** The endpoint that its cookie names, as far as it is there still. */
  readonly endpoint: UpstreamEndpoint | null
}

/** Null for a policy that does not look at requests. */
export function affinityOf(
  request: AskedBy,
  policy: BalancerPolicy,
  { hash, cookie }: BalancingSpec,
  bySticky: ReadonlyMap<string, UpstreamEndpoint>,
): Affinity | null {
  if (policy === 'sticky') {
    const id = cookieOf(request.header('cookie'), cookie)
    return { key: -1, endpoint: id === null ? null : (bySticky.get(id) ?? null) }
  }
  if (policy !== 'consistent_hash') return null
  const text =
    hash.by === 'address'
      ? request.clientAddress
      : hash.by === 'header'
        ? request.header(hash.name)
        : cookieOf(request.header('cookie'), hash.name)
  return { key: text === null || text === '' ? -1 : hashText(text), endpoint: null }
}

/**
 * What the cookie of a sticky service says: which endpoint, in a way that tells a client neither its name nor its address, that every worker makes the
 * same, and that no other endpoint will ever have.
 */
export function stickyIdOf(service: string, endpointId: string): string {
  return createHash('sha256').update(`pando-sticky\0${service}\0${endpointId}`).digest('base64url').slice(0, 22)
}

/** `Set-Cookie` line for the endpoint that was chosen (RFC 6265 section 4.1). */
export function stickyCookieLine(
  { cookie, cookieMs }: Pick<BalancingSpec, 'cookie' | 'cookieMs'>,
  id: string,
  isSecure: boolean,
): string {
  const age = cookieMs === null ? '' : `; Max-Age=${Math.ceil(cookieMs / 1000)}`
  return `Set-Cookie: ${cookie}=${id}; Path=/${age}; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}\r\n`
}

/** The first cookie of that name (RFC 6265 section 5.4 puts the most specific first); null when there is none. */
export function cookieOf(header: string | null, name: string): string | null {
  if (header === null) return null
  for (const part of header.split(/[;,]/)) {
    const equals = part.indexOf('=')
    if (equals !== -1 && part.slice(0, equals).trim() === name) return part.slice(equals + 1).trim()
  }
  return null
}
