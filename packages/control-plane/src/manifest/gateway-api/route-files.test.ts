import type { RouteSpec } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { gatewayConfigOf } from '../../desired/gateway-config.js'
import { appOf, readFrom } from '../reading.suite.js'
import { renderConfig } from '../render.js'
import { refusals, type Refusal } from './refusals.js'

const manifest = `services:
  web: { build: ./web, command: serve }
  api: { build: ./api, command: serve }
  calls: { build: ./calls, command: serve, protocol: grpc }
  queue: { build: ./queue, command: serve, protocol: none }
gateway:
  route_files: [routes.yaml]
`

const read = (text: string) => readFrom(manifest, { files: { '/app/routes.yaml': text } })

function routesOf(text: string): readonly RouteSpec[] {
  return appOf(manifest, { files: { '/app/routes.yaml': text } }).gateway.routes ?? []
}

function mistakesOf(text: string): string[] {
  const result = read(text)
  return result.kind === 'mistaken'
    ? result.diagnostics.map(
        ({ line, path, message, hint }) => `${line} ${path}: ${message}${hint ? ` (${hint})` : ''}`,
      )
    : []
}

/** A document whose spec is the given text, indented by two. */
const http = (spec: string, name = 'shop'): string =>
  `apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata:\n  name: ${name}\nspec:\n${spec}`
const grpc = (spec: string): string =>
  `apiVersion: gateway.networking.k8s.io/v1\nkind: GRPCRoute\nmetadata: { name: calls }\nspec:\n${spec}`
const rule = (text: string): string => http(`  rules:\n  - ${text}`)
const toWeb = 'backendRefs: [{ name: web, port: 80 }]'

const everyPath = { path: { type: 'prefix', value: '/' }, method: null, headers: [], query: [] }

