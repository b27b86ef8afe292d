import { publicKeyAlgorithms, sharedSecretAlgorithms } from '@pando/model'
import { z } from 'zod'
import { duration, durationOfAtLeast, filled, flag, label, size } from './schema-values.js'

const headerName = () =>
  z.string({ error: 'expected the name of a header' }).regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/, {
    error: 'this is not the name of a header',
  })

const headerNames = () => z.array(headerName(), { error: 'expected a list of headers' }).max(50)

const oneOrMore = (what: string) =>
  z.union([filled(what), z.array(filled(what)).min(1).max(50)], { error: `expected ${what}, or a list` })

const identityFields = {
  headers: z
    .record(headerName(), filled('the name of a claim'), { error: 'expected a map of headers and claims' })
    .optional()
    .describe(
      'Headers that tell the service who it is, each with its claim. From outside they are stripped, on every route.',
    ),
  forward: flag()
    .optional()
    .describe('Whether the service gets the credential, too. Default: true for jwt, false for the others.'),
}

const allowHttp = () =>
  flag()
    .optional()
    .describe('true: plain http to another machine is allowed, where whoever is between decides who gets in.')

const jwt = z.strictObject({
  issuer: filled('an issuer')
    .optional()
    .describe('What `iss` must be. Without jwks, keys or secret, its keys are found by OpenID Connect Discovery.'),
  audience: oneOrMore('an audience').optional().describe('What `aud` must have one of; "*" takes a token for anybody.'),
  jwks: filled('an address').optional().describe('Where its keys are: a JSON Web Key Set.'),
  keys: filled('a file')
    .optional()
    .describe('A file with its keys: a JSON Web Key Set, or public keys in PEM. Read anew when it changes.'),
  secret: filled('a file')
    .optional()
    .describe(
      'A file with a secret that both sides have, of 32 bytes or more, for HS256, HS384 and HS512. Several: a line each.',
    ),
  algorithms: z
    .array(z.enum([...publicKeyAlgorithms, ...sharedSecretAlgorithms]))
    .min(1)
    .optional()
    .describe('Those that are taken. Default: all with public keys; with a secret all of HS.'),
  skew: duration().optional().describe('How far the clocks may be apart; at most 5m. Default: 30s.'),
  max_token: size(1, '1').optional().describe('A longer token is refused unread. Default: 8K.'),
  cookie: filled('the name of a cookie')
    .optional()
    .describe('The cookie that has the token. Default: Authorization: Bearer.'),
  ...identityFields,
  refresh: durationOfAtLeast(1000)
    .optional()
    .describe('Keys at an address are asked for anew when they are so old. Default: 5m.'),
  cooldown: durationOfAtLeast(1000)
    .optional()
    .describe('A key that is not known makes them be asked for at most once in this time. Default: 10s.'),
  max_stale: durationOfAtLeast(1000)
    .optional()
    .describe('As long as the issuer does not answer, its keys are used until they are so old. Default: 1h.'),
  allow_http: allowHttp(),
})

const apiKeys = z.strictObject({
  header: headerName().optional().describe('The header that has the key. Default: X-Api-Key.'),
  bearer: flag().optional().describe('true: the key comes as Authorization: Bearer.'),
  ...identityFields,
})

const basic = z.strictObject({
  file: filled('a file').describe(
    'Lines of name:hash, as pando key hash-password makes them. Read anew when it changes.',
  ),
  ...identityFields,
})

const external = z.strictObject({
  url: filled('an address').describe("Whom to ask; the request's own path and query are put behind its path."),
  timeout: durationOfAtLeast(1).optional().describe('For the whole answer; then the request is denied. Default: 1s.'),
  send: headerNames().optional().describe('Headers of the request that it gets. Default: Authorization and Cookie.'),
  to_service: headerNames()
    .optional()
    .describe('Headers of its answer that the service gets. From outside they are stripped.'),
  to_client: headerNames().optional().describe('Headers of its answer that the client gets.'),
  subject: headerName().optional().describe('The header of its answer that says who it is.'),
  fail_open: flag().optional().describe('true: everybody gets in as long as it does not answer. Default: false.'),
  allow_http: allowHttp(),
})

const login = z.strictObject({
  issuer: filled('an issuer').describe('The OpenID provider; it says by discovery where everything is.'),
  client_id: filled('the id of a client').describe('What the provider knows this app as.'),
  client_secret: filled('a file')
    .optional()
    .describe('A file with the secret that goes with it. Default: the client has none.'),
  cookie_secret: filled('a file').describe(
    'A file with a secret of 32 bytes or more that cookies are encrypted with. Several: a line each, the newest first.',
  ),
  scopes: z
    .array(filled('a scope'))
    .min(1)
    .max(50)
    .optional()
    .describe('What is asked of the provider. Default: openid.'),
  session: durationOfAtLeast(60_000).optional().describe('How long a login lasts. Default: 8h.'),
  path: filled('a path')
    .optional()
    .describe('callback and logout are below it. Default: /_pando/login/ and the name of the authenticator.'),
  origin: filled('an address')
    .optional()
    .describe(
      'Scheme, host and port that browsers see, where something stands before the gateway. Default: those of the request.',
    ),
  ...identityFields,
  allow_http: allowHttp(),
})

const authenticator = z
  .strictObject({
    jwt: jwt.optional().describe('Signed tokens.'),
    api_keys: z
      .union([z.null(), apiKeys], { error: 'expected a map, or nothing' })
      .optional()
      .describe('Keys that pando key create makes.'),
    basic: basic.optional().describe('Names and passwords.'),
    login: login.optional().describe('Login for browsers, by OpenID Connect.'),
    external: external.optional().describe('Somebody else decides, asked over HTTP.'),
  })
  .meta({ id: 'authenticator', description: 'One way to find out who a request comes from: just one of these.' })

const routeAuth = z
  .union(
    [
      filled('the name of an authenticator'),
      z.strictObject({
        any_of: z
          .array(filled('the name of an authenticator'), { error: 'expected a list of authenticators' })
          .min(1)
          .max(10)
          .optional()
          .describe(
            "Authenticators; the first that finds its kind of credential decides. Default: those of the gateway's default_auth.",
          ),
        scopes: z
          .array(z.string().regex(/^[\u0021\u0023-\u005b\u005d-\u007e]+$/, { error: 'this is not a scope' }), {
            error: 'expected a list of scopes',
          })
          .max(50)
          .optional()
          .describe('All of these are needed.'),
        claims: z
          .record(filled('the name of a claim'), oneOrMore('a value'))
          .optional()
          .describe('Claims with the values of which one is needed.'),
      }),
    ],
    { error: 'expected the name of an authenticator, none, or a map' },
  )
  .meta({ id: 'auth', description: 'Who gets in: the name of an authenticator, none for anybody, or a map.' })

export const routeAuthField = {
  auth: routeAuth.optional().describe("Who gets in. Default: the gateway's default_auth."),
}

export const authenticationFields = {
  authenticators: z
    .record(label(40), authenticator, { error: 'expected a map of authenticators' })
    .optional()
    .describe('Ways to find out who a request comes from, by name; auth of a route names them.'),
  default_auth: routeAuth.optional().describe('Who gets in by routes that do not say it. Default: anybody.'),
}

export type AuthenticatorInput = z.infer<typeof authenticator>
export type RouteAuthInput = z.infer<typeof routeAuth>
export type IdentityInput = Pick<z.infer<typeof jwt>, 'headers' | 'forward'>
export type JwtInput = z.infer<typeof jwt>
export type LoginInput = z.infer<typeof login>
