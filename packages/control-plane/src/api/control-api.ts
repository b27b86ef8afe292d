import { OpenAPIHono, z } from '@hono/zod-openapi'
import { PandoError } from '@pando/model'
import { HTTPException } from 'hono/http-exception'
import type { Events } from '../events/events.js'
import type { Registry } from '../registry/registry.js'
import { addAppOperations } from './app-operations.js'
import { addDeploymentOperations } from './deployment-operations.js'
import type { JobControl } from './job-control.js'
import type { KeyControl } from './key-control.js'
import { addKeyOperations } from './key-operations.js'
import { addJobOperations } from './job-operations.js'
import type { AppControl } from './app-control.js'
import { limitBody } from './body-limit.js'
import { define } from './operation.js'
import type { Api } from './operation.js'
import { problemResponse } from './problem.js'
import { addRegistryOperations } from './registry-operations.js'
import { addSyncOperations } from './sync-operations.js'
import { addUpkeepOperations } from './upkeep-operations.js'
import { addWhyOperations } from './why-operations.js'

export interface ControlApiOptions {
  readonly control: AppControl
  readonly jobs: JobControl
  readonly keys: KeyControl
  readonly registry: Registry
  readonly events: Events
  /** Pando's version, as `/healthz` and the OpenAPI document say it. */
  readonly version: string
  /** Between two heartbeats of a watch that has nothing to say; 2,000 by default. */
  readonly heartbeatMs?: number
  /** Told of every failure that is ours, with its cause; the client gets only its message. */
  readonly onFault?: (error: PandoError, request: string) => void
}

/** The control API as a function from request to response. Who may call it is decided around it, see `serveControlApi`. */
export function createControlApi(options: ControlApiOptions): Api {
  const api: Api = new OpenAPIHono()
  const onFault = options.onFault ?? (() => undefined)

  api.onError((thrown, context) => {
    const error = asPandoError(thrown)
    if (!error.isUserMistake) onFault(error, `${context.req.method} ${context.req.path}`)
    return problemResponse(error)
  })
  api.notFound((context) =>
    problemResponse(
      new PandoError('not_found', `the control API has no ${context.req.method} ${context.req.path}`, {
        hint: 'GET /openapi.json describes all that it has.',
      }),
    ),
  )
  api.use('*', async (context, next) => {
    // A HEAD would open a stream that nobody reads and nobody ends.
    if (context.req.method === 'HEAD') throw new PandoError('usage', 'the control API answers no HEAD: use GET')
    await next()
  })
  api.use('*', limitBody)

  addAppOperations(api, options)
  addDeploymentOperations(api, options.control)
  addSyncOperations(api, options.control)
  addUpkeepOperations(api, options.control)
  addWhyOperations(api, options.control)
  addJobOperations(api, options.jobs)
  addKeyOperations(api, options.keys)
  addRegistryOperations(api, { registry: options.registry, heartbeatMs: options.heartbeatMs ?? 2_000 })
  addMetaOperations(api, options)
  return api
}

/** The OpenAPI 3.1 document of the API as it is at `version`, without one that serves. */
export function controlApiDocument(version: string): object {
  // An operation touches what it works on only when a request comes, and here none does.
  const nothing = undefined as never
  return describe(
    createControlApi({ control: nothing, jobs: nothing, keys: nothing, registry: nothing, events: nothing, version }),
    version,
  )
}

function describe(api: Api, version: string): object {
  return api.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Pando control API',
      version,
      description:
        'Listens on a unix socket (no token) and on loopback TCP (bearer token). Errors are RFC 9457 problem details. Lists that can be long, and watches, are newline-delimited JSON.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    security: [{ token: [] }, {}],
    tags: [
      { name: 'app', description: 'The app and its services' },
      { name: 'registry', description: 'Endpoints, leases and watches' },
      { name: 'gateway', description: 'What gateways watch and report' },
      { name: 'meta', description: 'About the control plane itself' },
    ],
  })
}

function addMetaOperations(api: Api, { control, version }: ControlApiOptions): void {
  api.openAPIRegistry.registerComponent('securitySchemes', 'token', { type: 'http', scheme: 'bearer' })
  define(
    api,
    {
      method: 'get',
      path: '/metrics',
      id: 'getMetrics',
      tag: 'meta',
      summary: 'Numbers of gateway and control plane, in the Prometheus text format',
      answer: { status: 200, description: 'Text format 0.0.4', type: 'text/plain', schema: z.string() },
    },
    async (_, context) =>
      context.body(await control.metrics(), 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }),
  )
  define(
    api,
    {
      method: 'get',
      path: '/healthz',
      id: 'getHealth',
      tag: 'meta',
      summary: 'Whether the control plane answers; needs no token',
      answer: {
        status: 200,
        description: 'It does',
        schema: z.object({ status: z.enum(['ok']), version: z.string() }).openapi('Health'),
      },
    },
    (_, context) => context.json({ status: 'ok', version }),
  )
  let document: object | undefined
  define(
    api,
    {
      method: 'get',
      path: '/openapi.json',
      id: 'getOpenApi',
      tag: 'meta',
      summary: 'This document',
      answer: { status: 200, description: 'OpenAPI 3.1', schema: z.object({}).openapi({ type: 'object' }) },
    },
    (_, context) => context.json((document ??= describe(api, version))),
  )
}

function asPandoError(thrown: unknown): PandoError {
  if (thrown instanceof HTTPException) {
    if (thrown.status === 415) {
      return new PandoError('usage', 'the body must be JSON', { hint: 'Send it with Content-Type: application/json.' })
    }
    return new PandoError('usage', thrown.message, { cause: thrown })
  }
  return PandoError.from(thrown)
}