describe('an HTTPRoute', () => {
  it('becomes a route a rule, unmodified', () => {
    const text = `# our routes
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: shop
  namespace: store
  labels: { x-team: shop }
  annotations: { note: "costs $5 and \${NOTHING}" }
spec:
  parentRefs:
  - name: internet
    namespace: infra
  hostnames: ["shop.example", "*.shop.example"]
  rules:
  - matches:
    - path: { type: PathPrefix, value: /cart/ }
      headers: [{ name: X-Version, value: two }, { name: x-version, value: three }]
      queryParams: [{ type: Exact, name: Beta, value: "1" }]
      method: GET
    - path: { type: Exact, value: /basket }
    filters:
    - type: RequestHeaderModifier
      requestHeaderModifier:
        set: [{ name: X-A, value: a }]
        add: [{ name: X-B, value: b }, { name: x-b, value: c }]
        remove: [X-C]
    - type: ResponseHeaderModifier
      responseHeaderModifier: { set: [{ name: X-D, value: "$5" }] }
    backendRefs:
    - { name: web, port: 8080, weight: 90 }
    - { name: api, port: 8080, weight: 10 }
    timeouts: { request: 10s, backendRequest: 1s500ms }
  - backendRefs: [{ group: "", kind: Service, name: web, namespace: store, port: 80 }]
status: { parents: [] }
`
    expect(routesOf(text)).toEqual([
      {
        name: 'httproute/store/shop/00',
        hosts: ['shop.example', '*.shop.example'],
        matches: [
          {
            path: { type: 'prefix', value: '/cart' },
            method: 'GET',
            headers: [{ name: 'x-version', type: 'exact', value: 'two' }],
            query: [{ name: 'Beta', type: 'exact', value: '1' }],
          },
          { ...everyPath, path: { type: 'exact', value: '/basket' } },
        ],
        filters: [
          { type: 'requestHeaders', set: { 'x-a': 'a' }, add: { 'x-b': 'b' }, remove: ['x-c'] },
          { type: 'responseHeaders', set: { 'x-d': '$5' }, add: {}, remove: [] },
        ],
        backends: [
          { service: 'web', weight: 90 },
          { service: 'api', weight: 10 },
        ],
        timeouts: { requestMs: 10_000, backendRequestMs: 1_500 },
      },
      {
        name: 'httproute/store/shop/01',
        hosts: ['shop.example', '*.shop.example'],
        matches: [everyPath],
        filters: [],
        backends: [{ service: 'web', weight: 1 }],
        timeouts: { requestMs: null, backendRequestMs: null },
      },
    ])
  })

  it.each([
    [
      'RequestRedirect, requestRedirect: { scheme: https, hostname: new.example, port: 8443, statusCode: 301, path: { type: ReplaceFullPath, replaceFullPath: /x } }',
      '',
      {
        type: 'redirect',
        scheme: 'https',
        host: 'new.example',
        port: 8443,
        path: { type: 'full', value: '/x' },
        status: 301,
      },
    ],
    [
      'RequestRedirect, requestRedirect: { path: { type: ReplacePrefixMatch, replacePrefixMatch: "" } }',
      '',
      { type: 'redirect', scheme: null, host: null, port: null, path: { type: 'prefix', value: '/' }, status: 302 },
    ],
    [
      'URLRewrite, urlRewrite: { hostname: in.example, path: { type: ReplacePrefixMatch, replacePrefixMatch: /v2 } }',
      toWeb,
      { type: 'rewrite', host: 'in.example', path: { type: 'prefix', value: '/v2' } },
    ],
  ])('has a filter { type: %s }', (filter, backends, expected) => {
    const text = `matches: [{ path: { value: /a } }]\n    filters: [{ type: ${filter} }]\n    ${backends}`
    expect(routesOf(rule(text))[0]?.filters).toEqual([expected])
  })

  it.each([
    ['', 100],
    [', percent: 5', 5],
    [', fraction: { numerator: 1, denominator: 8 }', 12.5],
  ])('mirrors%s', (share, percent) => {
    const filter = `{ type: RequestMirror, requestMirror: { backendRef: { name: api, port: 80 }${share} } }`
    expect(routesOf(rule(`filters: [${filter}]\n    ${toWeb}`))[0]?.mirror).toEqual({
      service: 'api',
      percent,
      maxBodyBytes: 65_536,
    })
  })

  it('adds up the weights of one service, and turns timeouts of 0s off', () => {
    const text = `backendRefs: [{ name: web, weight: 1 }, { name: web }]\n    timeouts: { request: 0s, backendRequest: 0ms }`
    const [route] = routesOf(rule(text))
    expect(route?.backends).toEqual([{ service: 'web', weight: 2 }])
    expect(route?.timeouts).toEqual({ requestMs: 0, backendRequestMs: null })
  })
})

describe('a GRPCRoute', () => {
  it.each([
    ['{ service: a.B, method: C }', { type: 'exact', value: '/a.B/C' }],
    ['{ type: Exact, service: a.B }', { type: 'pattern', value: '/a.B/{method}' }],
    ['{ method: C }', { type: 'pattern', value: '/{service}/C' }],
  ])('matches calls of %s', (method, path) => {
    const text = `  rules:\n  - matches: [{ method: ${method}, headers: [{ name: Tenant, value: x }] }]\n    backendRefs: [{ name: calls }]`
    expect(routesOf(grpc(text))).toMatchObject([
      {
        name: 'grpcroute/default/calls/00',
        matches: [
          {
            path,
            method: 'POST',
            headers: [
              { name: 'content-type', type: 'prefix', value: 'application/grpc' },
              { name: 'tenant', type: 'exact', value: 'x' },
            ],
          },
        ],
      },
    ])
  })

  it('without matches takes every call, and nothing that is none', () => {
    const [route] = routesOf(grpc('  rules:\n  - backendRefs: [{ name: calls }]'))
    expect(route?.matches).toEqual([
      {
        path: { type: 'prefix', value: '/' },
        method: 'POST',
        headers: [{ name: 'content-type', type: 'prefix', value: 'application/grpc' }],
        query: [],
      },
    ])
  })
})

