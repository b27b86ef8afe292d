import { z } from '@hono/zod-openapi'
import { eventKinds, type EventKind, type Moment, type RequestExplanation, type ServiceExplanation } from '@pando/model'
import { define } from './operation.js'
import type { Api } from './operation.js'
import type { WhyControl } from './why-control.js'
import { wholeSchema } from './whole-schema.js'

const time = () => z.number().int().describe('Unix time, milliseconds')

const moment = wholeSchema<Moment>()(
  z
    .object({
      at: time(),
      kind: z.enum(['deployment', ...(Object.keys(eventKinds) as EventKind[])]),
      service: z.string().nullable(),
      instance: z.string().nullable(),
      text: z.string(),
      lines: z.array(z.string()).describe('What the instance or the build wrote last'),
    })
    .openapi('Moment'),
)

const serviceExplanation = wholeSchema<ServiceExplanation>()(
  z
    .object({
      service: z.string(),
      verdict: z.string(),
      since: time().nullable().describe('Since when it is so; null: the events that are kept do not say'),
      next: z.string().describe('What to do; empty when there is nothing to do'),
      causes: z.array(z.object({ service: z.string(), text: z.string() })).describe('What it waits for, and that for'),
      timeline: z.array(moment).describe('Oldest first'),
    })
    .openapi('ServiceExplanation'),
)

const requestExplanation = wholeSchema<RequestExplanation>()(
  z
    .object({
      request: z.object({
        id: z.string(),
        at: time(),
        method: z.string(),
        host: z.string(),
        path: z.string(),
        status: z.number().int().describe('0: no answer was sent; of a call of gRPC, what its own status stands for'),
        grpcStatus: z.string().describe('Such as UNAVAILABLE; empty for what is no call of gRPC'),
        durationMs: z.number(),
        route: z.string(),
        service: z.string(),
        endpoint: z.string().describe('That answered, or was asked last'),
        revision: z.string().describe('That it ran; empty when none was asked'),
        reason: z.string().describe('Why the gateway answered by itself'),
        isCut: z.boolean(),
        retries: z.number().int(),
      }),
      revision: z.string().nullable(),
      verdict: z.string(),
      next: z.string(),
      timeline: z.array(moment),
    })
    .openapi('RequestExplanation'),
)

/** `/v1/services/{name}/why` and `/v1/requests/{id}/why`. */
export function addWhyOperations(api: Api, control: WhyControl): void {
  define(
    api,
    {
      method: 'get',
      path: '/v1/services/{name}/why',
      id: 'explainService',
      tag: 'app',
      summary: 'Why a service is as it is, and what happened to it',
      params: z.strictObject({ name: z.string().min(1).max(63) }),
      query: z.strictObject({
        since: z.coerce.number().int().min(0).optional().describe('Unix time, milliseconds'),
        limit: z.coerce.number().int().min(0).max(1_000).default(50).describe('Newest moments'),
      }),
      answer: { status: 200, description: 'A verdict and a timeline', schema: serviceExplanation },
      errors: ['not_found'],
    },
    async ({ params, query }, context) =>
      context.json(await control.whyService(params.name, { since: query.since ?? null, limit: query.limit })),
  )

  define(
    api,
    {
      method: 'get',
      path: '/v1/requests/{id}/why',
      id: 'explainRequest',
      tag: 'app',
      summary: 'Why a request was answered as it was, by the access log',
      params: z.strictObject({ id: z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, 'is no request id') }),
      answer: { status: 200, description: 'What was logged and what happened around it', schema: requestExplanation },
      errors: ['not_found'],
    },
    async ({ params }, context) => context.json(await control.whyRequest(params.id)),
  )
}
