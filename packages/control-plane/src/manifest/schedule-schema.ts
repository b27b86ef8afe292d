import { z } from 'zod'
import { duration, durationOfAtLeast, filled, flag, whole } from './schema-values.js'

export const scheduleSchema = z
  .union(
    [
      filled('a time such as "0 3 * * *"'),
      z.strictObject({
        cron: filled('a time such as "0 3 * * *"').describe(
          'Minute, hour, day of month, month, day of week; with six fields seconds go first. Also @hourly, @daily, @weekly.',
        ),
        time_zone: filled('a time zone').optional().describe("Such as Europe/Zurich. Default: the machine's."),
        concurrency_policy: z
          .enum(['forbid', 'allow', 'replace'])
          .optional()
          .describe('What happens when a run is due while an earlier one goes on. Default: forbid.'),
        starting_deadline: durationOfAtLeast(1000)
          .optional()
          .describe('A run that could not start in so long is missed. Default: 5m.'),
        history: whole(1, 1000).optional().describe('Ended runs that are remembered. Default: 10.'),
        suspend: flag().optional().describe('true: no run begins. Default: false.'),
        retries: whole(0, 100).optional().describe('How often a run that failed is tried again. Default: 0.'),
        timeout: duration().optional().describe('The longest that a run takes, with all its tries. Default: no limit.'),
      }),
    ],
    { error: 'expected a time such as "0 3 * * *", or an object with cron' },
  )
  .meta({ id: 'schedule', description: 'When a service runs to its end, again and again.' })