describe('route files', () => {
  it('hold several documents, whose mistakes have the lines of the file', () => {
    const text = `---\n${rule(toWeb)}\n---\n# nothing\n---\n${http('  rules:\n  - backendRefs: [{ name: wep }]', 'other')}\n...\n`
    const line = text.split('\n').findIndex((row) => row.includes('wep')) + 1
    expect(mistakesOf(text)).toEqual([
      `${line} spec.rules[0].backendRefs[0].name: there is no service "wep" in the manifest (did you mean "web"?)`,
    ])
  })

  it('are part of what the gateway serves, and of a rendered manifest', () => {
    const files = { '/app/routes.yaml': rule(toWeb) }
    const app = appOf(manifest, { files })
    expect(appOf(renderConfig(app), { files }).gateway).toEqual(app.gateway)
    const local = { accessLog: '', localCertificate: { cert: '', key: '' } }
    expect(gatewayConfigOf(app, new Map(), local).routes.map(({ name }) => name)).toEqual(['httproute/default/shop/00'])
  })

  it.each([
    [
      'kind: Gateway',
      '1 kind: expected a document of kind HTTPRoute or GRPCRoute, got "Gateway" (give only those files that hold routes; gateway and services are in the manifest)',
    ],
    [
      rule(toWeb).replace('/v1\n', '/v1beta1\n'),
      '1 apiVersion: expected gateway.networking.k8s.io/v1, got "gateway.networking.k8s.io/v1beta1"',
    ],
    ['', '7 gateway.route_files[0]: there is no document in it'],
    [rule('bakendRefs: []'), '7 spec.rules[0].bakendRefs: unknown key "bakendRefs" (did you mean "backendRefs"?)'],
    [
      rule('matches: []'),
      '7 spec.rules[0]: a rule without backendRefs would answer every request with 500 (name a service, or redirect)',
    ],
    [
      rule('backendRefs: [{ name: web, weight: 0 }]'),
      '7 spec.rules[0].backendRefs: every weight is 0, so nothing would be answered',
    ],
    [
      rule('backendRefs: [{ name: queue }]'),
      '7 spec.rules[0].backendRefs[0].name: the service "queue" has protocol none, and routes carry HTTP',
    ],
    [
      grpc('  rules:\n  - backendRefs: [{ name: web }]'),
      '6 spec.rules[0].backendRefs[0].name: the service "web" has protocol http, and a GRPCRoute leads to services of gRPC (write "protocol: grpc" for the service)',
    ],
    [
      rule(`matches: [{ path: { value: a } }]\n    ${toWeb}`),
      '7 spec.rules[0].matches[0].path.value: a path begins with a slash: "/a"',
    ],
    [
      rule(`matches: [{ path: { value: /a/../b } }]\n    ${toWeb}`),
      '7 spec.rules[0].matches[0].path.value: a path has no . and .. segments',
    ],
    [
      rule(`timeouts: { request: 1s, backendRequest: 2s }\n    ${toWeb}`),
      '7 spec.rules[0].timeouts.backendRequest: backendRequest is longer than request, which holds it',
    ],
    [
      rule(`timeouts: { request: 1d }\n    ${toWeb}`),
      '7 spec.rules[0].timeouts.request: expected a duration such as 10s, 1m30s or 500ms (GEP-2257)',
    ],
    [
      rule(`filters: [{ type: URLRewrite }]\n    ${toWeb}`),
      '7 spec.rules[0].filters[0]: a filter of type URLRewrite needs urlRewrite',
    ],
    [
      rule(
        `filters: [{ type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: Host, value: x }] } }]\n    ${toWeb}`,
      ),
      '7 spec.rules[0].filters[0].requestHeaderModifier.set[0].name: the header "Host" cannot be edited (a rewrite sets the host)',
    ],
    [
      rule(
        `matches: [{ path: { type: Exact, value: /a } }]\n    filters: [{ type: URLRewrite, urlRewrite: { path: { type: ReplacePrefixMatch, replacePrefixMatch: / } } }]\n    ${toWeb}`,
      ),
      '8 spec.rules[0].filters[0].urlRewrite.path.type: ReplacePrefixMatch needs a rule with one match, of a PathPrefix',
    ],
    [
      rule(`filters: [{ type: RequestRedirect, requestRedirect: {} }]\n    ${toWeb}`),
      '8 spec.rules[0].backendRefs: a rule with a redirect sends nothing to a service',
    ],
    [`${rule(toWeb)}\n---\n${rule(toWeb)}`, '12 metadata.name: the HTTPRoute "shop" is at /app/routes.yaml:4 already'],
    [http(`  hostnames: ["10.0.0.1"]\n  rules:\n  - ${toWeb}`), '6 spec.hostnames[0]: a host name is no address'],
  ])('with %j have a mistake', (text, expected) => {
    expect(mistakesOf(text)).toEqual([expected])
  })

  it('that are missing are a mistake of the manifest', () => {
    const result = readFrom(manifest, {})
    expect(result).toMatchObject({ diagnostics: [{ line: 7, message: 'there is no file "/app/routes.yaml"' }] })
  })
})

