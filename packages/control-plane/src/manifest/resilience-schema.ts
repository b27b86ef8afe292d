import { z } from 'zod'
import { duration, durationOfAtLeast, filled, flag, positive, whole } from './schema-values.js'

const policies = ['round_robin', 'random', 'least_request', 'consistent_hash', 'sticky'] as const

/** A whole number of percent from `least` to 100, with or without the sign. */
const percent = (least: number) =>
  z
    .union([z.number(), z.string()], { error: 'expected a percentage such as 50%' })
    .refine((value) => /^\d{1,3}%?$/.test(String(value)) && isBetween(Number.parseInt(String(value), 10), least, 100), {
      error: `expected a percentage from ${least}% to 100%, such as 50%`,
    })
    .meta({
      jsonSchema: {
        anyOf: [
          { type: 'integer', minimum: least, maximum: 100 },
          { type: 'string', pattern: String.raw`^(100|\d{1,2})%?$|\$\{` },
        ],
      },
    })

function isBetween(value: number, least: number, most: number): boolean {
  return value >= least && value <= most
}

const policy = () => z.enum(policies, { error: `expected one of ${policies.join(', ')}, or a map with policy` })

export const balancerSchema = z
  .union(
    [
      policy(),
      z.strictObject({
        policy: policy()
          .optional()
          .describe(
            'round_robin: by turns; random; least_request: the less busy of two picked at random; consistent_hash: the same key to the same instance; sticky: a client stays at its instance by a cookie. Default: round_robin.',
          ),
        header: filled('a header').optional().describe('consistent_hash goes by the value of this header.'),
        cookie: filled('a cookie')
          .optional()
          .describe(
            'consistent_hash goes by the value of this cookie; sticky sets it. Default for sticky: pando-endpoint.',
          ),
        source_address: flag()
          .optional()
          .describe('true: consistent_hash goes by the address of the client, as it does when nothing is said.'),
        load_bound: positive(100)
          .optional()
          .describe(
            'consistent_hash gives no instance more than so many times its share of what is under way; at least 1. Default: 1.25.',
          ),
        cookie_ttl: durationOfAtLeast(1000)
          .optional()
          .describe('How long a client keeps the cookie of sticky. Default: until the browser is closed.'),
        prefer_zone: filled('a zone')
          .optional()
          .describe('Instances whose metadata has this zone come first. Default: all alike.'),
        panic_threshold: percent(0)
          .optional()
          .describe('When fewer of the healthy instances are left, ejected ones are used too; 0: never. Default: 50%.'),
      }),
    ],
    { error: `expected one of ${policies.join(', ')}, or a map with policy` },
  )
  .meta({ id: 'balancer', description: 'How requests are shared out among the instances.' })

export const ejectionSchema = z
  .union(
    [
      flag(),
      z.strictObject({
        consecutive_errors: whole(1, 1000).optional().describe('Errors in a row that eject an instance. Default: 5.'),
        errors: z
          .enum(['gateway', 'all'])
          .optional()
          .describe(
            'gateway: 502, 503, 504, and no answer at all; all: every status of 500 and above too. Default: gateway.',
          ),
        time: durationOfAtLeast(100).optional().describe('How long it gets no requests, the first time. Default: 30s.'),
        multiplier: positive(100).optional().describe('Each further time is so many times as long. Default: 2.'),
        max_time: durationOfAtLeast(100).optional().describe('The longest. Default: 5m.'),
        max_ejected: percent(0)
          .optional()
          .describe('Never more of the healthy instances at once than this. Default: 50%.'),
      }),
    ],
    { error: 'expected false, or a map' },
  )
  .meta({ id: 'ejection', description: 'When an instance that answers with errors is left alone; false: never.' })

export const circuitBreakerSchema = z
  .strictObject({
    max_connections: whole(1, 1_000_000)
      .optional()
      .describe('Connections of one worker to all instances. Default: max_connections_per_endpoint for each.'),
    max_pending: whole(0, 1_000_000)
      .optional()
      .describe('Requests that wait in one worker; 503 above. Default: max_pending of the gateway.'),
    max_requests: whole(1, 1_000_000)
      .optional()
      .describe('Requests under way in one worker, waiting ones included; 503 above. Default: no limit.'),
    max_retries: whole(0, 1_000_000)
      .optional()
      .describe('Requests under way in one worker that have been sent again. Default: no limit.'),
    failures: z
      .strictObject({
        rate: percent(1)
          .optional()
          .describe('Opens when so many of the requests in the window have failed. Default: 50%.'),
        min_requests: whole(1, 1_000_000)
          .optional()
          .describe('With fewer in the window nothing is decided. Default: 20.'),
        window: durationOfAtLeast(1000).optional().describe('Default: 10s.'),
        open: durationOfAtLeast(100)
          .optional()
          .describe('How long it refuses all; twice as long each time it opens anew. Default: 5s.'),
        probes: whole(1, 1000)
          .optional()
          .describe('Requests that are let through then; it closes when all succeed. Default: 3.'),
      })
      .optional()
      .describe('Refuses at once what would most likely fail. Default: it does not.'),
  })
  .meta({ id: 'circuit_breaker', description: 'What one worker lets happen at once to one service.' })

