import { z } from 'zod'
import { duration, durationOfAtLeast, flag, positive, whole } from './schema-values.js'

/** A number of instances, or a percentage of them. */
export const share = () =>
  z
    .union([z.number(), z.string()], { error: 'expected a number of instances or a percentage such as 25%' })
    .refine((value) => /^(\d{1,3}|(100|\d{1,2})%)$/.test(String(value)), {
      error: 'expected a number of instances from 0 to 999, or a percentage such as 25%',
    })
    .meta({
      jsonSchema: {
        anyOf: [
          { type: 'integer', minimum: 0, maximum: 999 },
          { type: 'string', pattern: String.raw`^(\d{1,3}|(100|\d{1,2})%)$|\$\{` },
        ],
      },
    })

export const rolloutSchema = z
  .strictObject({
    strategy: z
      .enum(['rolling', 'canary', 'blue-green'])
      .optional()
      .describe(
        'rolling: instance by instance; canary: by shares of the traffic; blue-green: all traffic at once when all are healthy. Default: rolling.',
      ),
    order: z
      .enum(['start-first', 'stop-first'])
      .optional()
      .describe(
        'Whether the new instance starts before the old one stops. Default: start-first; with a port stop-first.',
      ),
    max_surge: share().optional().describe('Instances above the replicas while it rolls, or percent. Default: 1.'),
    max_unavailable: share()
      .optional()
      .describe('Instances that may be missing while it rolls, or percent. Default: 0.'),
    min_healthy_time: duration()
      .optional()
      .describe('An instance counts when it has been healthy for so long. Default: 3s.'),
    progress_deadline: durationOfAtLeast(1000)
      .optional()
      .describe(
        'Without progress for so long it has failed and goes back. Default: 50s, or ten seconds more than a longer startup of the healthcheck.',
      ),
    steps: z
      .array(
        z.strictObject({
          weight: whole(0, 100).describe('Percent of the requests that the new revision gets.'),
          pause: duration().optional().describe('How long. Default: until pando promote.'),
        }),
        { error: 'expected a list of steps' },
      )
      .min(1)
      .max(20)
      .optional()
      .describe('Steps of a canary. Default: 10 percent, then 50, 30s each.'),
    min_requests: whole(1, 1_000_000).optional().describe('A canary is judged after so many requests. Default: 20.'),
    max_error_increase: positive(100)
      .optional()
      .describe('A canary is worse with so many percent of 5xx answers more than the old revision. Default: 1.'),
    max_p99_ratio: positive(1000)
      .optional()
      .describe('A canary is worse when its 99th percentile is so many times the old one. Default: 3.'),
    auto_promote: flag().optional().describe('false: takes all traffic only after pando promote. Default: true.'),
  })
  .meta({ id: 'rollout', description: 'How a service goes from one revision to the next.' })
