import { z } from 'zod'
import { filled, flag, size } from './schema-values.js'

export const compressionField = {
  compress: z
    .union(
      [
        flag(),
        z.strictObject({
          types: z
            .array(filled('a media type such as application/json'))
            .min(1, { error: 'expected at least one media type' })
            .max(100)
            .optional()
            .describe(
              'Media types, or text/* for all of a kind. Default: text, JSON, XML, JavaScript, SVG, WebAssembly.',
            ),
          min_size: size().optional().describe('Smaller answers are sent as they are. Default: 1K.'),
          codings: z
            .array(z.enum(['br', 'gzip']))
            .min(1, { error: 'expected br or gzip' })
            .max(2)
            .optional()
            .describe('In order of preference. Default: br, gzip.'),
        }),
      ],
      { error: 'expected true, false, or a map' },
    )
    .optional()
    .describe('Compresses answers for clients that ask for it. Read the note on secrets first. Default: false.'),
}

export type CompressionInput = z.infer<typeof compressionField.compress>
