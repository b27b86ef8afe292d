import { hash } from 'node:crypto'
import { apiKeyPrefix, type ApiKeysAuthenticatorSpec, type ApiKeySpec } from '@pando/model'
import type { Counter } from '../metrics/registry.js'
import type { PolicyRequest } from '../policy/route-policy.js'
import type { Authenticator, AuthenticatorContext, Identified, Outcome } from './authenticator.js'
import { credentialsOf, quoted } from './credentials.js'
import { identityLines, strippingEdit } from './identity-edit.js'

const longestKey = 256

/** A key with what counts its uses: the control plane reads there when a key was used last. */
interface KnownKey extends ApiKeySpec {
  readonly uses: Counter
}

/** The keys that let in now, by their hashes; all authenticators of a worker share them. */
export class ApiKeyTable {
  readonly #counterOf: (id: string) => Counter
  #byHash: ReadonlyMap<string, KnownKey> = new Map()

  constructor(counterOf: (id: string) => Counter) {
    this.#counterOf = counterOf
  }

  replace(keys: readonly ApiKeySpec[]): void {
    this.#byHash = new Map(keys.map((key) => [key.hash, { ...key, uses: this.#counterOf(key.id) }]))
  }

  /**
   * The key as it was made, or undefined. What is compared is a hash, so the time that takes says nothing of the key: who could choose
   * a hash to be near to another one could choose the key.
   */
  find(key: string): KnownKey | undefined {
    return key.length > longestKey ? undefined : this.#byHash.get(hash('sha256', key, 'hex'))
  }
}

/** Keys that `pando key create` makes, from a header of their own or as a bearer token. */
export class ApiKeysAuthenticator implements Authenticator {
  readonly name: string
  readonly challenge: string
  readonly #spec: ApiKeysAuthenticatorSpec
  readonly #keys: ApiKeyTable
  readonly #context: AuthenticatorContext
  /** What is known of each key, made once. */
  readonly #identified = new WeakMap<ApiKeySpec, Identified>()

  constructor(spec: ApiKeysAuthenticatorSpec, keys: ApiKeyTable, context: AuthenticatorContext) {
    this.name = spec.name
    this.#spec = spec
    this.#keys = keys
    this.#context = context
    const realm = `realm=${quoted(context.realm)}`
    // No registered scheme has a name for a header of one's own; RFC 9110 section 11.1 lets any token be one.
    this.challenge = spec.header === null ? `Bearer ${realm}` : `ApiKey ${realm}, header=${quoted(spec.header)}`
  }

  authenticate(request: PolicyRequest): Outcome {
    const { header } = this.#spec
    let key: string | null
    if (header === null) {
      key = credentialsOf(request, 'bearer')
      // That is meant for another authenticator.
      if (key?.startsWith(apiKeyPrefix) !== true) return null
    } else {
      if (request.headerCount(header) > 1) return this.#refuse(`The header ${header} comes more than once.`, 400)
      key = request.header(header)
      if (key === null) return null
    }
    const found = this.#keys.find(key)
    // One text for all: which of them it is helps only who guesses.
    if (found === undefined || (found.expiresAt !== null && this.#context.now() >= found.expiresAt)) {
      return this.#refuse('The key is not known, was revoked or has expired.')
    }
    found.uses.inc()
    return this.#identify(found)
  }

  readonly warnings = []

  close(): void {}

  #identify(key: ApiKeySpec): Identified {
    const before = this.#identified.get(key)
    if (before !== undefined) return before
    const { claimHeaders, forwardsCredential, header } = this.#spec
    const claims = { sub: key.name, id: key.id, scope: key.scopes.join(' ') }
    const { stripped } = this.#context
    const identified: Identified = {
      kind: 'identified',
      identity: { kind: 'api_key', subject: key.name, claims },
      scopes: key.scopes,
      ...(key.services.length === 0 ? {} : { services: key.services }),
      request: strippingEdit(
        forwardsCredential ? stripped : [...stripped, header ?? 'authorization'],
        identityLines(claimHeaders, claims),
      ),
    }
    this.#identified.set(key, identified)
    return identified
  }

  #refuse(detail: string, status?: 400): Outcome {
    const challenge = this.#spec.header === null ? `${this.challenge}, error="invalid_token"` : this.challenge
    return { kind: 'refused', detail, challenge, ...(status === undefined ? {} : { status }) }
  }
}