const callCauses = ['unavailable', 'resource_exhausted', 'deadline_exceeded', 'internal', 'cancelled'] as const
const causes = ['connect_failure', 'reset', 'timeout', 502, 503, 504, 429, ...callCauses] as const
const cause = z.union(
  // A status in quotes, or by a variable, is text.
  causes.flatMap((one) => (typeof one === 'string' ? [z.literal(one)] : [z.literal(one), z.literal(String(one))])),
  { error: `expected one of ${causes.join(', ')}` },
)

const retry = z
  .strictObject({
    attempts: whole(0, 10).optional().describe('Further tries beside the first. Default: 2.'),
    on: z
      .array(cause, { error: `expected a list of ${causes.join(', ')}` })
      .max(causes.length)
      .optional()
      .describe(
        'What is tried again: a broken connection (reset), a try that took too long (timeout), answers with these statuses, calls of gRPC that end with these before any message. connect_failure always is. Default: reset, timeout, 502, 503, 504, unavailable.',
      ),
    per_try_timeout: durationOfAtLeast(1)
      .optional()
      .describe('For one try until the head of its answer; the same as timeouts.backend_request. Default: none.'),
    backoff: duration()
      .optional()
      .describe(
        'Before the second try anything up to this by chance, twice as much before each further one. Default: 25ms.',
      ),
    idempotency_key: flag()
      .optional()
      .describe(
        'true: a POST or PATCH with an Idempotency-Key may be sent again, as the service does it once. Default: false.',
      ),
    idempotent: flag()
      .optional()
      .describe(
        'true: every request of the route may be sent again, whatever its method, as doing it twice does no harm; calls of gRPC are all POST. Default: false.',
      ),
  })
  .meta({ id: 'retry', description: 'When a request is sent again.' })

const hedge = z
  .strictObject({
    delay: z
      .union([z.literal('p95'), durationOfAtLeast(1)], { error: 'expected a duration such as 50ms, or p95' })
      .describe('After so long without an answer; p95: when it is slower than 95 of 100.'),
  })
  .meta({ id: 'hedge', description: 'A second try of a read that is slow; the first answer is taken.' })

export const routeResilienceFields = {
  retry: retry.optional().describe('When a request is sent again. Default: after a broken connection, where safe.'),
  hedge: hedge.optional().describe('Asks a second instance when a read is slow. Default: no.'),
}

export const serviceResilienceFields = {
  balancer: balancerSchema
    .optional()
    .describe('How requests are shared out: a policy, or a map with more. Default: round_robin.'),
  slow_start: duration()
    .optional()
    .describe("A new instance's share grows to its full one in so long. Default: 0, at once."),
  ejection: ejectionSchema
    .optional()
    .describe('When an instance that answers with errors is left alone; false: never. Default: after five in a row.'),
  circuit_breaker: circuitBreakerSchema.optional().describe('Limits of its own. Default: those of the gateway.'),
  retry_budget: z
    .strictObject({
      percent: percent(0).optional().describe('Of the requests in the last ten seconds. Default: 20%.'),
      min: whole(0, 1_000_000).optional().describe('So many besides. Default: 3.'),
    })
    .optional()
    .describe('How many of its requests one worker may send again.'),
  max_queue_delay: duration()
    .optional()
    .describe(
      'When requests have been waiting for a connection for a second on end, a new one waits no longer than this; 503 after. 0: off. Default: 500ms.',
    ),
}

export const gatewayResilienceFields = {
  shed_above: durationOfAtLeast(10)
    .optional()
    .describe(
      'A worker whose work has been coming this late for a second answers requests from outside with 503, until it has caught up. Default: never.',
    ),
}

export type BalancerInput = z.infer<typeof balancerSchema>
export type EjectionInput = z.infer<typeof ejectionSchema>
export type CircuitBreakerInput = z.infer<typeof circuitBreakerSchema>
