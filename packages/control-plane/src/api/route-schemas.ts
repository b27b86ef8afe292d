import { z } from '@hono/zod-openapi'
import type * as model from '@pando/model'
import { apiKeySpec, authenticator, routeAuth } from './authenticator-schemas.js'
import { hedge, resilience, retry } from './resilience-schemas.js'
import { address, endpoint } from './schemas.js'
import { gatewayTraffic, routeTraffic } from './traffic-schemas.js'
import { wholeSchema } from './whole-schema.js'

/** Routes and the watch protocol's messages, as the control API answers them. */
const valueMatch = z.union([
  z.object({ name: z.string(), type: z.enum(['exact']), value: z.string() }),
  z.object({ name: z.string(), type: z.enum(['prefix']), value: z.string() }),
  z.object({ name: z.string(), type: z.enum(['present']) }),
])

const headerEdit = {
  set: z.record(z.string(), z.string()),
  add: z.record(z.string(), z.string()),
  remove: z.array(z.string()),
}

const pathRewrite = z.object({ type: z.enum(['prefix', 'full']), value: z.string() }).nullable()

const filter = z.union([
  z.object({ type: z.enum(['requestHeaders']), ...headerEdit }),
  z.object({ type: z.enum(['responseHeaders']), ...headerEdit }),
  z.object({ type: z.enum(['rewrite']), host: z.string().nullable(), path: pathRewrite }),
  z.object({
    type: z.enum(['redirect']),
    scheme: z.enum(['http', 'https']).nullable(),
    host: z.string().nullable(),
    port: z.number().int().nullable(),
    path: pathRewrite,
    status: z.union([z.literal(301), z.literal(302), z.literal(303), z.literal(307), z.literal(308)]),
  }),
])

const route = wholeSchema<model.RouteSpec>()(
  z
    .object({
      name: z.string(),
      hosts: z.array(z.string()),
      matches: z.array(
        z.object({
          path: z.object({ type: z.enum(['exact', 'prefix', 'pattern']), value: z.string() }),
          method: z.string().nullable(),
          headers: z.array(valueMatch),
          query: z.array(valueMatch),
        }),
      ),
      filters: z.array(filter),
      backends: z.array(z.object({ service: z.string(), weight: z.number() })),
      timeouts: z.object({ requestMs: z.number().nullable(), backendRequestMs: z.number().nullable() }),
      retry: retry.optional(),
      hedge: hedge.optional(),
      auth: routeAuth.nullable().optional().describe("Null: anybody gets in; absent: as the gateway's default says"),
      ...routeTraffic,
    })
    .openapi('Route'),
)

export const routeStatus = wholeSchema<model.RouteStatus>()(
  z.object({ route, healthy: z.number().int().min(0) }).openapi('RouteStatus'),
)

const listenerTls = z.object({
  certificates: z.array(z.object({ cert: z.string(), key: z.string() })),
  minVersion: z.enum(['1.2', '1.3']),
  clientAuth: z.object({ ca: z.string(), mode: z.enum(['require', 'request']) }).nullable(),
  alpn: z.array(z.enum(['h2', 'http/1.1'])),
})

const listener = wholeSchema<model.Listener>()(
  z.union([
    z.object({
      kind: z.enum(['edge']),
      name: z.string(),
      address,
      tls: listenerTls.optional().describe('Absent: nothing is encrypted'),
      redirectPort: z.number().int().optional(),
    }),
    z.object({
      kind: z.enum(['mesh']),
      name: z.string(),
      address,
      service: z.string(),
      from: z.string().optional().describe('In CIDR notation; absent: from anywhere'),
    }),
  ]),
)

const milliseconds = () => z.number().int().min(0)
const limit = () => z.number().int().min(0)

const gatewayConfig = wholeSchema<model.GatewayConfig>()(
  z
    .object({
      app: z.string(),
      listeners: z.array(listener),
      routes: z.array(route),
      services: z.array(
        z.object({
          name: z.string(),
          protocol: z.enum(['http', 'grpc', 'h2c', 'tcp', 'none']),
          balancer: z.enum(['round_robin', 'random', 'least_request', 'consistent_hash', 'sticky']),
          resilience: resilience.optional(),
          requestTrailers: z.literal(true).optional(),
          onDemand: z.object({ holdMs: milliseconds() }).optional(),
        }),
      ),
      limits: z.object({
        maxTargetBytes: limit(),
        maxHeadBytes: limit(),
        maxHeaders: limit(),
        maxBodyBytes: limit(),
        headTimeoutMs: milliseconds(),
        keepAliveTimeoutMs: milliseconds(),
        idleTimeoutMs: milliseconds(),
        requestTimeoutMs: milliseconds(),
        connectTimeoutMs: milliseconds(),
        maxConnections: limit(),
        maxConnectionsPerClient: limit().optional(),
        maxConnectionsPerEndpoint: limit(),
        maxPending: limit(),
        pendingTimeoutMs: milliseconds(),
        maxRetries: limit(),
      }),
      shedAboveMs: milliseconds().optional(),
      healthPath: z.string().optional(),
      accessLog: z.string().nullable(),
      authenticators: z.record(z.string(), authenticator).optional(),
      apiKeys: z.array(apiKeySpec).optional(),
      ...gatewayTraffic,
    })
    .openapi('GatewayConfig'),
)

const version = () => z.number().int().min(0)

export const watchMessage = wholeSchema<model.WatchMessage>()(
  z
    .union([
      z.object({
        type: z.enum(['snapshot']),
        epoch: z.string(),
        version: version(),
        endpoints: z.array(endpoint),
        config: gatewayConfig.optional(),
      }),
      z.object({
        type: z.enum(['change']),
        from: version(),
        version: version(),
        set: z.array(endpoint),
        removed: z.array(z.string()),
        config: gatewayConfig.optional(),
      }),
      z.object({ type: z.enum(['heartbeat']), version: version() }),
    ])
    .openapi('WatchMessage', {
      description:
        'One line of a watch. A change is applied only when `from` is the version one has; otherwise start over.',
    }),
)
