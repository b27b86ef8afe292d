import { z } from 'zod'
import { routeResilienceFields } from './resilience-schema.js'
import { routeTrafficFields } from './route-traffic-schema.js'
import { routeAuthField } from './authentication-schema.js'
import { duration, durationOfAtLeast, filled, flag, port, whole } from './schema-values.js'

const scalarText = () => z.union([z.string(), z.number(), z.boolean()], { error: 'expected text' })

const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const headers = () =>
  z.record(z.string().regex(headerName, { error: 'this is not a header name (RFC 9110, section 5.1)' }), scalarText(), {
    error: 'expected a map of header names and values',
  })

const headerEdit = () =>
  z.strictObject({
    set: headers().optional().describe('Headers that get this value, whatever they had.'),
    add: headers().optional().describe('Headers that get one more value.'),
    remove: z.array(filled('a header name')).optional().describe('Headers that are taken out.'),
  })

const valueMatch = () =>
  z.union(
    [
      scalarText(),
      z.strictObject({
        exact: scalarText().optional().describe('The whole value.'),
        prefix: filled('a prefix').optional().describe('How the value begins.'),
        present: z.literal(true, { error: 'expected true' }).optional().describe('Any value.'),
      }),
    ],
    { error: 'expected a value, { exact: value }, { prefix: value } or { present: true }' },
  )

const path = () =>
  z.union(
    [
      filled('a path such as /users'),
      z.strictObject({
        exact: filled('a path').optional().describe('The whole path.'),
        prefix: filled('a path')
          .optional()
          .describe('Whole segments: /users matches /users and /users/1, not /usersX.'),
        pattern: filled('a path such as /users/{id}')
          .optional()
          .describe('{name} is one segment, {name...} at the end the rest: /users/{id}/orders.'),
      }),
    ],
    { error: 'expected a path such as /users, { exact: path }, { prefix: path } or { pattern: path }' },
  )

const match = {
  path: path().optional().describe('Text is a prefix of whole segments. Default: / (every path).'),
  method: filled('a method such as GET')
    .optional()
    .describe('One HTTP method, and just that: GET leaves HEAD out. Default: every method.'),
  headers: z
    .record(z.string(), valueMatch(), { error: 'expected a map of header names' })
    .optional()
    .describe('Headers that must be there: a value, { prefix: text } or { present: true }.'),
  query: z
    .record(z.string(), valueMatch(), { error: 'expected a map of query parameters' })
    .optional()
    .describe('Query parameters that must be there, as headers.'),
}

const routeObject = z.strictObject({
  host: filled('a host name').optional().describe('Short for hosts with one entry.'),
  hosts: z
    .array(filled('a host name'))
    .min(1, { error: 'expected at least one host' })
    .max(50)
    .optional()
    .describe('Host names without port; *.example.org matches every name under it. Default: every host.'),
  ...match,
  matches: z
    .array(z.strictObject(match))
    .min(1, { error: 'expected at least one match' })
    .max(64)
    .optional()
    .describe('Several matches, of which one is enough; instead of path, method, headers and query.'),
  strip_prefix: flag().optional().describe('Takes the matched prefix off the path before it goes to the service.'),
  rewrite: z
    .strictObject({
      host: filled('a host name').optional().describe('The Host that the service sees.'),
      path: filled('a path').optional().describe('Instead of the whole path.'),
      prefix: filled('a path').optional().describe('Instead of the matched prefix.'),
    })
    .optional()
    .describe('Changes what the service sees.'),
  redirect: z
    .strictObject({
      scheme: z.enum(['http', 'https']).optional().describe('Default: that of the request.'),
      host: filled('a host name').optional().describe('Default: that of the request.'),
      port: port().optional().describe('Default: the one of the scheme, or that of the request.'),
      path: filled('a path').optional().describe('Instead of the whole path.'),
      prefix: filled('a path').optional().describe('Instead of the matched prefix.'),
      status: z
        .union([z.literal(301), z.literal(302), z.literal(303), z.literal(307), z.literal(308)], {
          error: 'expected 301, 302, 303, 307 or 308',
        })
        .optional()
        .describe('Default: 302.'),
    })
    .optional()
    .describe('Answers with another address instead of going to a service.'),
  request_headers: headerEdit().optional().describe('Edits the headers of the request.'),
  response_headers: headerEdit().optional().describe('Edits the headers of the response.'),
  backends: z
    .array(
      z.strictObject({
        service: filled('the name of a service').describe('One of the services.'),
        weight: whole(0, 1_000_000).optional().describe('Share among the backends. Default: 1.'),
      }),
    )
    .min(1, { error: 'expected at least one backend' })
    .max(32)
    .optional()
    .describe('Services that share the traffic. Default: the service that the route is written in.'),
  ...routeTrafficFields,
  ...routeResilienceFields,
  timeouts: z
    .strictObject({
      request: duration()
        .optional()
        .describe('For the whole exchange. 0: none. Default: the request_timeout of the gateway.'),
      backend_request: durationOfAtLeast(1).optional().describe('For one try at one instance. Default: none.'),
    })
    .optional()
    .describe('How long an answer may take; 504 after.'),
  ...routeAuthField,
})

export const routeSchema = z
  .union([filled('a route'), routeObject], {
    error: 'expected a path such as /users, a host and path such as example.org/users, or a map',
  })
  .meta({
    id: 'route',
    description: 'A way in through the gateway: text is a path prefix, with a host before it if there is one.',
  })

export type RouteInput = z.infer<typeof routeObject>
