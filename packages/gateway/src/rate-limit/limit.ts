import { createHash } from 'node:crypto'
import type { RateLimitKey, RateLimitSpec } from '@pando/model'
import { subscriberOf } from '../client-address/address.js'
import type { PolicyRequest } from '../policy/route-policy.js'
import { BucketTable } from './bucket-table.js'
import { Rate } from './rate.js'

/** Longer values are counted by their digest, so that a key has a bound. */
const longestKey = 64

/** One limit of one route, with what is owed on it. It outlives tables as long as nothing of it changes. */
export class Limit {
  /** The same in every worker and gateway of an app, and another one when the limit changes. */
  readonly id: string
  readonly spec: RateLimitSpec
  readonly rate: Rate
  readonly buckets: BucketTable

  constructor(route: string, spec: RateLimitSpec, seed: number) {
    this.id = limitId(route, spec)
    this.spec = spec
    this.rate = new Rate(spec.requests, spec.periodMs, spec.burst)
    this.buckets = new BucketTable(this.rate, seed)
  }

  /** Whose bucket the request takes from. One that has no such value takes from its address': leaving a header out is no way around. */
  keyOf(request: PolicyRequest): string {
    return valueOf(this.spec.key, request) ?? `a:${subscriberOf(request.clientAddress)}`
  }
}

export function limitId(route: string, spec: RateLimitSpec): string {
  const { name, requests, periodMs, burst, key } = spec
  const by = 'name' in key ? `${key.kind}=${key.name}` : key.kind
  return `${route}/${name}:${requests}/${periodMs}/${burst}:${by}`
}

function valueOf(key: RateLimitKey, request: PolicyRequest): string | null {
  switch (key.kind) {
    case 'address':
      return null
    case 'all':
      return '*'
    case 'identity':
      return request.identity === null ? null : keyed(`i:${request.identity.kind}:`, request.identity.subject)
    case 'header': {
      const value = request.header(key.name)
      return value === null || value === '' ? null : keyed('h:', value)
    }
    case 'claim': {
      const value = request.identity?.claims?.[key.name]
      const isPlain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
      return isPlain ? keyed('c:', String(value)) : null
    }
  }
}

function keyed(prefix: string, value: string): string {
  return value.length > longestKey ? `#${digest(prefix + value)}` : prefix + value
}

/** The key as others may see it: a header may be a credential, which has no business in a store. */
export function publicKey(key: string): string {
  return key.startsWith('h:') ? `#${digest(key)}` : key
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 32)
}
