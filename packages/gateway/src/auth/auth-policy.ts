import type { RouteAuth } from '@pando/model'
import type { OwnAnswer } from '../http1/own-answer.js'
import type { PolicyRequest, RoutePolicy, Verdict } from '../policy/route-policy.js'
import type { Authenticator, Identified, Outcome } from './authenticator.js'
import { quoted } from './credentials.js'
import { claimAt, type Claims } from './jwt/claims.js'

/**
 * What one route asks of whoever calls: the first of its authenticators that finds its kind of credential decides who it is, and that must have the
 * scopes and claims. A credential that is refused lets nobody try the next kind, or a bad one would be as good as none.
 */
export class AuthPolicy implements RoutePolicy {
  readonly name: string
  readonly phase = 'authenticate'
  readonly #authenticators: readonly Authenticator[]
  readonly #auth: RouteAuth
  /** Those that the route leads to. */
  readonly #services: readonly string[]

  constructor(auth: RouteAuth, authenticators: readonly Authenticator[], services: readonly string[]) {
    this.name = `auth ${auth.anyOf.join(', ')}`
    this.#auth = auth
    this.#authenticators = authenticators
    this.#services = services
  }

  check(request: PolicyRequest): Verdict | Promise<Verdict> {
    // Two of them, and what we check might not be what the service reads (RFC 6750 section 3.1: invalid_request).
    if (request.headerCount('authorization') > 1) {
      return { answer: malformed('There is more than one Authorization header.') }
    }
    return this.#ask(request, 0)
  }

  #ask(request: PolicyRequest, first: number): Verdict | Promise<Verdict> {
    for (let index = first; index < this.#authenticators.length; index++) {
      const { challenge } = this.#authenticators[index]
      const outcome = this.#authenticators[index].authenticate(request)
      if (outcome instanceof Promise) {
        return outcome.then((settled) =>
          settled === null ? this.#ask(request, index + 1) : this.#judge(request, settled, challenge),
        )
      }
      if (outcome !== null) return this.#judge(request, outcome, challenge)
    }
    return { answer: this.#invite(request) }
  }

  #judge(request: PolicyRequest, outcome: Exclude<Outcome, null>, challenge: string | null): Verdict {
    switch (outcome.kind) {
      case 'answered':
        return { answer: outcome.answer }
      case 'refused':
        return {
          answer:
            outcome.status === 400
              ? malformed(outcome.detail)
              : {
                  kind: 'problem',
                  reason: 'unauthenticated',
                  detail: outcome.detail,
                  headers: [['WWW-Authenticate', outcome.challenge]],
                },
        }
      case 'identified': {
        const missing = this.#whatIsMissing(outcome, challenge)
        if (missing !== null) return { answer: missing }
        request.identity = outcome.identity
        const { request: edit, response } = outcome
        if (edit === null && response === undefined) return null
        return {
          ...(edit === null ? {} : { request: edit }),
          ...(response === undefined ? {} : { response }),
        }
      }
    }
  }

  #whatIsMissing({ identity, scopes, services }: Identified, challenge: string | null): OwnAnswer | null {
    const wanted = this.#auth.scopes.filter((scope) => !scopes.includes(scope))
    if (wanted.length > 0) {
      // RFC 6750 section 3.1, and as other kinds of credentials say it.
      const needed = `error="insufficient_scope", scope=${quoted(this.#auth.scopes.join(' '))}`
      const headers = challenge === null ? [] : [['WWW-Authenticate', `${challenge}, ${needed}`] as const]
      return forbidden(`It needs the scope ${wanted.join(', ')}.`, headers)
    }
    const claim = this.#auth.claims.find(({ claim: path, values }) => !hasOneOf(identity.claims ?? {}, path, values))
    if (claim !== undefined) return forbidden(`The claim ${claim.claim} has not the value that it needs.`)
    if (services !== undefined && !this.#services.every((service) => services.includes(service))) {
      return forbidden('It is for other services.')
    }
    return null
  }

  #invite(request: PolicyRequest): OwnAnswer {
    for (const authenticator of this.#authenticators) {
      const invitation = authenticator.invite?.(request) ?? null
      if (invitation !== null) return invitation
    }
    const challenges = new Set(this.#authenticators.flatMap(({ challenge }) => (challenge === null ? [] : [challenge])))
    return {
      kind: 'problem',
      reason: 'unauthenticated',
      detail: 'The request has no credential.',
      headers: [...challenges].map((challenge) => ['WWW-Authenticate', challenge]),
    }
  }
}

function hasOneOf(claims: Claims, path: string, values: readonly string[]): boolean {
  const value = claimAt(claims, path)
  const held: readonly unknown[] = Array.isArray(value) ? value : [value]
  return held.some((item) => (typeof item === 'object' ? false : item !== undefined && values.includes(String(item))))
}

function malformed(detail: string): OwnAnswer {
  return { kind: 'problem', reason: 'bad_request', detail }
}

function forbidden(detail: string, headers: readonly (readonly [string, string])[] = []): OwnAnswer {
  return { kind: 'problem', reason: 'forbidden', detail, headers }
}
