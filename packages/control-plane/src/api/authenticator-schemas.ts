import { z } from '@hono/zod-openapi'
import { publicKeyAlgorithms, sharedSecretAlgorithms } from '@pando/model'
import type * as model from '@pando/model'
import { wholeSchema } from './whole-schema.js'

/** Who gets in, as gateways are told. Secrets are never in here: only the absolute paths of their files, and hashes of API keys. */
const milliseconds = () => z.number().min(0)
const words = () => z.array(z.string())

const findsIdentity = {
  name: z.string(),
  claimHeaders: z.array(z.object({ claim: z.string(), header: z.string() })),
  forwardsCredential: z.boolean(),
}

const remoteKeys = {
  isInsecure: z.boolean(),
  maxAgeMs: milliseconds(),
  cooldownMs: milliseconds(),
  maxStaleMs: milliseconds(),
}

export const authenticator = wholeSchema<model.AuthenticatorSpec>()(
  z.union([
    z.object({
      kind: z.enum(['jwt']),
      ...findsIdentity,
      keys: z.union([
        z.object({ from: z.enum(['url']), url: z.string(), ...remoteKeys }),
        z.object({ from: z.enum(['discovery']), issuer: z.string(), ...remoteKeys }),
        z.object({ from: z.enum(['file', 'secret']), path: z.string() }),
      ]),
      issuer: z.string().nullable(),
      audiences: words(),
      algorithms: z.array(z.enum([...publicKeyAlgorithms, ...sharedSecretAlgorithms])),
      skewMs: milliseconds(),
      maxTokenBytes: z.number().int().min(0),
      cookie: z.string().nullable(),
    }),
    z.object({ kind: z.enum(['api_keys']), ...findsIdentity, header: z.string().nullable() }),
    z.object({ kind: z.enum(['basic']), ...findsIdentity, path: z.string() }),
    z.object({
      kind: z.enum(['external']),
      name: z.string(),
      url: z.string(),
      isInsecure: z.boolean(),
      timeoutMs: milliseconds(),
      requestHeaders: words(),
      upstreamHeaders: words(),
      clientHeaders: words(),
      subjectHeader: z.string().nullable(),
      failsOpen: z.boolean(),
    }),
    z.object({
      kind: z.enum(['login']),
      ...findsIdentity,
      issuer: z.string(),
      isInsecure: z.boolean(),
      clientId: z.string(),
      clientSecretPath: z.string().nullable(),
      cookieSecretPath: z.string(),
      scopes: words(),
      sessionMs: milliseconds(),
      path: z.string(),
      origin: z.string().nullable(),
    }),
  ]),
)

export const routeAuth = wholeSchema<model.RouteAuth>()(
  z.object({
    anyOf: words(),
    scopes: words(),
    claims: z.array(z.object({ claim: z.string(), values: words() })),
  }),
)

export const apiKeySpec = wholeSchema<model.ApiKeySpec>()(
  z.object({
    id: z.string(),
    name: z.string(),
    hash: z.string().describe('SHA-256 of the key, in hex'),
    scopes: words(),
    services: words(),
    expiresAt: z.number().int().nullable(),
  }),
)
