import { createHash } from 'node:crypto'
import type { LoginAuthenticatorSpec } from '@pando/model'
import type { Claims } from '../jwt/claims.js'
import { readJsonObject } from '../jwt/strict-json.js'
import { JwtVerifier } from '../jwt/verifier.js'
import { fetchDocument, type FetchLimits, whyNotFetched } from '../keys/bounded-fetch.js'
import { discover, type IssuerMetadata } from '../keys/discovery.js'
import { RemoteKeySource } from '../keys/remote-keys.js'

const fetchTimeoutMs = 5_000
const mostBytes = 262_144
const skewMs = 30_000

/** What goes to the provider's page, and comes back from it. */
export interface LoginAttempt {
  readonly state: string
  readonly nonce: string
  /** RFC 7636: only who has it can use the code. */
  readonly verifier: string
  readonly redirectUri: string
}

/** An OpenID provider: the code flow of OpenID Connect Core 1.0 section 3.1, with PKCE (RFC 7636). */
export class Provider {
  readonly #spec: LoginAuthenticatorSpec
  readonly #limits: FetchLimits
  readonly #source: RemoteKeySource
  readonly #verifier: JwtVerifier<Claims>
  readonly #secret: () => string | null
  #metadata: IssuerMetadata | null = null

  constructor(
    spec: LoginAuthenticatorSpec,
    options: {
      /** The client's secret; null: it has none. */
      readonly secret: () => string | null
      readonly now: () => number
      readonly onTrouble: (message: string) => void
    },
  ) {
    this.#spec = spec
    this.#secret = options.secret
    this.#limits = { timeoutMs: fetchTimeoutMs, maxBytes: mostBytes, isInsecure: spec.isInsecure }
    const fetch = (address: string): Promise<Buffer> => fetchDocument(address, this.#limits)
    this.#source = new RemoteKeySource({
      spec: { isInsecure: spec.isInsecure, maxAgeMs: 300_000, cooldownMs: 10_000, maxStaleMs: 3_600_000 },
      fetch: async () => {
        const metadata = await discover(spec.issuer, fetch)
        const keys = await fetch(metadata.jwksUri)
        this.#metadata = metadata
        return keys
      },
      now: () => performance.now(),
      onTrouble: options.onTrouble,
    })
    this.#verifier = new JwtVerifier({
      keys: this.#source,
      issuer: spec.issuer,
      audiences: [spec.clientId],
      algorithms: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
      skewMs,
      maxTokenBytes: 32_768,
      now: options.now,
      read: (claims) => claims,
      // Each is seen once.
      remembered: 2,
    })
  }

  /** Null as long as the provider has said nothing of itself. */
  get metadata(): IssuerMetadata | null {
    return this.#metadata
  }

  /** Asks the provider about itself where that is not known and not asked too often. */
  refresh(): Promise<void> | null {
    return this.#source.refresh()
  }

  /** What the provider was asked for and did not say. */
  get warning(): string | null {
    return this.#source.warning
  }

  get trouble(): string {
    return this.#source.trouble ?? `${this.#spec.issuer} has not said anything of itself yet`
  }

  /** Where the browser goes. Throws a sentence when that cannot be said. */
  authorizationUrl({ state, nonce, verifier, redirectUri }: LoginAttempt): string {
    const endpoint = this.#metadata?.authorizationEndpoint ?? null
    if (endpoint === null) throw new Error(this.trouble)
    const wrong = whyNotFetched(endpoint, this.#spec.isInsecure)
    if (wrong !== null) throw new Error(wrong)
    const url = new URL(endpoint)
    const parameters = {
      response_type: 'code',
      client_id: this.#spec.clientId,
      redirect_uri: redirectUri,
      scope: this.#spec.scopes.join(' '),
      state,
      nonce,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    }
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
    return url.href
  }

  /** What the code is worth: the claims of the ID token, verified (section 3.1.3.7). Rejects with a sentence. */
  async redeem(code: string, { verifier, nonce, redirectUri }: LoginAttempt): Promise<Claims> {
    const endpoint = this.#metadata?.tokenEndpoint ?? null
    if (endpoint === null) throw new Error(this.trouble)
    const { clientId } = this.#spec
    const secret = this.#secret()
    const form = new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
      client_id: clientId,
      code_verifier: verifier,
    })
    // RFC 6749 section 2.3.1: name and secret are form-encoded before they become Basic credentials.
    const pair = secret === null ? null : `${encodeURIComponent(clientId)}:${encodeURIComponent(secret)}`
    const answer = readJsonObject(
      await fetchDocument(endpoint, this.#limits, {
        form: form.toString(),
        authorization: pair === null ? null : `Basic ${Buffer.from(pair).toString('base64')}`,
      }),
    )
    const token = answer?.['id_token']
    if (typeof token !== 'string') throw new Error(`${endpoint}: the answer has no ID token`)
    const verdict = await this.#verifier.verify(token)
    if (verdict.kind === 'unavailable') throw new Error(verdict.trouble)
    if (verdict.kind === 'refused') throw new Error(`the ID token is not taken: ${verdict.refusal}`)
    const claims = verdict.result
    if (claims['nonce'] !== nonce) throw new Error('the ID token was made for another login')
    if (typeof claims['sub'] !== 'string' || claims['sub'] === '')
      throw new Error('the ID token does not say who it is')
    const party = claims['azp']
    if ((Array.isArray(claims['aud']) && claims['aud'].length > 1) || party !== undefined) {
      if (party !== clientId) throw new Error('the ID token was made for another client')
    }
    return claims
  }

  close(): void {
    this.#source.close()
  }
}
