import { z } from 'zod'
import { filled } from './schema-values.js'

export const driverField = {
  driver: z
    .enum(['process', 'container'])
    .optional()
    .describe(
      'container: its program runs in an image that is made of its folder, without a Dockerfile. Default: what pando up --driver says, else process.',
    ),
}

/** Of an image whose recipe Pando writes. */
export const generatedImageFields = {
  base: filled('an image')
    .optional()
    .describe(
      "The image that a program's own image is built on, without a Dockerfile. Default: the language's official one.",
    ),
  runtime: filled('an image')
    .optional()
    .describe('The image that what was built on base is run in. Default: a small official one.'),
}
