import { z } from '@hono/zod-openapi'
import type { Position } from '../registry/watch-hub.js'
import type { Registry } from '../registry/registry.js'
import { define } from './operation.js'
import type { Api } from './operation.js'
import { watchMessage } from './route-schemas.js'
import * as schemas from './schemas.js'
import { streamWatch } from './stream.js'

const service = z.string().min(1).max(63)
const oneService = z.strictObject({ service })
const oneEndpoint = z.strictObject({ service, id: z.string().min(1).max(128) })
const since = z
  .string()
  .regex(/^[0-9A-Za-z]{1,64}:\d{1,15}$/, { error: 'expected EPOCH:VERSION' })
  .optional()
  .describe('EPOCH:VERSION of the table one has')
const endpointPath = '/v1/registry/services/{service}/endpoints/{id}'

/** `/v1/registry` and `/v1/gateway`. */
export function addRegistryOperations(
  api: Api,
  options: { readonly registry: Registry; readonly heartbeatMs: number },
): void {
  const { registry, heartbeatMs } = options

  define(
    api,
    {
      method: 'get',
      path: '/v1/registry/services',
      id: 'listRegistryServices',
      tag: 'registry',
      summary: 'Services that have endpoints',
      answer: { status: 200, description: 'By name', schema: z.array(schemas.registryService) },
    },
    (_, context) => context.json(registry.services()),
  )

  define(
    api,
    {
      method: 'get',
      path: '/v1/registry/services/{service}',
      id: 'listEndpoints',
      tag: 'registry',
      summary: 'A service’s endpoints, in every state; none when it is not known',
      params: oneService,
      answer: { status: 200, description: 'By id', schema: z.array(schemas.endpoint) },
    },
    ({ params }, context) => context.json(registry.endpoints(params.service)),
  )

  define(
    api,
    {
      method: 'put',
      path: endpointPath,
      id: 'registerEndpoint',
      tag: 'registry',
      summary: 'Registers an endpoint of a program that Pando did not start; the same again renews it',
      params: oneEndpoint,
      body: schemas.registration,
      answer: { status: 200, description: 'Its lease', schema: schemas.lease },
      errors: ['conflict', 'limit_reached'],
    },
    ({ params, body }, context) => context.json(registry.register(params.service, params.id, body)),
  )

  define(
    api,
    {
      method: 'delete',
      path: endpointPath,
      id: 'deregisterEndpoint',
      tag: 'registry',
      summary: 'Ends a lease',
      params: oneEndpoint,
      answer: { status: 204, description: 'It is gone' },
      errors: ['not_found'],
    },
    ({ params }, context) => {
      registry.deregister(params.service, params.id)
      return context.body(null, 204)
    },
  )

  define(
    api,
    {
      method: 'post',
      path: `${endpointPath}/renew`,
      id: 'renewEndpoint',
      tag: 'registry',
      summary: 'Renews a lease for its whole time',
      params: oneEndpoint,
      answer: { status: 200, description: 'Its lease', schema: schemas.lease },
      errors: ['not_found', 'conflict'],
    },
    ({ params }, context) => context.json(registry.renew(params.service, params.id)),
  )

  define(
    api,
    {
      method: 'get',
      path: '/v1/registry/watch',
      id: 'watchRegistry',
      tag: 'registry',
      summary: 'Endpoints, and every change of them, as newline-delimited JSON that does not end',
      query: z.strictObject({ service: service.optional(), since }),
      answer: { status: 200, description: 'A message a line', type: 'application/x-ndjson', schema: watchMessage },
      errors: ['limit_reached'],
    },
    ({ query }, context) =>
      streamWatch({
        open: (onNews) =>
          registry.watch({ service: query.service ?? null, hasConfig: false }, positionOf(query.since), onNews),
        heartbeatMs,
        closing: context.env?.closing,
        onEnd: () => undefined,
      }),
  )

  define(
    api,
    {
      method: 'get',
      path: '/v1/gateway/watch',
      id: 'watchGateway',
      tag: 'gateway',
      summary:
        'Endpoints and the gateway’s configuration, and every change of them; begins when there is a configuration',
      query: z.strictObject({
        since,
        gateway: z
          .string()
          .min(1)
          .max(128)
          .optional()
          .describe('The name it reports under: it counts as live while it watches'),
      }),
      answer: { status: 200, description: 'A message a line', type: 'application/x-ndjson', schema: watchMessage },
      errors: ['limit_reached'],
    },
    ({ query }, context) => {
      const { gateway } = query
      return streamWatch({
        open: (onNews) => {
          const watcher = registry.watch({ service: null, hasConfig: true }, positionOf(query.since), onNews)
          if (gateway !== undefined) registry.gatewayConnected(gateway, true)
          return watcher
        },
        heartbeatMs,
        closing: context.env?.closing,
        onEnd: () => {
          if (gateway !== undefined) registry.gatewayConnected(gateway, false)
        },
      })
    },
  )

  define(
    api,
    {
      method: 'post',
      path: '/v1/gateway/report',
      id: 'reportGateway',
      tag: 'gateway',
      summary: 'A gateway says what it serves by and what is in flight to draining endpoints',
      body: schemas.gatewayReport,
      answer: { status: 204, description: 'Heard' },
    },
    ({ body }, context) => {
      registry.report(body)
      return context.body(null, 204)
    },
  )
}

function positionOf(since: string | undefined): Position | null {
  if (since === undefined) return null
  const [epoch = '', version = ''] = since.split(':')
  return { epoch, version: Number(version) }
}
