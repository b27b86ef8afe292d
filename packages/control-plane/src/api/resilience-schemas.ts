import { z } from '@hono/zod-openapi'
import type * as model from '@pando/model'
import { wholeSchema } from './whole-schema.js'

const milliseconds = () => z.number().min(0)
const percent = () => z.number().min(0).max(100)
const count = () => z.number().int().min(0)

export const retry = wholeSchema<model.RetrySpec>()(
  z.object({
    attempts: count(),
    on: z.array(
      z.union([
        z.enum(['reset', 'timeout', 'cancelled', 'deadline_exceeded', 'internal', 'resource_exhausted', 'unavailable']),
        z.literal([429, 502, 503, 504]),
      ]),
    ),
    backoffMs: milliseconds(),
    idempotencyKey: z.boolean(),
    idempotent: z.boolean(),
  }),
)

export const hedge = wholeSchema<model.HedgeSpec>()(z.object({ delayMs: milliseconds().nullable() }))

export const resilience = wholeSchema<model.ResilienceSpec>()(
  z.object({
    balancing: z.object({
      hash: z.union([
        z.object({ by: z.enum(['header', 'cookie']), name: z.string() }),
        z.object({ by: z.enum(['address']) }),
      ]),
      loadBound: z.number(),
      cookie: z.string(),
      cookieMs: milliseconds().nullable(),
      zone: z.string().nullable(),
      panicPercent: percent(),
      slowStartMs: milliseconds(),
    }),
    ejection: z
      .object({
        consecutive: count(),
        errors: z.enum(['gateway', 'all']),
        baseMs: milliseconds(),
        multiplier: z.number(),
        maxMs: milliseconds(),
        maxPercent: percent(),
      })
      .nullable(),
    retryBudget: z.object({ percent: percent(), minimum: count() }),
    circuitBreaker: z
      .object({
        maxConnections: count().nullable(),
        maxPending: count().nullable(),
        maxRequests: count().nullable(),
        maxRetries: count().nullable(),
        failures: z
          .object({
            failurePercent: percent(),
            minRequests: count(),
            windowMs: milliseconds(),
            openMs: milliseconds(),
            probes: count(),
          })
          .nullable(),
      })
      .nullable(),
    queueMs: milliseconds().nullable(),
  }),
)
