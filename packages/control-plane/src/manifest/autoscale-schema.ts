import { z } from 'zod'
import { share } from './rollout-schema.js'
import { duration, durationOfAtLeast, positive, whole } from './schema-values.js'

/** A percentage of an instance's limit, above 0. */
const percent = () =>
  z
    .union([z.number(), z.string()], { error: 'expected a percentage such as 70%' })
    .refine((value) => /^([1-9]|[1-9]\d|[12]\d\d)%$/.test(String(value)), {
      error: 'expected a percentage from 1% to 299%, such as 70%',
    })
    .meta({ jsonSchema: { type: 'string', pattern: String.raw`^([1-9]|[1-9]\d|[12]\d\d)%$|\$\{` } })

const pace = (stabilization: string, step: string, what: string) =>
  z
    .strictObject({
      stabilization: duration()
        .optional()
        .describe(`How long it must have been asked for without a break. Default: ${stabilization}.`),
      step: share()
        .optional()
        .describe(`The most instances, or percent, that it may change by in one period. Default: ${step}.`),
      period: durationOfAtLeast(1000).optional().describe('Default: 15s.'),
    })
    .describe(what)

export const autoscaleSchema = z
  .strictObject({
    min: whole(0, 100).optional().describe('The fewest instances. 0: it may sleep until a request comes. Default: 1.'),
    max: whole(1, 100).describe('The most instances.'),
    concurrency: positive(100_000)
      .optional()
      .describe('Target: requests in flight or waiting, an instance (of another protocol than http: connections).'),
    rps: positive(1_000_000).optional().describe('Target: requests a second, an instance.'),
    cpu: percent().optional().describe('Target: processor time, percent of resources.cpus.'),
    memory: percent().optional().describe('Target: memory, percent of resources.memory.'),
    scale_up: pace('0', '100%', 'How fast it may grow.').optional(),
    scale_down: pace('1m', '100%', 'How fast it may shrink.').optional(),
    idle: durationOfAtLeast(1000)
      .optional()
      .describe('With min 0: it goes to sleep when no request has come or is under way for so long. Default: 5m.'),
    hold: durationOfAtLeast(1000)
      .optional()
      .describe(
        'With min 0: how long the gateway holds a request until an instance is healthy; 503 after. Default: 1m.',
      ),
  })
  .meta({ id: 'autoscale', description: 'How the replicas follow the load.' })
