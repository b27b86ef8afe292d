import { createHmac, constants, generateKeyPairSync, type JsonWebKey, type KeyObject, sign } from 'node:crypto'
import type { JwtAlgorithm } from '@pando/model'
import { KeySet } from '../keys/key-set.js'
import type { KeySource } from '../keys/key-source.js'
import { verifications } from './algorithms.js'

/** Makes tokens by hand, the wrong ones above all: no library makes those. */

export interface Pair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

export const rsa: Pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
export const p256: Pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const p384: Pair = generateKeyPairSync('ec', { namedCurve: 'P-384' })
export const p521: Pair = generateKeyPairSync('ec', { namedCurve: 'P-521' })
export const ed25519: Pair = generateKeyPairSync('ed25519')

export function signature(algorithm: JwtAlgorithm, key: KeyObject | Uint8Array, input: string): Buffer {
  const { keyType, hash, isPss } = verifications[algorithm]
  const bytes = Buffer.from(input)
  if (keyType === 'oct') {
    return createHmac(hash as string, key as Buffer)
      .update(bytes)
      .digest()
  }
  if (keyType === 'EC') return sign(hash, bytes, { key: key as KeyObject, dsaEncoding: 'ieee-p1363' })
  if (isPss === true) {
    const padding = constants.RSA_PKCS1_PSS_PADDING
    return sign(hash, bytes, { key: key as KeyObject, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST })
  }
  return sign(hash, bytes, key as KeyObject)
}

export const encode = (value: object | string): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

export interface TokenParts {
  /** Objects, or the very text. */
  readonly header?: object | string
  readonly claims?: object | string
  readonly algorithm?: JwtAlgorithm
  readonly key?: KeyObject | Uint8Array
}

export const nowMs = 1_800_000_000_000
export const nowSeconds = nowMs / 1000
export const goodClaims = {
  iss: 'https://issuer.test',
  aud: 'shop',
  sub: 'alice',
  exp: nowSeconds + 60,
  scope: 'read write',
}

/** A good token, but for what is said. */
export function token({ header, claims, algorithm = 'RS256', key = rsa.privateKey }: TokenParts = {}): string {
  const input = `${encode(header ?? { alg: algorithm, kid: 'one' })}.${encode(claims ?? goodClaims)}`
  return `${input}.${signature(algorithm, key, input).toString('base64url')}`
}

export function jwk(key: KeyObject, more: object = { kid: 'one' }): JsonWebKey {
  return { ...key.export({ format: 'jwk' }), ...more }
}

export function keySet(...keys: readonly object[]): KeySet {
  const set = KeySet.ofJson(Buffer.from(JSON.stringify({ keys })))
  if (set === null) throw new Error('no key set')
  return set
}

/** A source whose keys the test gives. */
export class GivenKeys implements KeySource {
  keys: KeySet | null
  /** What a refresh brings; null: it is not allowed now. */
  next: (() => KeySet | null) | null = null
  refreshes = 0
  trouble: string | null = null
  readonly warning = null

  constructor(keys: KeySet | null) {
    this.keys = keys
  }

  current(): KeySet | null {
    return this.keys
  }

  refresh(): Promise<void> | null {
    return this.next === null ? null : this.#refresh(this.next)
  }

  async #refresh(next: () => KeySet | null): Promise<void> {
    this.refreshes++
    await Promise.resolve()
    this.keys = next()
  }

  close(): void {}
}
