/**
 * Who gets in. An authenticator is named once, at the gateway; a route says which of them it needs. Secrets are never in here: only the
 * absolute paths of the files that they are in, which each gateway reads by itself.
 */
export type AuthenticatorSpec = JwtAuthenticatorSpec

/** RFC 7518 section 3.1, RFC 8037 section 3.1, RFC 9864 section 2.2. `none` is not among them, on purpose. */
export const publicKeyAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const
/** Only with a secret that both sides have: never beside the others, or a public key could pass for the secret. */
export const sharedSecretAlgorithms = ['HS256', 'HS384', 'HS512'] as const

export type JwtAlgorithm = (typeof publicKeyAlgorithms)[number] | (typeof sharedSecretAlgorithms)[number]

/** Signed tokens in compact form: RFC 7519, RFC 7515, with the advice of RFC 8725. */
export interface JwtAuthenticatorSpec {
  readonly kind: 'jwt'
  readonly name: string
  readonly keys: JwtKeySource
  /** `iss` must be just this; null: whoever signed is the issuer. */
  readonly issuer: string | null
  /** `aud` must have one of these; empty: not looked at. */
  readonly audiences: readonly string[]
  /** Never empty, and of one family only: public keys or a shared secret. */
  readonly algorithms: readonly JwtAlgorithm[]
  /** How far the clocks may be apart, for `exp` and `nbf`; at most five minutes. */
  readonly skewMs: number
  /** A longer token is refused unread. */
  readonly maxTokenBytes: number
  /** The cookie that has the token; null: `Authorization: Bearer`. */
  readonly cookie: string | null
  readonly claimHeaders: readonly ClaimHeader[]
  /** Whether the service gets the token, too. */
  readonly forwardsCredential: boolean
}

export interface ClaimHeader {
  /** By its whole name, or a path with dots into objects. */
  readonly claim: string
  readonly header: string
}

export type JwtKeySource =
  | ({ readonly from: 'url'; readonly url: string } & RemoteKeys)
  /** OpenID Connect Discovery 1.0 section 4: the issuer says where its keys are. */
  | ({ readonly from: 'discovery'; readonly issuer: string } & RemoteKeys)
  /** A JSON Web Key Set, one JSON Web Key, or public keys as PEM. */
  | { readonly from: 'file'; readonly path: string }
  /** Secrets that both sides have, a line each; the file's own bytes are the key. */
  | { readonly from: 'secret'; readonly path: string }

export interface RemoteKeys {
  /** Plain http to another machine is allowed: whoever is between can make tokens. */
  readonly isInsecure: boolean
  /** Keys are asked for anew when they are so old. */
  readonly maxAgeMs: number
  /** An unknown key makes them be asked for, at most once in this time. */
  readonly cooldownMs: number
  /** As long as the source is away, keys are used until they are so old. */
  readonly maxStaleMs: number
}

/** What a route asks of whoever calls. */
export interface RouteAuth {
  /** Names of authenticators: the first that finds its kind of credential decides. Never empty. */
  readonly anyOf: readonly string[]
  /** All of these are needed. */
  readonly scopes: readonly string[]
  /** Each must have one of its values. */
  readonly claims: readonly { readonly claim: string; readonly values: readonly string[] }[]
}
