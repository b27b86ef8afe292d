import type { CompressionSpec, ContentCoding } from '@pando/model'
import { weightOf } from '../http1/weight.js'

/**
 * The coding for a client that says so of itself (RFC 9110 section 12.5.3): of those that it takes, what it wants most, and among equals what
 * the route prefers. Empty: none, as it wants the body as it is more than any (what it does not name, `*` stands for). Without the header none
 * either: such a client may well not know any.
 */
export function chooseCoding(acceptEncoding: string | null, codings: readonly ContentCoding[]): ContentCoding | '' {
  if (acceptEncoding === null) return ''
  const weights = new Map<string, number>()
  for (const item of acceptEncoding.toLowerCase().split(',')) {
    const [name = '', ...parameters] = item.split(';').map((part) => part.trim())
    if (name !== '') weights.set(name === 'x-gzip' ? 'gzip' : name, weightOf(parameters))
  }
  let best: ContentCoding | '' = ''
  let most = 0
  const others = weights.get('*') ?? 0
  for (const coding of codings) {
    const weight = weights.get(coding) ?? others
    if (weight > most) {
      most = weight
      best = coding
    }
  }
  return most < (weights.get('identity') ?? others) ? '' : best
}

/** What of an answer's head decides whether it may be compressed. Values as they are sent; null where there is none. */
export interface AnswerFacts {
  readonly status: number
  readonly contentType: string | null
  readonly contentEncoding: string | null
  readonly cacheControl: string | null
  readonly contentRange: string | null
  /** It has a digest of its body, which would no longer be that of what is sent (RFC 9530). */
  readonly hasDigest: boolean
}

/** Whether answers like this one differ by what their clients take, however small this one is. */
export function isCompressible(spec: CompressionSpec, facts: AnswerFacts): boolean {
  const { status } = facts
  // Parts of a body (206, 416) are parts of the one that the service knows; 204 and 304 have none.
  if (status < 200 || status === 204 || status === 206 || status === 304 || facts.contentRange !== null) return false
  if (facts.hasDigest) return false
  if (facts.contentEncoding !== null && facts.contentEncoding.toLowerCase() !== 'identity') return false
  return !forbidsTransforming(facts.cacheControl) && isListed(spec, facts.contentType)
}

/** RFC 9110 section 7.7; a request may say so too (RFC 9111 section 5.2.1.6). */
export function forbidsTransforming(cacheControl: string | null): boolean {
  return cacheControl !== null && /(?:^|,)\s*no-transform\s*(?:,|$)/i.test(cacheControl)
}

function isListed(spec: CompressionSpec, contentType: string | null): boolean {
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  // Events are to arrive one by one, each at once; messages of gRPC are compressed by who sends them.
  if (type === '' || type === 'text/event-stream' || type.startsWith('application/grpc')) return false
  return spec.types.includes(type) || spec.types.includes(`${type.slice(0, type.indexOf('/'))}/*`)
}

/** An answer that is compressed is the same only in meaning (RFC 9110 section 8.8.3): its ETag is a weak one. */
export function weakened(etag: string): string {
  return etag.startsWith('W/') ? etag : `W/${etag}`
}