const filter = (text: string): string => rule(`filters: [${text}]\n    ${toWeb}`)
const mirror = '{ type: RequestMirror, requestMirror: { backendRef: { name: api } } }'

/** A document that asks for each thing that is refused, and only for that. */
const asking: Readonly<Record<Refusal, string>> = {
  'parentRefs.sectionName': http(`  parentRefs: [{ name: g, sectionName: http }]\n  rules:\n  - ${toWeb}`),
  'parentRefs.port': http(`  parentRefs: [{ name: g, port: 80 }]\n  rules:\n  - ${toWeb}`),
  'path RegularExpression': rule(`matches: [{ path: { type: RegularExpression, value: "/a.*" } }]\n    ${toWeb}`),
  'headers RegularExpression': rule(
    `matches: [{ headers: [{ type: RegularExpression, name: a, value: b }] }]\n    ${toWeb}`,
  ),
  'queryParams RegularExpression': rule(
    `matches: [{ queryParams: [{ type: RegularExpression, name: a, value: b }] }]\n    ${toWeb}`,
  ),
  'method RegularExpression': grpc(
    '  rules:\n  - matches: [{ method: { type: RegularExpression, service: a } }]\n    backendRefs: [{ name: calls }]',
  ),
  'filter ExtensionRef': filter('{ type: ExtensionRef, extensionRef: { group: a, kind: B, name: c } }'),
  'filter CORS': filter('{ type: CORS, cors: { allowOrigins: ["*"] } }'),
  'filter ExternalAuth': filter('{ type: ExternalAuth, externalAuth: { protocol: HTTP } }'),
  'RequestMirror in a GRPCRoute': grpc(`  rules:\n  - filters: [${mirror}]\n    backendRefs: [{ name: calls }]`),
  'a second RequestMirror': filter(`${mirror}, ${mirror}`),
  'backendRefs.filters': rule('backendRefs: [{ name: web, filters: [] }]'),
  'backendRefs.namespace': rule('backendRefs: [{ name: web, namespace: elsewhere }]'),
  'a kind of backend other than Service': rule('backendRefs: [{ kind: Bucket, name: web }]'),
  retry: rule(`retry: { attempts: 2 }\n    ${toWeb}`),
  sessionPersistence: rule(`sessionPersistence: { type: Cookie }\n    ${toWeb}`),
  useDefaultGateways: http(`  useDefaultGateways: All\n  rules:\n  - ${toWeb}`),
}

describe('what is not supported', () => {
  it.each(Object.entries(asking))('%s is refused by name, with its line and what to do', (name, text) => {
    const expected = `${name} is not supported (${refusals[name as Refusal]})`
    expect(mistakesOf(text).map((mistake) => mistake.replace(/^\d+ [^ ]+: /, ''))).toEqual([expected])
  })
})
