import { z } from 'zod'
import { duration, filled, flag } from './schema-values.js'

const origin = () => filled('an origin such as https://shop.example')
const names = (what: string) => z.union([filled(what), z.array(filled(what))], { error: `expected ${what}, or a list` })

export const corsField = {
  cors: z
    .union(
      [
        origin(),
        z.array(origin()).min(1, { error: 'expected at least one origin' }).max(100),
        z.strictObject({
          origins: names('an origin such as https://shop.example').describe(
            'Who may read the answers in a browser: https://shop.example, https://*.shop.example (every name under it), or * alone.',
          ),
          methods: names('a method')
            .optional()
            .describe('Of preflighted requests; * is any. Default: GET, HEAD, POST, and the method of the route.'),
          headers: names('a header').optional().describe('That requests may have; * is any. Default: Content-Type.'),
          expose_headers: names('a header')
            .optional()
            .describe('That scripts may read of answers, beside the plain ones. Default: none.'),
          max_age: duration().optional().describe('How long a browser keeps the answer to a preflight. Default: 10m.'),
          credentials: flag()
            .optional()
            .describe('true: with cookies and authentication; not together with the origin *. Default: false.'),
        }),
      ],
      { error: 'expected an origin such as https://shop.example, a list of them, or a map with origins' },
    )
    .optional()
    .describe('Lets pages of other origins use it (CORS). Preflights are answered by the gateway.'),
}

export type CorsInput = z.infer<typeof corsField.cors>
