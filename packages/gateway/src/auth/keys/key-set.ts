import { createPublicKey, createSecretKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import type { JwtAlgorithm } from '@pando/model'
import { verifications } from '../jwt/algorithms.js'
import { readJsonObject } from '../jwt/strict-json.js'

interface VerificationKey {
  readonly key: KeyObject
  readonly keyType: string
  readonly curve: string | null
  /** The only algorithm that it is for; null: any of its type. */
  readonly algorithm: string | null
}

const mostKeys = 100
/** Tokens that name no key try at most so many. */
const mostCandidates = 4
const leastRsaBits = 2048
const mostRsaBits = 8192
const leastSecretBytes = 32

/**
 * Keys that tokens are verified by. Each says by its own type, curve and `alg` what it is for, so that the token's word alone decides
 * nothing (RFC 8725 section 3.1). Never changed: another set takes its place.
 */
export class KeySet {
  readonly #byId = new Map<string, VerificationKey[]>()
  readonly #nameless: VerificationKey[] = []
  /** Keys that were left out, and why. */
  readonly problems: readonly string[]

  private constructor(
    keys: readonly { readonly id: string | null; readonly key: VerificationKey }[],
    problems: readonly string[],
  ) {
    this.problems = problems
    for (const { id, key } of keys) {
      if (id === null) this.#nameless.push(key)
      else this.#byId.set(id, [...(this.#byId.get(id) ?? []), key])
    }
  }

  get size(): number {
    return this.#byId.size + this.#nameless.length
  }

  /** Of a JSON Web Key Set (RFC 7517 section 5) or one JSON Web Key; null when the text is neither. Keys of no use here are left out. */
  static ofJson(bytes: Uint8Array): KeySet | null {
    const value = readJsonObject(bytes)
    if (value === null) return null
    const written = Array.isArray(value['keys']) ? value['keys'] : typeof value['kty'] === 'string' ? [value] : null
    if (written === null) return null
    const problems: string[] = []
    if (written.length > mostKeys) problems.push(`only the first ${mostKeys} of ${written.length} keys are used`)
    const keys = written.slice(0, mostKeys).flatMap((jwk: unknown, index) => {
      const read = readJwk(jwk)
      if (typeof read !== 'string') return [read]
      problems.push(`key ${index}: ${read}`)
      return []
    })
    return new KeySet(keys, problems)
  }

  /** Of public keys or certificates in PEM; null when there is none. They have no names: every token tries them. */
  static ofPem(text: string): KeySet | null {
    const blocks = text.match(/-----BEGIN (PUBLIC KEY|RSA PUBLIC KEY|CERTIFICATE)-----[^-]+-----END \1-----/g) ?? []
    if (blocks.length === 0) return null
    const problems: string[] = []
    const keys = blocks.slice(0, mostCandidates).flatMap((block, index) => {
      try {
        const read = verificationKeyOf(createPublicKey(block), null)
        if (typeof read !== 'string') return [{ id: null, key: read }]
        problems.push(`key ${index}: ${read}`)
      } catch {
        problems.push(`key ${index}: it cannot be read`)
      }
      return []
    })
    return new KeySet(keys, problems)
  }

  /** Of secrets that both sides have, the newest first. Short ones can be guessed, so they are left out (RFC 7518 section 3.2). */
  static ofSecrets(secrets: readonly Uint8Array[]): KeySet {
    const long = secrets.filter((secret) => secret.length >= leastSecretBytes).slice(0, mostCandidates)
    const problems = long.length < secrets.length ? [`a secret has fewer than ${leastSecretBytes} bytes`] : []
    return new KeySet(
      long.map((secret) => ({
        id: null,
        key: { key: createSecretKey(secret), keyType: 'oct', curve: null, algorithm: null },
      })),
      problems,
    )
  }

  /** The keys that may have signed, at most a few: those of that id, else those that have none; of any id when the token names none. */
  find(algorithm: JwtAlgorithm, keyId: string | null): readonly KeyObject[] {
    const { keyType, curve } = verifications[algorithm]
    const named = keyId === null ? [...this.#byId.values()].flat() : (this.#byId.get(keyId) ?? [])
    const candidates = keyId === null ? [...named, ...this.#nameless] : named.length > 0 ? named : this.#nameless
    return candidates
      .filter(
        (key) =>
          key.keyType === keyType &&
          (curve === undefined || key.curve === curve) &&
          (key.algorithm === null || key.algorithm === algorithm || isSameEdwards(key.algorithm, algorithm)),
      )
      .slice(0, mostCandidates)
      .map(({ key }) => key)
  }
}

/** RFC 9864 gave what was called EdDSA its full name. */
function isSameEdwards(a: string, b: string): boolean {
  return (a === 'EdDSA' && b === 'Ed25519') || (a === 'Ed25519' && b === 'EdDSA')
}

function readJwk(jwk: unknown): { id: string | null; key: VerificationKey } | string {
  if (typeof jwk !== 'object' || jwk === null) return 'it is no object'
  const { kid, kty, use, alg, key_ops: operations, d } = jwk as Record<string, unknown>
  if (kid !== undefined && typeof kid !== 'string') return 'its kid is no text'
  // A secret that anyone can read is none.
  if (kty === 'oct') return 'it is a shared secret, which a key set must not have'
  if (kty !== 'RSA' && kty !== 'EC' && kty !== 'OKP') return 'its type is not known here'
  if (d !== undefined) return 'it is a private key: take it out of there, and do not trust it any more'
  if (use !== undefined && use !== 'sig') return 'it is not for signatures'
  if (Array.isArray(operations) && !operations.includes('verify')) return 'it is not for verifying'
  if (alg !== undefined && typeof alg !== 'string') return 'its alg is no text'
  try {
    const read = verificationKeyOf(createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' }), alg ?? null)
    return typeof read === 'string' ? read : { id: kid ?? null, key: read }
  } catch {
    return 'it cannot be read'
  }
}

function verificationKeyOf(key: KeyObject, algorithm: string | null): VerificationKey | string {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  if (type === 'rsa') {
    const bits = details?.modulusLength ?? 0
    const exponent = details?.publicExponent ?? 0n
    if (bits < leastRsaBits || bits > mostRsaBits)
      return `it has ${bits} bits; ${leastRsaBits} to ${mostRsaBits} are taken`
    if (exponent < 3n || exponent % 2n === 0n || exponent > 0xffff_ffffn) return 'its exponent is not a sane one'
    return { key, keyType: 'RSA', curve: null, algorithm }
  }
  if (type === 'ec') {
    const curve = curves[details?.namedCurve ?? '']
    return curve === undefined ? 'its curve is not known here' : { key, keyType: 'EC', curve, algorithm }
  }
  if (type === 'ed25519') return { key, keyType: 'OKP', curve: 'Ed25519', algorithm }
  return 'its type is not known here'
}

/** What OpenSSL calls the curves of RFC 7518 section 6.2.1.1. */
const curves: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }
