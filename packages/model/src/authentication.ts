/**
 * Who gets in. An authenticator is named once, at the gateway; a route says which of them it needs. Secrets are never in here: only the
 * absolute paths of the files that they are in, which each gateway reads by itself.
 */
export type AuthenticatorSpec =
  | JwtAuthenticatorSpec
  | ApiKeysAuthenticatorSpec
  | BasicAuthenticatorSpec
  | ExternalAuthenticatorSpec
  | LoginAuthenticatorSpec

/** What all have that find out who it is by themselves. */
interface FindsIdentity {
  readonly name: string
  readonly claimHeaders: readonly ClaimHeader[]
  /** Whether the service gets the credential, too. */
  readonly forwardsCredential: boolean
}

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
export interface JwtAuthenticatorSpec extends FindsIdentity {
  readonly kind: 'jwt'
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
}

/** Keys that `pando key create` makes. */
export interface ApiKeysAuthenticatorSpec extends FindsIdentity {
  readonly kind: 'api_keys'
  /** The header that has the key, in lower case; null: `Authorization: Bearer`. */
  readonly header: string | null
}

/** Names and passwords (RFC 7617), for tools that know nothing else. */
export interface BasicAuthenticatorSpec extends FindsIdentity {
  readonly kind: 'basic'
  /** Lines of `name:hash`, as `pando key hash-password` makes them. */
  readonly path: string
}

/** Somebody else decides: asked over HTTP, as Envoy's `ext_authz` and other gateways' forward auth do. */
export interface ExternalAuthenticatorSpec {
  readonly kind: 'external'
  readonly name: string
  /** The request's own path and query are put behind its path. */
  readonly url: string
  readonly isInsecure: boolean
  /** The whole answer; then the request is denied, unless it `failsOpen`. */
  readonly timeoutMs: number
  /** Headers of the request that it gets to see, in lower case. */
  readonly requestHeaders: readonly string[]
  /** Headers of its answer that the service gets when it lets a request in; from outside they are stripped. */
  readonly upstreamHeaders: readonly string[]
  /** Headers of its answer that the client gets in either case. */
  readonly clientHeaders: readonly string[]
  /** The header of its answer that says who it is; null: nobody in particular. */
  readonly subjectHeader: string | null
  /** Without an answer everybody gets in. */
  readonly failsOpen: boolean
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
  /** Names of authenticators: the first that finds its kind of credential decides. Empty, in a manifest only: those of the gateway's default. */
  readonly anyOf: readonly string[]
  /** All of these are needed. */
  readonly scopes: readonly string[]
  /** Each must have one of its values. */
  readonly claims: readonly { readonly claim: string; readonly values: readonly string[] }[]
}

/** Login for browsers: OpenID Connect, code flow with PKCE. */
export interface LoginAuthenticatorSpec extends FindsIdentity {
  readonly kind: 'login'
  readonly issuer: string
  readonly isInsecure: boolean
  readonly clientId: string
  /** The file with the client's secret; null: it has none. */
  readonly clientSecretPath: string | null
  /** The file with the secrets that cookies are sealed by, a line each, the newest first. */
  readonly cookieSecretPath: string
  readonly scopes: readonly string[]
  readonly sessionMs: number
  /** `callback` and `logout` are below it. */
  readonly path: string
  /** Scheme, host and port as browsers see them; null: as the request says. */
  readonly origin: string | null
}

/** With this begins every key that Pando makes, so that it is found where it should not be. */
export const apiKeyPrefix = 'pando_'

/** One key as a gateway knows it: never the key itself. */
export interface ApiKeySpec {
  readonly id: string
  readonly name: string
  /** SHA-256 of the key, in hex. The key has 256 random bits, so no list of guesses is of use and a slow hash would add nothing. */
  readonly hash: string
  readonly scopes: readonly string[]
  /** Only routes to these services; empty: all. */
  readonly services: readonly string[]
  /** Milliseconds since 1970; null: until it is revoked. */
  readonly expiresAt: number | null
}

/** What `pando key list` shows of a key. */
export interface ApiKeyInfo {
  /** One at a time has it. */
  readonly name: string
  readonly id: string
  /** How the key begins, to tell keys apart. */
  readonly prefix: string
  readonly scopes: readonly string[]
  readonly services: readonly string[]
  readonly createdAt: number
  readonly expiresAt: number | null
  /** To about a minute; null: not yet. */
  readonly lastUsedAt: number | null
}

export interface NewApiKey {
  readonly name: string
  readonly scopes: readonly string[]
  readonly services: readonly string[]
  /** From now on; null: until it is revoked. */
  readonly expiresInMs: number | null
}

/** The only time that the key is said. */
export interface MadeApiKey {
  readonly key: string
  readonly info: ApiKeyInfo
}
