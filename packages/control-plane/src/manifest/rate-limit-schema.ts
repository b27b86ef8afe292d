import { z } from 'zod'
import { durationOfAtLeast, filled, flag, whole } from './schema-values.js'

export const shortForm = /^([1-9]\d{0,6})\/(\d{0,5})(ms|s|m|h|d)$/

/** `100/m`, `10/s`, `500/10s`. */
const rate = () =>
  z
    .string({ error: 'expected a rate such as 100/m' })
    .regex(shortForm, { error: 'expected a rate such as 10/s, 100/m or 500/10s' })

const keyPattern = /^(address|identity|all|header:[!#$%&'*+.^_`|~0-9A-Za-z-]+|claim:.+)$/

const limit = z.strictObject({
  requests: whole(1, 1_000_000).describe('So many in every period; each comes back after its share of it.'),
  per: durationOfAtLeast(1).optional().describe('The period. Default: 1s.'),
  burst: whole(1, 1_000_000).optional().describe('So many at once. Default: requests.'),
  by: z
    .string({ error: 'expected address, identity, all, header:NAME or claim:NAME' })
    .regex(keyPattern, { error: 'expected address, identity, all, header:NAME or claim:NAME' })
    .optional()
    .describe(
      'Whose requests are counted together: address (of IPv6 the /64), identity (whom auth found), header:NAME, claim:NAME, all. A request that has no such value is counted by its address. Default: address.',
    ),
  name: z
    .string({ error: 'expected a name' })
    .regex(/^[a-z0-9][a-z0-9_-]{0,39}$/, { error: 'a name of a limit has lower-case letters, digits, - and _' })
    .optional()
    .describe('As headers and problems name it. Default: default, or its place in the list.'),
  headers: flag().optional().describe('false: the answers do not tell of limits. Default: true.'),
  shared: flag()
    .optional()
    .describe('false: counted by this gateway alone, also where there is a rate_limit_store. Default: true.'),
})

const one = z.union([rate(), limit], { error: 'expected a rate such as 100/m, or a map with requests and per' })

export const rateLimitField = {
  rate_limit: z
    .union([rate(), limit, z.array(one).min(1, { error: 'expected at least one limit' }).max(8)], {
      error: 'expected a rate such as 100/m, a map with requests and per, or a list of these',
    })
    .optional()
    .describe('How many requests are let through; 429 above. Several: all must have room.'),
}

export const rateLimitStoreField = {
  rate_limit_store: z
    .strictObject({
      url: filled('redis://HOST:PORT')
        .optional()
        .describe(
          'Its address, for example redis://127.0.0.1:6379/0; rediss: over TLS. One with a password: url_file.',
        ),
      url_file: filled('a file').optional().describe('A file with the address, which may hold a password.'),
      timeout: durationOfAtLeast(1).optional().describe('An answer that takes longer is none. Default: 50ms.'),
      on_failure: z
        .enum(['local', 'allow', 'deny'])
        .optional()
        .describe(
          'What a request gets without an answer: the count of this gateway alone (local), no limit (allow), or 503 (deny). Default: local.',
        ),
    })
    .optional()
    .describe('A Redis-compatible store in which several gateways count their rate limits together. Default: none.'),
}

export type RateLimitInput = z.infer<typeof rateLimitField.rate_limit>
export type RateLimitStoreInput = z.infer<typeof rateLimitStoreField.rate_limit_store>
