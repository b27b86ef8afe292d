/**
 * What the documents may say and Pando does not do, by the name that the Gateway API gives it, with what to do instead. Each is a mistake with its line: what is
 * dropped in silence is found out in production. The table in docs/gateway-api.md has the same names.
 */
export const refusals = {
  'parentRefs.sectionName':
    'every listener of the gateway serves the route; gateway.tls.redirect sends the plain port to https',
  'parentRefs.port':
    'every listener of the gateway serves the route; gateway.tls.redirect sends the plain port to https',
  'path RegularExpression': 'write PathPrefix or Exact, or a route of the manifest with { pattern: /users/{id} }',
  'headers RegularExpression': 'write Exact, or a route of the manifest with { prefix: … } or { present: true }',
  'queryParams RegularExpression': 'write Exact, or a route of the manifest with { prefix: … } or { present: true }',
  'method RegularExpression': 'write Exact',
  'filter ExtensionRef': 'write what it does into a route of the manifest',
  'filter CORS': 'write cors in a route of the manifest',
  'filter ExternalAuth': 'write auth in a route of the manifest',
  'RequestMirror in a GRPCRoute': 'copies are made of requests of HTTP/1.1 only',
  'a second RequestMirror': 'a request is copied to one service',
  'backendRefs.filters': 'write the filters for the rule as a whole',
  'backendRefs.namespace': 'the services of an app are in no namespaces, so it must be that of the route',
  'a kind of backend other than Service': 'routes lead to services of the app',
  retry: 'write retry in a route of the manifest',
  sessionPersistence: 'write balancer of the service: sticky cookies are one of its kinds',
  useDefaultGateways: 'the app has one gateway, which serves every route',
} as const

export type Refusal = keyof typeof refusals
