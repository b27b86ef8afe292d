import { z } from 'zod'
import { flag, size } from './schema-values.js'

export const cacheField = {
  cache: z
    .union(
      [
        flag(),
        z.strictObject({
          size: size(1024, '1K')
            .optional()
            .describe('All answers of the route together, in each worker. Default: 32M.'),
          max_entry: size(1, '1').optional().describe('A larger answer is not kept. Default: 1M.'),
        }),
      ],
      { error: 'expected true, false, or a map with size and max_entry' },
    )
    .optional()
    .describe('Keeps answers that say that they may be kept, and gives them again (RFC 9111). Default: false.'),
}

export type CacheInput = z.infer<typeof cacheField.cache>
