import type { CompiledEdit } from '../route-table/header-edit.js'
import type { OwnAnswer } from '../http1/own-answer.js'
import type { Identity, PolicyRequest } from '../policy/route-policy.js'

/** What an authenticator says of a request. One that cannot say gives `cannotSay`; what it throws denies, too, and is written down for each request. */
export type Outcome =
  /** The request has no credential of this kind. */
  | null
  | Identified
  /** It has one, and that is not taken. `challenge` goes with 401 (RFC 9110 section 11.6.1); 400 has none. */
  | { readonly kind: 'refused'; readonly detail: string; readonly challenge: string; readonly status?: 400 }
  /** The client gets this answer. */
  | { readonly kind: 'answered'; readonly answer: OwnAnswer }

export interface Identified {
  readonly kind: 'identified'
  readonly identity: Identity
  readonly scopes: readonly string[]
  /** Only routes to these services; null: all. */
  readonly services?: readonly string[]
  /** What the service gets to know of it. */
  readonly request: CompiledEdit | null
  /** What the client gets beside the service's answer. */
  readonly response?: CompiledEdit
}

/**
 * Denies for now. The client is not told what is the matter, as that may name addresses of ours; the operator was told by `onTrouble`, once
 * and not for every request.
 */
export function cannotSay(authenticator: string): Outcome {
  const detail = `The authenticator "${authenticator}" cannot say who it is at present.`
  return { kind: 'answered', answer: { kind: 'problem', reason: 'policy_failed', detail, retryAfterSeconds: 1 } }
}

/** Finds out who a request comes from by one kind of credential. */
export interface Authenticator {
  readonly name: string
  /** What a client that sent no credential could send, as `WWW-Authenticate` says it; null: nothing of that sort. */
  readonly challenge: string | null
  authenticate(request: PolicyRequest): Outcome | Promise<Outcome>
  /** For a request without any credential: a better answer than 401, or null. */
  invite?(request: PolicyRequest): OwnAnswer | null
  /** What stops nothing yet, or everything, and should be seen to: a file that is gone, an issuer that does not answer. */
  readonly warnings: readonly string[]
  close(): void
}

/** What every authenticator is given. */
export interface AuthenticatorContext {
  /** The name of the app: what is protected, in a challenge. */
  readonly realm: string
  /** Names in lower case that services believe, and that nobody may send from outside. */
  readonly stripped: readonly string[]
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly onTrouble: (message: string) => void
}
