import { hash } from 'node:crypto'
import type { JwtAlgorithm } from '@pando/model'
import type { KeySet } from '../keys/key-set.js'
import type { KeySource } from '../keys/key-source.js'
import { Recent } from '../../recent.js'
import { isSigned } from './algorithms.js'
import { type Claims, expiryOf, wrongInClaims } from './claims.js'
import { readToken, type Refused, type UnverifiedToken } from './token.js'

export interface VerifierOptions<Result> {
  readonly keys: KeySource
  readonly issuer: string | null
  readonly audiences: readonly string[]
  readonly algorithms: readonly JwtAlgorithm[]
  readonly skewMs: number
  readonly maxTokenBytes: number
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** What is made of the claims once, and kept as long as the token is. */
  readonly read: (claims: Claims) => Result
  /** Verified tokens that are remembered. */
  readonly remembered?: number
}

export type Verdict<Result> =
  | { readonly kind: 'verified'; readonly result: Result }
  | ({ readonly kind: 'refused' } & Refused)
  /** It cannot be said: there are no keys. */
  | { readonly kind: 'unavailable'; readonly trouble: string }

interface Remembered<Result> {
  readonly verdict: Verdict<Result>
  readonly notBeforeMs: number
  readonly expiresMs: number
}

const defaultRemembered = 4096

/**
 * Verifies tokens. One that was verified is remembered by its hash until it expires or the keys change, and costs about a microsecond from
 * then on. Nothing is remembered of a token that was refused: whoever sends those could push out the others.
 */
export class JwtVerifier<Result> {
  readonly #options: VerifierOptions<Result>
  readonly #verified: Recent<Remembered<Result>>
  #keys: KeySet | null = null

  constructor(options: VerifierOptions<Result>) {
    this.#options = options
    this.#verified = new Recent(options.remembered ?? defaultRemembered)
  }

  get remembered(): number {
    return this.#verified.size
  }

  /** At once where the keys are there, which is nearly always. */
  verify(token: string): Verdict<Result> | Promise<Verdict<Result>> {
    const { keys: source, algorithms, maxTokenBytes } = this.#options
    if (token.length > maxTokenBytes) return refused('The token is too long.')
    const keys = this.#currentKeys()
    const digest = hash('sha256', token, 'base64')
    const remembered = this.#remembered(digest)
    if (remembered !== null) return remembered
    const read = readToken(token, algorithms, maxTokenBytes)
    if ('refusal' in read) return refused(read.refusal)
    const wrong = this.#wrongInClaims(read)
    // Before the signature: a token that is refused anyway makes nobody ask for keys.
    if (wrong !== null) return refused(wrong)
    if (keys !== null && keys.find(read.algorithm, read.keyId).length > 0) return this.#judge(read, digest)
    const refreshed = source.refresh()
    return refreshed === null ? this.#judge(read, digest) : refreshed.then(() => this.#judge(read, digest))
  }

  #judge(token: UnverifiedToken, digest: string): Verdict<Result> {
    const keys = this.#currentKeys()
    if (keys === null) {
      return { kind: 'unavailable', trouble: this.#options.keys.trouble ?? 'there are no keys to verify tokens by' }
    }
    const candidates = keys.find(token.algorithm, token.keyId)
    if (candidates.length === 0) return refused('The key that signed the token is not known.')
    if (!candidates.some((key) => isSigned(token.algorithm, key, token.input, token.signature))) {
      return refused('The signature of the token is wrong.')
    }
    // Time has passed where keys were waited for.
    const wrong = this.#wrongInClaims(token)
    if (wrong !== null) return refused(wrong)
    const { skewMs, read } = this.#options
    const { claims } = token
    const verdict = { kind: 'verified', result: read(claims) } as const
    const notBefore = claims['nbf']
    this.#verified.set(digest, {
      verdict,
      notBeforeMs: typeof notBefore === 'number' ? notBefore * 1000 - skewMs : 0,
      expiresMs: expiryOf(claims, skewMs),
    })
    return verdict
  }

  #wrongInClaims({ claims }: UnverifiedToken): string | null {
    return wrongInClaims(claims, this.#options, this.#options.now())
  }

  #remembered(digest: string): Verdict<Result> | null {
    const found = this.#verified.get(digest)
    if (found === undefined) return null
    const now = this.#options.now()
    // The clock may have been set back, too.
    if (now < found.expiresMs && now >= found.notBeforeMs) return found.verdict
    this.#verified.delete(digest)
    return null
  }

  /** What was verified by keys that are gone is verified no more. */
  #currentKeys(): KeySet | null {
    const keys = this.#options.keys.current()
    if (keys !== this.#keys) {
      this.#keys = keys
      this.#verified.clear()
    }
    return keys
  }
}

function refused(refusal: string): { readonly kind: 'refused' } & Refused {
  return { kind: 'refused', refusal }
}
