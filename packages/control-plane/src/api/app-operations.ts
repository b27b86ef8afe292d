import { z } from '@hono/zod-openapi'
import { PandoError } from '@pando/model'
import type { Events } from '../events/events.js'
import { suggest } from '../manifest/nearest.js'
import type { AppControl } from './app-control.js'
import { define } from './operation.js'
import type { Api } from './operation.js'
import { routeStatus } from './route-schemas.js'
import * as schemas from './schemas.js'
import { streamLines } from './stream.js'

const serviceName = z.strictObject({ name: z.string().min(1).max(63) })
const flag = (meaning: string) => z.enum(['true', 'false']).optional().describe(meaning)

/** `/v1/app`, `/v1/services`, `/v1/routes`, `/v1/events` and `/v1/logs`. */
export function addAppOperations(api: Api, options: { readonly control: AppControl; readonly events: Events }): void {
  const { control, events } = options

  define(
    api,
    {
      method: 'get',
      path: '/v1/app',
      id: 'getApp',
      tag: 'app',
      summary: 'The app: its gateway, services and instances',
      answer: { status: 200, description: 'What is observed', schema: schemas.appStatus },
    },
    async (_, context) => context.json(await control.status()),
  )

  define(
    api,
    {
      method: 'put',
      path: '/v1/app',
      id: 'applyApp',
      tag: 'app',
      summary: 'Makes a manifest the desired state, all or nothing',
      body: schemas.applyRequest,
      answer: { status: 200, description: 'It is durable, not yet reached', schema: schemas.applyResult },
      errors: ['manifest_invalid', 'conflict'],
    },
    async ({ body }, context) => context.json(await control.apply(body)),
  )

  define(
    api,
    {
      method: 'delete',
      path: '/v1/app',
      id: 'downApp',
      tag: 'app',
      summary: 'Begins to drain and stop everything',
      answer: { status: 202, description: 'It has begun; the control plane ends when nothing is left' },
    },
    async (_, context) => {
      await control.down()
      return context.body(null, 202)
    },
  )

  define(
    api,
    {
      method: 'get',
      path: '/v1/services',
      id: 'listServices',
      tag: 'app',
      summary: 'Every service',
      answer: { status: 200, description: 'By name', schema: z.array(schemas.serviceStatus) },
    },
    async (_, context) => context.json((await control.status()).services),
  )

  define(
    api,
    {
      method: 'get',
      path: '/v1/services/{name}',
      id: 'getService',
      tag: 'app',
      summary: 'One service',
      params: serviceName,
      answer: { status: 200, description: 'What is observed', schema: schemas.serviceStatus },
      errors: ['not_found'],
    },
    async ({ params }, context) => {
      const { services } = await control.status()
      assertKnown(services, params.name)
      return context.json(services.find((service) => service.name === params.name)!)
    },
  )

  define(
    api,
    {
      method: 'post',
      path: '/v1/services/{name}/scale',
      id: 'scaleService',
      tag: 'app',
      summary: 'Sets how many instances are wanted',
      params: serviceName,
      body: schemas.scaleRequest,
      answer: { status: 202, description: 'It is wanted, not yet reached' },
      errors: ['not_found', 'conflict'],
    },
    async ({ params, body }, context) => {
      await control.scale(params.name, body.replicas)
      return context.body(null, 202)
    },
  )

  const verbs = {
    restart: 'Replaces every instance, one by one, each after its successor is healthy',
    stop: 'Stops every instance; the replica count is kept',
    start: 'Starts a stopped service again',
    promote: 'Gives the new revision all requests, without its further steps',
    abort: 'Ends a rollout and goes back to the last revision that was whole',
  } as const
  for (const verb of ['restart', 'stop', 'start', 'promote', 'abort'] as const) {
    define(
      api,
      {
        method: 'post',
        path: `/v1/services/{name}/${verb}`,
        id: `${verb}Service`,
        tag: 'app',
        summary: verbs[verb],
        params: serviceName,
        answer: { status: 202, description: 'It is wanted, not yet reached' },
        errors: ['not_found', 'conflict'],
      },
      async ({ params }, context) => {
        await control[verb](params.name)
        return context.body(null, 202)
      },
    )
  }

  define(
    api,
    {
      method: 'get',
      path: '/v1/routes',
      id: 'listRoutes',
      tag: 'app',
      summary: 'What the gateway routes where',
      answer: { status: 200, description: 'Every route', schema: z.array(routeStatus) },
    },
    async (_, context) => context.json(await control.routes()),
  )

  define(
    api,
    {
      method: 'get',
      path: '/v1/events',
      id: 'listEvents',
      tag: 'app',
      summary: 'What has happened, as newline-delimited JSON, oldest first',
      query: z.strictObject({
        after: z.coerce
          .number()
          .int()
          .min(0)
          .optional()
          .describe('Only events behind this number; else the newest `limit`'),
        service: z.string().min(1).max(63).optional(),
        limit: z.coerce.number().int().min(0).max(10_000).default(100).describe('With `follow` only without `after`'),
        follow: flag('Goes on with what happens from now on'),
      }),
      answer: { status: 200, description: 'An event a line', type: 'application/x-ndjson', schema: schemas.event },
    },
    ({ query }, context) => {
      const { limit, follow } = query
      const after = query.after ?? null
      const service = query.service === undefined ? {} : { service: query.service }
      return streamLines(async function* (signal) {
        if (follow !== 'true') {
          yield* events.list({ after, limit, ...service })
          return
        }
        // From the newest `limit` on: the follower begins behind the last of those, whatever comes between.
        const newest = after === null ? events.list({ after: null, limit, ...service }) : []
        const live = events.follow({ after: after ?? newest.at(-1)?.seq ?? null, ...service }, signal)
        yield* newest
        yield* live
      }, context.env?.closing)
    },
  )

  define(
    api,
    {
      method: 'get',
      path: '/v1/logs',
      id: 'readLogs',
      tag: 'app',
      summary: 'What instances wrote, as newline-delimited JSON',
      query: z.strictObject({
        service: z
          .union([z.string().min(1).max(63), z.array(z.string().min(1).max(63)).max(1_000)])
          .optional()
          .describe('May be given several times; all without it'),
        since: z.coerce.number().int().min(0).optional().describe('Unix time, milliseconds'),
        tail: z.coerce
          .number()
          .int()
          .min(0)
          .max(1_000_000)
          .optional()
          .describe('At most so many last lines of each instance'),
        follow: flag('Goes on with what is written from now on'),
      }),
      answer: { status: 200, description: 'A line a line', type: 'application/x-ndjson', schema: schemas.logLine },
      errors: ['not_found'],
    },
    async ({ query }, context) => {
      const services = query.service === undefined ? [] : [query.service].flat()
      if (services.length > 0) {
        const { services: known } = await control.status()
        for (const service of services) assertKnown(known, service)
      }
      const { since = null, tail = null, follow } = query
      return streamLines(
        (signal) => control.logs({ services, since, tail, follow: follow === 'true' }, signal),
        context.env?.closing,
      )
    },
  )
}

function assertKnown(services: readonly { readonly name: string }[], name: string): void {
  const names = services.map((service) => service.name)
  if (names.includes(name)) return
  const hint = suggest(name, names)
  throw new PandoError('not_found', `there is no service "${name}"`, hint === undefined ? {} : { hint })
}
