import { z } from 'zod'

/**
 * HTTPRoute and GRPCRoute as the Gateway API's version v1 has them, standard channel and what is beyond it by name.
 * Source: https://gateway-api.sigs.k8s.io/reference/spec/
 */
const headerName = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,256}$/
const hostPattern = /^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const durationPattern = /^([0-9]{1,5}(h|m|s|ms)){1,4}$/

const text = () => z.string({ error: 'expected text' })
const name = () => text().min(1, { error: 'expected a name' }).max(253)
const unread = () => z.unknown().optional()
const port = () => z.int({ error: 'expected a port' }).min(1).max(65_535)
const header = () => text().regex(headerName, { error: 'this is not a header name (RFC 9110, section 5.1)' })
const duration = () =>
  text().regex(durationPattern, { error: 'expected a duration such as 10s, 1m30s or 500ms (GEP-2257)' })
const hostname = () =>
  text()
    .max(253)
    .regex(hostPattern, { error: 'expected a host name in lower case, such as shop.example or *.shop.example' })
    .refine((host) => !/^[\d.]+$/.test(host), { error: 'a host name is no address' })

const values = () =>
  z.array(z.strictObject({ name: header(), value: text() }), { error: 'expected a list of { name, value }' }).max(64)

const headerEdit = z.strictObject({
  set: values().optional(),
  add: values().optional(),
  remove: z.array(header(), { error: 'expected a list of header names' }).max(64).optional(),
})

const pathEdit = z.strictObject({
  type: z.enum(['ReplaceFullPath', 'ReplacePrefixMatch']),
  replaceFullPath: text().max(1024).optional(),
  replacePrefixMatch: text().max(1024).optional(),
})

const backend = {
  group: text().optional(),
  kind: text().optional(),
  name: name(),
  namespace: name().optional(),
  port: port().optional(),
}

const mirror = z.strictObject({
  backendRef: z.strictObject(backend),
  percent: z.int().min(0).max(100).optional(),
  fraction: z.strictObject({ numerator: z.int().min(0), denominator: z.int().min(1).optional() }).optional(),
})

const commonFilter = {
  requestHeaderModifier: headerEdit.optional(),
  responseHeaderModifier: headerEdit.optional(),
  requestMirror: mirror.optional(),
  extensionRef: unread(),
}

const httpFilter = z.strictObject({
  type: z.enum([
    'RequestHeaderModifier',
    'ResponseHeaderModifier',
    'RequestMirror',
    'RequestRedirect',
    'URLRewrite',
    'ExtensionRef',
    'CORS',
    'ExternalAuth',
  ]),
  ...commonFilter,
  requestRedirect: z
    .strictObject({
      scheme: z.enum(['http', 'https']).optional(),
      hostname: hostname().optional(),
      path: pathEdit.optional(),
      port: port().optional(),
      statusCode: z
        .union([z.literal(301), z.literal(302), z.literal(303), z.literal(307), z.literal(308)], {
          error: 'expected 301, 302, 303, 307 or 308',
        })
        .optional(),
    })
    .optional(),
  urlRewrite: z.strictObject({ hostname: hostname().optional(), path: pathEdit.optional() }).optional(),
  cors: unread(),
  externalAuth: unread(),
})

const grpcFilter = z.strictObject({
  type: z.enum(['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestMirror', 'ExtensionRef']),
  ...commonFilter,
})

const valueType = () => z.enum(['Exact', 'RegularExpression']).optional()
const headerMatches = () => z.array(z.strictObject({ type: valueType(), name: header(), value: text() })).max(64)

const httpMatch = z.strictObject({
  path: z
    .strictObject({
      type: z.enum(['Exact', 'PathPrefix', 'RegularExpression']).optional(),
      value: text().max(1024).optional(),
    })
    .optional(),
  headers: headerMatches().optional(),
  queryParams: z
    .array(z.strictObject({ type: valueType(), name: name(), value: text() }))
    .max(64)
    .optional(),
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH', 'CONNECT']).optional(),
})

const grpcMatch = z.strictObject({
  method: z
    .strictObject({
      type: valueType(),
      service: text()
        .regex(/^[A-Za-z_][A-Za-z_0-9]*(\.[A-Za-z_][A-Za-z_0-9]*)*$/, {
          error: 'this is not the name of a gRPC service',
        })
        .optional(),
      method: text()
        .regex(/^[A-Za-z_][A-Za-z_0-9]*$/, { error: 'this is not the name of a gRPC method' })
        .optional(),
    })
    .optional(),
  headers: headerMatches().optional(),
})

function ruleOf<Match extends z.ZodType, Filter extends z.ZodType>(match: Match, filter: Filter) {
  return z.strictObject({
    name: name().optional(),
    matches: z.array(match).max(64).optional(),
    filters: z.array(filter).max(16).optional(),
    backendRefs: z
      .array(z.strictObject({ ...backend, weight: z.int().min(0).max(1_000_000).optional(), filters: unread() }))
      .max(16)
      .optional(),
    timeouts: z.strictObject({ request: duration().optional(), backendRequest: duration().optional() }).optional(),
    retry: unread(),
    sessionPersistence: unread(),
  })
}

function documentOf<Kind extends string, Rule extends z.ZodType>(kind: Kind, rule: Rule) {
  return z.strictObject({
    apiVersion: z.literal('gateway.networking.k8s.io/v1', { error: 'expected gateway.networking.k8s.io/v1' }),
    kind: z.literal(kind),
    metadata: z.looseObject({ name: name(), namespace: name().optional() }),
    spec: z.strictObject({
      parentRefs: z
        .array(z.looseObject({ sectionName: unread(), port: unread() }))
        .max(32)
        .optional(),
      useDefaultGateways: unread(),
      hostnames: z.array(hostname()).max(16).optional(),
      rules: z.array(rule).min(1, { error: 'expected at least one rule' }).max(16).optional(),
    }),
    status: unread(),
  })
}

export const httpRouteSchema = documentOf('HTTPRoute', ruleOf(httpMatch, httpFilter))
export const grpcRouteSchema = documentOf('GRPCRoute', ruleOf(grpcMatch, grpcFilter))

export type HttpRouteInput = z.infer<typeof httpRouteSchema>
export type GrpcRouteInput = z.infer<typeof grpcRouteSchema>
export type HttpMatchInput = z.infer<typeof httpMatch>
export type GrpcMatchInput = z.infer<typeof grpcMatch>
export type FilterInput = z.infer<typeof httpFilter>
type Rules = NonNullable<HttpRouteInput['spec']['rules']> | NonNullable<GrpcRouteInput['spec']['rules']>
export type RuleInput = Rules[number]
