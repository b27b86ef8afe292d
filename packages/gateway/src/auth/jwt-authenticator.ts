import { apiKeyPrefix, type JwtAuthenticatorSpec } from '@pando/model'
import type { PolicyRequest } from '../policy/route-policy.js'
import {
  type Authenticator,
  type AuthenticatorContext,
  cannotSay,
  type Identified,
  type Outcome,
} from './authenticator.js'
import { mergeEdits } from '../route-table/header-edit.js'
import { cookieLineWithout, cookiesOf, credentialsOf, quoted } from './credentials.js'
import { identityLines, strippingEdit } from './identity-edit.js'
import { type Claims, scopesOf, subjectOf } from './jwt/claims.js'
import { JwtVerifier, type Verdict } from './jwt/verifier.js'
import type { KeySource } from './keys/key-source.js'

/** Signed tokens, from `Authorization: Bearer` (RFC 6750 section 2.1) or from a cookie. */
export class JwtAuthenticator implements Authenticator {
  readonly name: string
  readonly challenge: string
  readonly #cookie: string | null
  readonly #forwards: boolean
  readonly #keys: KeySource
  readonly #verifier: JwtVerifier<Identified>

  constructor(spec: JwtAuthenticatorSpec, keys: KeySource, context: AuthenticatorContext) {
    this.name = spec.name
    this.challenge = `Bearer realm=${quoted(context.realm)}`
    this.#cookie = spec.cookie
    this.#forwards = spec.forwardsCredential
    this.#keys = keys
    const stripped =
      spec.forwardsCredential || spec.cookie !== null ? context.stripped : [...context.stripped, 'authorization']
    this.#verifier = new JwtVerifier({
      ...spec,
      keys,
      now: context.now,
      read: (claims: Claims): Identified => ({
        kind: 'identified',
        identity: { kind: 'jwt', subject: subjectOf(claims), claims },
        scopes: scopesOf(claims),
        request: strippingEdit(stripped, identityLines(spec.claimHeaders, claims)),
      }),
    })
  }

  authenticate(request: PolicyRequest): Outcome | Promise<Outcome> {
    let token: string | null
    if (this.#cookie === null) {
      token = credentialsOf(request, 'bearer')
      // That is meant for another authenticator.
      if (token?.startsWith(apiKeyPrefix) === true) return null
    } else {
      const cookies = cookiesOf(request, this.#cookie)
      // Whoever can set a cookie for a whole domain could put another one beside it.
      if (cookies.length > 1) return this.#refuse('The cookie with the token comes more than once.', 400)
      token = cookies[0] ?? null
    }
    if (token === null) return null
    const verdict = this.#verifier.verify(token)
    return verdict instanceof Promise
      ? verdict.then((settled) => this.#outcomeOf(settled, request))
      : this.#outcomeOf(verdict, request)
  }

  get warnings(): readonly string[] {
    return this.#keys.warning === null ? [] : [this.#keys.warning]
  }

  close(): void {
    this.#keys.close()
  }

  #outcomeOf(verdict: Verdict<Identified>, request: PolicyRequest): Outcome {
    switch (verdict.kind) {
      case 'verified':
        return this.#cookie === null || this.#forwards ? verdict.result : this.#withoutCookie(verdict.result, request)
      case 'refused':
        return this.#refuse(verdict.refusal)
      case 'unavailable':
        return cannotSay(this.name)
    }
  }

  #withoutCookie(identified: Identified, request: PolicyRequest): Identified {
    const line = cookieLineWithout(request, (name) => name === this.#cookie)
    return { ...identified, request: mergeEdits(identified.request, strippingEdit(['cookie'], line)) }
  }

  #refuse(detail: string, status?: 400): Outcome {
    const error = status === 400 ? 'invalid_request' : 'invalid_token'
    const challenge = `${this.challenge}, error="${error}", error_description=${quoted(detail)}`
    return { kind: 'refused', detail, challenge, ...(status === undefined ? {} : { status }) }
  }
}
