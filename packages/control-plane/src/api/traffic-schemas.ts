import { z } from '@hono/zod-openapi'
import type * as model from '@pando/model'
import { wholeSchema } from './whole-schema.js'

/** What routes and the gateway may ask of requests, as the control API answers it. Times are milliseconds, sizes bytes. */
const milliseconds = () => z.number().min(0)
const bytes = () => z.number().int().min(0)
const percent = () => z.number().min(0).max(100)
const words = () => z.array(z.string())

const securityHeaders = wholeSchema<model.SecurityHeaders>()(
  z.object({
    hsts: z.object({ maxAgeSeconds: z.number().int().min(0), includeSubdomains: z.boolean() }).nullable(),
    nosniff: z.boolean(),
    frames: z.enum(['none', 'self']).nullable(),
    referrerPolicy: z.string().nullable(),
    contentSecurityPolicy: z.string().nullable(),
    permissionsPolicy: z.string().nullable(),
    openerPolicy: z.string().nullable(),
  }),
)

const rateLimit = wholeSchema<model.RouteRateLimit>()(
  z.object({
    limits: z.array(
      z.object({
        name: z.string(),
        requests: z.number().int().min(1),
        periodMs: milliseconds(),
        burst: z.number().int().min(1),
        key: z.union([
          z.object({ kind: z.enum(['address', 'identity', 'all']) }),
          z.object({ kind: z.enum(['header', 'claim']), name: z.string() }),
        ]),
        isShared: z.boolean(),
      }),
    ),
    hasHeaders: z.boolean(),
  }),
)

const cors = wholeSchema<model.CorsSpec>()(
  z.object({
    origins: words(),
    methods: words(),
    headers: words(),
    exposeHeaders: words(),
    maxAgeSeconds: z.number().int().min(0),
    hasCredentials: z.boolean(),
  }),
)

const fault = wholeSchema<model.FaultSpec>()(
  z.object({
    delay: z.object({ ms: milliseconds(), percent: percent() }).optional(),
    abort: z.object({ status: z.number().int(), percent: percent() }).optional(),
    byHeader: z.boolean(),
  }),
)

const sizes = wholeSchema<model.MessageSizes>()(
  z.object({
    maxRequestBodyBytes: bytes().optional(),
    maxResponseBodyBytes: bytes().optional(),
    maxResponseHeadBytes: bytes().optional(),
  }),
)

/** The fields of a route's traffic; absent is off. */
export const routeTraffic = {
  rateLimit: rateLimit.optional(),
  cors: cors.optional(),
  ip: z.object({ allow: words(), deny: words() }).optional().describe('Networks in CIDR notation, or addresses'),
  fault: fault.optional().describe('Faults that are made on purpose'),
  mirror: z.object({ service: z.string(), percent: percent(), maxBodyBytes: bytes() }).optional(),
  securityHeaders: securityHeaders.nullable().optional().describe("Null: none; absent: the gateway's"),
  sizes: sizes.optional(),
  compress: z.object({ codings: z.array(z.enum(['br', 'gzip'])), types: words(), minBytes: bytes() }).optional(),
  cache: z.object({ maxBytes: bytes(), maxEntryBytes: bytes() }).optional(),
}

/** The fields of the gateway's traffic; absent is off. */
export const gatewayTraffic = {
  trustedProxies: words().optional().describe('Networks in CIDR notation whose X-Forwarded-For is believed'),
  rateLimitStore: z
    .object({
      url: z.union([
        z.object({ kind: z.enum(['url']), url: z.string() }),
        z.object({ kind: z.enum(['file']), file: z.string() }),
      ]),
      timeoutMs: milliseconds(),
      onFailure: z.enum(['local', 'allow', 'deny']),
    })
    .optional(),
  securityHeaders: securityHeaders.optional(),
}
