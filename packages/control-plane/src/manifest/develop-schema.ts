import { z } from 'zod'
import { filled } from './schema-values.js'

export const watchActions = ['rebuild', 'restart', 'sync', 'sync+restart', 'sync+exec'] as const

const patterns = () =>
  z.union([filled('a pattern'), z.array(filled('a pattern'))], { error: 'expected a pattern or a list of patterns' })

export const developSchema = z
  .strictObject({
    watch: z
      .array(
        z.strictObject({
          action: z
            .enum(watchActions)
            .describe(
              'rebuild: it is deployed anew from its folder. restart: its instances are replaced as they are. sync: what has changed is put into its containers; sync+restart: and they are replaced. sync+exec is not supported yet.',
            ),
          path: filled('a folder or a file').describe('What is watched, seen from the folder of the manifest.'),
          target: filled('a path in the container')
            .optional()
            .describe('Of sync: where path is inside the container, absolute.'),
          ignore: patterns()
            .optional()
            .describe('Seen from path, in the words of a .gitignore: no change of these counts.'),
          include: patterns().optional().describe('Seen from path: only changes of these count. Default: all.'),
        }),
        { error: 'expected a list of rules with action and path' },
      )
      .max(100)
      .optional()
      .describe(
        'What pando up --watch does when files change. Default: rebuild when its folder changes; an empty list: nothing.',
      ),
  })
  .meta({ id: 'develop', description: 'How it is developed; read by pando up --watch.' })
