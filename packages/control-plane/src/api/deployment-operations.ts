import { z } from '@hono/zod-openapi'
import type { Deployment } from '@pando/model'
import type { Deployed, DeploymentControl, DeployRequest, ServiceDiff } from './deployment-control.js'
import { define } from './operation.js'
import type { Api } from './operation.js'
import { applyRequest } from './schemas.js'
import { wholeSchema } from './whole-schema.js'

const name = () => z.string().min(1).max(63)
const count = () => z.number().int().min(0)

const deployment = wholeSchema<Deployment>()(
  z
    .object({
      number: count().describe('Grows by one a deployment'),
      service: z.string(),
      revision: z.string(),
      at: z.number().int().describe('Unix time, milliseconds'),
      by: z.enum(['up', 'deploy', 'rollback', 'automatic_rollback']),
      result: z.enum(['running', 'healthy', 'failed', 'rolled_back', 'superseded']),
      reason: z.string(),
      settledAt: z.number().int().nullable(),
    })
    .openapi('Deployment'),
)

const deployRequest = wholeSchema<DeployRequest>()(
  applyRequest
    .extend({ services: z.array(name()).max(1_000).describe('Of the manifest; empty: all of them join the app') })
    .openapi('DeployRequest'),
)

const deployed = wholeSchema<Deployed>()(
  z
    .object({ service: z.string(), revision: z.string(), isNew: z.boolean().describe('false: it is wanted already') })
    .openapi('Deployed'),
)

const serviceDiff = wholeSchema<ServiceDiff>()(
  z
    .object({
      service: z.string(),
      change: z.enum(['added', 'removed', 'changed', 'unchanged']),
      before: z.string().nullable().describe('The revision that is wanted now'),
      after: z.string().nullable(),
      fields: z.array(z.object({ field: z.string(), before: z.string().nullable(), after: z.string().nullable() })),
      files: z.object({ added: count(), changed: count(), removed: count() }).nullable(),
    })
    .openapi('ServiceDiff'),
)

/** `/v1/deployments`, `/v1/app/diff` and the ways back. */
export function addDeploymentOperations(api: Api, control: DeploymentControl): void {
  define(
    api,
    {
      method: 'get',
      path: '/v1/deployments',
      id: 'listDeployments',
      tag: 'app',
      summary: 'What was deployed when, and how it went; newest first',
      query: z.strictObject({ service: name().optional() }),
      answer: { status: 200, description: 'The newest 50 of each service', schema: z.array(deployment) },
      errors: ['not_found'],
    },
    async ({ query }, context) => context.json(await control.history(query.service ?? null)),
  )

  define(
    api,
    {
      method: 'post',
      path: '/v1/deployments',
      id: 'deploy',
      tag: 'app',
      summary: 'Deploys services of a manifest and touches no other',
      body: deployRequest,
      answer: { status: 200, description: 'It is durable, not yet reached', schema: z.array(deployed) },
      errors: ['manifest_invalid', 'not_found', 'conflict'],
    },
    async ({ body }, context) => context.json(await control.deploy(body)),
  )

  define(
    api,
    {
      method: 'delete',
      path: '/v1/services/{name}',
      id: 'removeService',
      tag: 'app',
      summary: 'Takes a service that has joined out of the app again; its instances drain and stop',
      params: z.strictObject({ name: name() }),
      answer: { status: 202, description: 'It is durable, not yet reached' },
      errors: ['not_found', 'conflict'],
    },
    async ({ params }, context) => {
      await control.remove(params.name)
      return context.body(null, 202)
    },
  )

  define(
    api,
    {
      method: 'post',
      path: '/v1/services/{name}/rollback',
      id: 'rollbackService',
      tag: 'app',
      summary: 'Goes back to an older revision, without building it again',
      params: z.strictObject({ name: name() }),
      body: z
        .strictObject({ to: z.string().min(1).max(64).nullable().describe('null: the last one that was healthy') })
        .openapi('RollbackRequest'),
      answer: { status: 200, description: 'It is durable, not yet reached', schema: deployed },
      errors: ['not_found', 'conflict'],
    },
    async ({ params, body }, context) => context.json(await control.rollback(params.name, body.to)),
  )

  define(
    api,
    {
      method: 'post',
      path: '/v1/app/rollback',
      id: 'rollbackApp',
      tag: 'app',
      summary: 'Makes everything as it was before the last manifest that changed something',
      answer: { status: 200, description: 'It is durable, not yet reached', schema: z.array(deployed) },
      errors: ['not_found', 'conflict'],
    },
    async (_, context) => context.json(await control.rollbackApp()),
  )

  define(
    api,
    {
      method: 'post',
      path: '/v1/app/diff',
      id: 'diffApp',
      tag: 'app',
      summary: 'What applying a manifest would change; changes nothing',
      body: applyRequest,
      answer: { status: 200, description: 'By name', schema: z.array(serviceDiff) },
      errors: ['manifest_invalid'],
    },
    async ({ body }, context) => context.json(await control.diff(body)),
  )
}
