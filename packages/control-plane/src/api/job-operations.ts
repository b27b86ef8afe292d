import { z } from '@hono/zod-openapi'
import type { JobRun, JobsStatus } from '@pando/model'
import type { JobControl } from './job-control.js'
import { define } from './operation.js'
import type { Api } from './operation.js'
import { logLine } from './schemas.js'
import { streamLines } from './stream.js'
import { wholeSchema } from './whole-schema.js'

const name = () => z.string().min(1).max(63)
const time = () => z.number().int().describe('Unix time, milliseconds')
const ofRun = z.strictObject({ id: z.string().min(1).max(128) })

const jobRun = wholeSchema<JobRun>()(
  z
    .object({
      id: z.string().describe('Also the name of its instance, as logs show it'),
      service: z.string(),
      revision: z.string(),
      command: z.array(z.string()).readonly().nullable().describe("null: the service's own"),
      cause: z.enum(['hand', 'schedule']),
      dueAt: time().nullable(),
      startedAt: time(),
      endedAt: time().nullable(),
      result: z.enum(['running', 'succeeded', 'failed', 'stopped', 'missed']),
      exitCode: z.number().int().nullable(),
      tries: z.number().int().min(0),
      reason: z.string(),
    })
    .openapi('JobRun'),
)

const jobs = wholeSchema<JobsStatus>()(
  z
    .object({
      schedules: z.array(
        z.object({
          service: z.string(),
          cron: z.string(),
          timeZone: z.string().nullable(),
          isSuspended: z.boolean(),
          nextAt: time().nullable(),
        }),
      ),
      runs: z.array(jobRun).describe('Newest first'),
    })
    .openapi('Jobs'),
)

const runRequest = z
  .strictObject({ command: z.array(z.string().max(65_536)).min(1).max(1_000).nullable() })
  .openapi('RunRequest')

/** `/v1/runs` and `/v1/services/{name}/runs`. */
export function addJobOperations(api: Api, control: JobControl): void {
  define(
    api,
    {
      method: 'get',
      path: '/v1/runs',
      id: 'listRuns',
      tag: 'app',
      summary: 'Runs to an end, and when schedules ask for the next',
      query: z.strictObject({ service: name().optional() }),
      answer: { status: 200, description: 'The newest of each service', schema: jobs },
      errors: ['not_found'],
    },
    async ({ query }, context) => context.json(await control.list(query.service ?? null)),
  )

  define(
    api,
    {
      method: 'post',
      path: '/v1/services/{name}/runs',
      id: 'runService',
      tag: 'app',
      summary: "Begins one run to the end of a service's present revision",
      params: z.strictObject({ name: name() }),
      body: runRequest,
      answer: { status: 200, description: 'It is written down, and is built and started next', schema: jobRun },
      errors: ['not_found', 'conflict', 'limit_reached'],
    },
    async ({ params, body }, context) => context.json(await control.run(params.name, body.command)),
  )

  define(
    api,
    {
      method: 'get',
      path: '/v1/runs/{id}',
      id: 'getRun',
      tag: 'app',
      summary: 'One run',
      params: ofRun,
      answer: { status: 200, description: 'As it is now', schema: jobRun },
      errors: ['not_found'],
    },
    async ({ params }, context) => context.json(await control.get(params.id)),
  )

  define(
    api,
    {
      method: 'post',
      path: '/v1/runs/{id}/stop',
      id: 'stopRun',
      tag: 'app',
      summary: 'Asks a run to stop; it is killed after its grace period',
      params: ofRun,
      answer: { status: 202, description: 'It is asked' },
      errors: ['not_found'],
    },
    async ({ params }, context) => {
      await control.stop(params.id)
      return context.body(null, 202)
    },
  )

  define(
    api,
    {
      method: 'get',
      path: '/v1/runs/{id}/output',
      id: 'readRun',
      tag: 'app',
      summary: 'What a run writes, as newline-delimited JSON, until it has ended',
      params: ofRun,
      answer: { status: 200, description: 'A line a line', type: 'application/x-ndjson', schema: logLine },
      errors: ['not_found'],
    },
    async ({ params }, context) => {
      await control.get(params.id)
      return streamLines((signal) => control.output(params.id, signal), context.env?.closing)
    },
  )
}
