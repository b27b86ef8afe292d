import { z } from 'zod'
import { cacheField } from './cache-schema.js'
import { compressionField } from './compression-schema.js'
import { corsField } from './cors-schema.js'
import { rateLimitField, rateLimitStoreField } from './rate-limit-schema.js'
import { durationOfAtLeast, filled, flag, size, whole } from './schema-values.js'

const percent = () =>
  z
    .union([z.number(), z.string()], { error: 'expected a percentage from 0 to 100' })
    .refine((value) => /^(100|\d{1,2}(\.\d{1,4})?)%?$/.test(String(value)), {
      error: ({ input }) => `expected a percentage from 0 to 100, got ${String(input).slice(0, 40)}`,
    })
    .meta({
      jsonSchema: {
        anyOf: [
          { type: 'number', minimum: 0, maximum: 100 },
          { type: 'string', pattern: String.raw`^\d+(\.\d+)?%?$|\$\{` },
        ],
      },
    })

const networks = () =>
  z.array(filled('a network such as 10.0.0.0/8'), { error: 'expected a list of networks' }).max(10_000)

const ip = z.strictObject({
  allow: networks().optional().describe('Only clients of these networks; 403 for others.'),
  deny: networks().optional().describe('No clients of these networks, whatever allow says.'),
})

const fault = z.strictObject({
  delay: z
    .strictObject({
      time: durationOfAtLeast(1).describe('How long the request waits before anything is done with it; at most 1m.'),
      percent: percent().optional().describe('Of the requests. Default: 100.'),
    })
    .optional()
    .describe('Requests that are delayed.'),
  abort: z
    .strictObject({
      status: whole(400, 599).describe('The answer.'),
      percent: percent().optional().describe('Of the requests. Default: 100.'),
    })
    .optional()
    .describe('Requests that get an error instead of the service.'),
  by_header: flag()
    .optional()
    .describe('true: any caller may ask for faults by X-Pando-Fault-Delay and X-Pando-Fault-Abort. Default: false.'),
})

const mirror = z.union(
  [
    filled('the name of a service'),
    z.strictObject({
      service: filled('the name of a service').describe('Gets the copies; its answers are dropped.'),
      percent: percent().optional().describe('Of the requests. Default: 100.'),
      max_body: size().optional().describe('Requests with larger bodies are not copied. Default: 64K.'),
    }),
  ],
  { error: 'expected the name of a service, or a map with service and percent' },
)

const securityHeaders = z.union(
  [
    flag(),
    z.strictObject({
      hsts: z
        .union(
          [
            flag(),
            z.strictObject({
              max_age_days: whole(0, 3650).optional().describe('How long browsers come by TLS only. Default: 365.'),
              include_subdomains: flag().optional().describe('Default: false.'),
            }),
          ],
          { error: 'expected true, false, or a map with max_age_days' },
        )
        .optional()
        .describe('Strict-Transport-Security, over TLS only. false: none.'),
      nosniff: flag().optional().describe('X-Content-Type-Options: nosniff. Default: true.'),
      frames: z
        .union([z.enum(['none', 'self']), z.literal(false)], { error: 'expected none, self or false' })
        .optional()
        .describe(
          'Which pages may show it in a frame: none, those of its own origin (self), any (false). Default: self.',
        ),
      referrer_policy: z
        .union([filled('a policy'), z.literal(false)])
        .optional()
        .describe('Default: strict-origin-when-cross-origin. false: none.'),
      content_security_policy: filled('a policy').optional().describe("Beside the service's own. Default: none."),
      permissions_policy: filled('a policy').optional().describe('Default: none.'),
      opener_policy: filled('a policy').optional().describe('Cross-Origin-Opener-Policy. Default: none.'),
    }),
  ],
  { error: 'expected true, false, or a map' },
)

const sizes = z.strictObject({
  max_body: size().optional().describe('The body of a request; 413 above. 0: no limit. Default: that of the gateway.'),
  max_response_body: size(1, '1')
    .optional()
    .describe('The body of an answer: 502 above when its length is told, else it is broken off. Default: no limit.'),
  max_response_head: size(1, '1').optional().describe('The head of an answer; 502 above. Default: 64K.'),
})

/** What a route may ask beside where its requests go. */
export const routeTrafficFields = {
  ...rateLimitField,
  ...corsField,
  ip: ip.optional().describe('Which client addresses may use it.'),
  fault: fault.optional().describe('Faults made on purpose, to see what callers do.'),
  mirror: mirror.optional().describe('Another service gets a copy of the requests.'),
  security_headers: securityHeaders
    .optional()
    .describe(
      'Headers of its answers that make browsers careful; true takes all defaults. Default: those of the gateway.',
    ),
  limits: sizes.optional().describe('Sizes of messages.'),
  ...compressionField,
  ...cacheField,
}

export const gatewayTrafficFields = {
  trusted_proxies: networks()
    .optional()
    .describe('Networks of load balancers in front whose X-Forwarded-For is believed. Default: none.'),
  security_headers: securityHeaders
    .optional()
    .describe('For every route that says nothing of its own. Default: false.'),
  ...rateLimitStoreField,
}

export type IpInput = z.infer<typeof ip>
export type FaultInput = z.infer<typeof fault>
export type MirrorInput = z.infer<typeof mirror>
export type SecurityHeadersInput = z.infer<typeof securityHeaders>
export type SizesInput = z.infer<typeof sizes>
