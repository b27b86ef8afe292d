import { z } from '@hono/zod-openapi'
import { define, type Api } from './operation.js'
import type { Pruned, PrunedItem, UpkeepControl } from './upkeep-control.js'
import { wholeSchema } from './whole-schema.js'

const item = wholeSchema<PrunedItem>()(
  z
    .object({
      kind: z.enum(['revision', 'build', 'image']),
      service: z.string(),
      name: z.string(),
      bytes: z.number().int().min(0).describe('Of the disk; what others share is not counted'),
    })
    .openapi('PrunedItem'),
)

const pruned = wholeSchema<Pruned>()(
  z
    .object({ items: z.array(item), notes: z.array(z.string()).describe('What could not be looked at, and why') })
    .openapi('Pruned'),
)

/** `/v1/app/prune`. */
export function addUpkeepOperations(api: Api, control: UpkeepControl): void {
  define(
    api,
    {
      method: 'post',
      path: '/v1/app/prune',
      id: 'pruneApp',
      tag: 'app',
      summary: 'Removes what was built for revisions that nobody can go back to',
      body: z
        .strictObject({
          isAll: z.boolean().describe('Also of those that could be gone back to'),
          isDry: z.boolean().describe('Only say what would go'),
        })
        .openapi('PruneRequest'),
      answer: { status: 200, description: 'What has gone', schema: pruned },
      errors: ['conflict'],
    },
    async ({ body }, context) => context.json(await control.prune(body)),
  )
}
