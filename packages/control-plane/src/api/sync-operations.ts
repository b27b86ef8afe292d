import { z } from '@hono/zod-openapi'
import { define, type Api } from './operation.js'
import type { SyncControl } from './sync-control.js'

const absolute = () =>
  z
    .string()
    .min(2)
    .max(4096)
    .regex(/^\/[^\0]*$/, 'expected an absolute path')

const syncRequest = z
  .strictObject({
    files: z
      .array(
        z.strictObject({
          source: absolute().describe('On this machine; taken away inside when it is not there'),
          target: absolute().describe('Inside the container'),
        }),
      )
      .max(5_000),
  })
  .openapi('SyncRequest')

/** `/v1/services/{name}/sync`. */
export function addSyncOperations(api: Api, control: SyncControl): void {
  define(
    api,
    {
      method: 'post',
      path: '/v1/services/{name}/sync',
      id: 'syncService',
      tag: 'app',
      summary: 'Puts files of this machine into the containers of a service, without a build',
      params: z.strictObject({ name: z.string().min(1).max(63) }),
      body: syncRequest,
      answer: { status: 204, description: 'They are in every container that runs' },
      errors: ['not_found', 'conflict', 'too_large'],
    },
    async ({ params, body }, context) => {
      await control.sync(params.name, body.files)
      return context.body(null, 204)
    },
  )
}
