import { z } from '@hono/zod-openapi'
import type { ApiKeyInfo, MadeApiKey, NewApiKey } from '@pando/model'
import type { KeyControl } from './key-control.js'
import { type Api, define } from './operation.js'
import { wholeSchema } from './whole-schema.js'

const time = () => z.number().int().describe('Unix time, milliseconds')
const name = () =>
  z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, {
    error: 'a name of a key has up to 63 letters, digits, dots, hyphens and underscores',
  })
const scopes = z
  .array(z.string().regex(/^[\u0021\u0023-\u005b\u005d-\u007e]{1,128}$/, { error: 'a scope is one word' }))
  .max(50)
  .readonly()
const services = z.array(z.string().min(1).max(63)).max(50).readonly()

const keyInfo = wholeSchema<ApiKeyInfo>()(
  z
    .object({
      name: z.string(),
      id: z.string(),
      prefix: z.string().describe('How the key begins'),
      scopes,
      services: services.describe('Only routes to these; none: all'),
      createdAt: time(),
      expiresAt: time().nullable(),
      lastUsedAt: time().nullable().describe('To about a minute'),
    })
    .openapi('ApiKey'),
)

const newKey = wholeSchema<NewApiKey>()(
  z
    .strictObject({
      name: name(),
      scopes,
      services,
      expiresInMs: z.number().int().min(1).max(315_360_000_000).nullable(),
    })
    .openapi('NewApiKey'),
)

const madeKey = wholeSchema<MadeApiKey>()(
  z.object({ key: z.string().describe('Said only this once'), info: keyInfo }).openapi('MadeApiKey'),
)

/** `/v1/keys`. */
export function addKeyOperations(api: Api, control: KeyControl): void {
  define(
    api,
    {
      method: 'get',
      path: '/v1/keys',
      id: 'listKeys',
      tag: 'app',
      summary: 'API keys: what is known of each, never the key',
      answer: { status: 200, description: 'By name', schema: z.array(keyInfo) },
    },
    async (_, context) => context.json(await control.list()),
  )

  define(
    api,
    {
      method: 'post',
      path: '/v1/keys',
      id: 'createKey',
      tag: 'app',
      summary: 'Makes an API key',
      body: newKey,
      answer: { status: 200, description: 'With the key, which is kept nowhere', schema: madeKey },
      errors: ['conflict', 'limit_reached'],
    },
    async ({ body }, context) => context.json(await control.create(body)),
  )

  define(
    api,
    {
      method: 'delete',
      path: '/v1/keys/{name}',
      id: 'revokeKey',
      tag: 'app',
      summary: 'Revokes an API key',
      params: z.strictObject({ name: name() }),
      answer: { status: 204, description: 'It lets in no more as soon as the gateways have heard' },
      errors: ['not_found'],
    },
    async ({ params }, context) => {
      await control.revoke(params.name)
      return context.body(null, 204)
    },
  )
}
