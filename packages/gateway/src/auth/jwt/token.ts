import type { JwtAlgorithm } from '@pando/model'
import { verifications } from './algorithms.js'
import { decodeBase64Url } from './base64url.js'
import { readJsonObject } from './strict-json.js'

/** A token in its parts. Nothing in it is true yet: the signature is not verified and the claims are not checked. */
export interface UnverifiedToken {
  readonly algorithm: JwtAlgorithm
  /** Which key; null when it does not say. A word to look a key up by, never a file, an address or a query. */
  readonly keyId: string | null
  readonly claims: Readonly<Record<string, unknown>>
  /** What was signed: header and claims as they came. */
  readonly input: Buffer
  readonly signature: Buffer
}

/** Why a token is not taken: one sentence in ASCII without quotes, fit for a challenge (RFC 6750 section 3). */
export interface Refused {
  readonly refusal: string
}

const longestKeyId = 256
/** Where a token would bring its own key, or say where it is: from whoever made the token, so it proves nothing. */
const ownKeys = ['jwk', 'jku', 'x5u', 'x5c']

/**
 * Takes a token in compact form (RFC 7515 section 7.1) apart, and refuses all that is not exactly that: other encodings, members named twice,
 * extensions that must be understood, keys of its own, encrypted and unsigned tokens, and algorithms that are not among `algorithms`.
 */
export function readToken(
  token: string,
  algorithms: readonly JwtAlgorithm[],
  maxBytes: number,
): UnverifiedToken | Refused {
  if (token.length > maxBytes) return refuse('The token is too long.')
  const parts = token.split('.')
  if (parts.length === 5) return refuse('The token is encrypted, and only signed ones are taken.')
  if (parts.length !== 3) return refuse('The token has not three parts.')
  if (parts[2] === '') return refuse('The token is not signed.')
  const bytes = parts.map(decodeBase64Url)
  const [headerBytes, claimsBytes, signature] = bytes
  if (!headerBytes || !claimsBytes || !signature) return refuse('The token is not in canonical base64url.')
  const header = readJsonObject(headerBytes)
  if (header === null) return refuse('The header of the token is not one JSON object without duplicates.')
  const wrong = wrongInHeader(header)
  if (wrong !== null) return refuse(wrong)
  const algorithm = header['alg'] as JwtAlgorithm
  if (!algorithms.includes(algorithm) || !Object.hasOwn(verifications, algorithm)) {
    return refuse('The algorithm of the token is not accepted.')
  }
  const claims = readJsonObject(claimsBytes)
  if (claims === null) return refuse('The claims of the token are not one JSON object without duplicates.')
  return {
    algorithm,
    keyId: (header['kid'] as string | undefined) ?? null,
    claims,
    input: Buffer.from(token.slice(0, token.length - parts[2].length - 1), 'latin1'),
    signature,
  }
}

function wrongInHeader(header: Readonly<Record<string, unknown>>): string | null {
  if (typeof header['alg'] !== 'string') return 'The header of the token names no algorithm.'
  // RFC 7515 section 4.1.11: extensions that are not understood make the token invalid, and none is understood here.
  if (Object.hasOwn(header, 'crit')) return 'The token has a critical extension, and none is known.'
  if (Object.hasOwn(header, 'b64')) return 'The token has an unencoded payload, which is not taken.'
  if (Object.hasOwn(header, 'enc') || Object.hasOwn(header, 'zip')) return 'The token is encrypted or compressed.'
  const own = ownKeys.find((name) => Object.hasOwn(header, name))
  if (own !== undefined) return `The token brings a key of its own (${own}).`
  const keyId = header['kid']
  if (keyId !== undefined && (typeof keyId !== 'string' || keyId.length > longestKeyId)) {
    return 'The key id of the token is no text of sane length.'
  }
  // RFC 8725 section 3.11: a token made for something else is not taken for one that lets in.
  const type = header['typ']
  if (type !== undefined && (typeof type !== 'string' || !/^(application\/)?(at\+)?jwt$/i.test(type))) {
    return 'The token is of another type than JWT.'
  }
  return null
}

function refuse(refusal: string): Refused {
  return { refusal }
}
