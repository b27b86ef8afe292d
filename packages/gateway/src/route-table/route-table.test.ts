import type { Endpoint, GatewayConfig, GatewayLimits, RouteMatch, RouteSpec, RoutingTable } from '@pando/model'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RequestView } from '../http1/request-view.js'
import { compileTable } from './compile.js'
import { redirectLocation, writeEditedPath } from './rewrite.js'

function route(name: string, options: Partial<RouteSpec> & { paths?: readonly RouteMatch['path'][] } = {}): RouteSpec {
  const { paths = [{ type: 'prefix', value: '/' }], ...rest } = options
  return {
    name,
    hosts: [],
    matches: paths.map((path) => ({ path, method: null, headers: [], query: [] })),
    filters: [],
    backends: [{ service: 'users', weight: 1 }],
    timeouts: { requestMs: null, backendRequestMs: null },
    ...rest,
  }
}

const exact = (value: string) => ({ type: 'exact', value }) as const
const prefix = (value: string) => ({ type: 'prefix', value }) as const
const pattern = (value: string) => ({ type: 'pattern', value }) as const

function config(routes: readonly RouteSpec[]): GatewayConfig {
  return {
    app: 'shop',
    listeners: [
      { kind: 'edge', name: 'edge', address: { host: '127.0.0.1', port: 0 } },
      { kind: 'mesh', name: 'mesh/users', address: { host: '127.0.0.1', port: 0 }, service: 'users' },
    ],
    routes,
    services: [{ name: 'users', protocol: 'http', balancer: 'round_robin' }],
    limits: {} as GatewayLimits,
    accessLog: null,
  }
}

function table(routes: readonly RouteSpec[], endpoints: readonly Endpoint[] = []): RoutingTable {
  return { epoch: 'e', version: 1, config: config(routes), endpoints }
}

function view(
  path: string,
  options: { method?: string; host?: string; query?: string; headers?: [string, string][] } = {},
): RequestView {
  const { method = 'GET', host = 'example.org', query = '', headers = [] } = options
  let text = method
  const put = (part: string) => {
    const start = text.length
    text += part
    return [start, text.length] as const
  }
  const [queryStart, queryEnd] = put(query)
  const [hostStart, hostEnd] = put(host)
  const ranges = headers.flatMap(([name, value]) => [...put(name), ...put(value)])
  return {
    bytes: Buffer.from(text, 'latin1'),
    methodStart: 0,
    methodEnd: method.length,
    path: Buffer.from(`${path}garbage`, 'latin1'),
    pathLength: path.length,
    queryStart,
    queryEnd,
    hostStart,
    hostEnd,
    headerCount: headers.length,
    headers: Int32Array.from(ranges),
  }
}

const at = (name: string, rest: Partial<RouteMatch>): RouteSpec =>
  route(name, { matches: [{ path: prefix('/x'), method: null, headers: [], query: [], ...rest }] })

const edited = (filters: RouteSpec['filters']) => {
  const compiled = compileTable(table([route('r', { paths: [prefix('/api')], filters })]), null)
  const found = compiled.matchEdge(view('/api/x'))
  if (found === null) throw new Error('no route')
  return { route: found, problems: compiled.problems }
}

const drops = (edit: { drops(bytes: Uint8Array, start: number, end: number): boolean }, name: string) =>
  edit.drops(Buffer.from(`__${name}__`), 2, 2 + name.length)

const endpoint = (id: string, port: number, rest: Partial<Endpoint> = {}): Endpoint => ({
  id,
  service: 'users',
  address: { host: '127.0.0.1', port },
  state: 'healthy',
  revision: null,
  weight: 100,
  metadata: {},
  source: 'pando',
  ...rest,
})

const only = (method: string) => route(method, { matches: [{ path: prefix('/x'), method, headers: [], query: [] }] })

const segments = (value: string) => value.split('/').slice(1)

const rewritten = (type: 'prefix' | 'full', value: string, path: string) => {
  const { route: found } = edited([{ type: 'rewrite', host: null, path: { type, value } }])
  const edit = found.rewrite?.path
  if (edit === undefined || edit === null) throw new Error('no rewrite')
  const out = Buffer.alloc(100)
  const bytes = Buffer.from(path)
  return out.subarray(0, writeEditedPath(edit, found.prefixLength, bytes, bytes.length, out, 0)).toString()
}

function matcher(routes: readonly RouteSpec[]) {
  const compiled = compileTable(table(routes), null)
  expect(compiled.problems).toEqual([])
  return (path: string, options?: Parameters<typeof view>[1]) => compiled.matchEdge(view(path, options))?.name ?? null
}

describe('matchEdge by path', () => {
  it('takes a prefix as whole segments', () => {
    const match = matcher([route('users', { paths: [prefix('/users')] })])
    expect(match('/users')).toBe('users')
    expect(match('/users/')).toBe('users')
    expect(match('/users/1/2')).toBe('users')
    expect(match('/usersX')).toBeNull()
    expect(match('/user')).toBeNull()
    expect(match('/')).toBeNull()
  })

  it('ignores the last slash of a prefix', () => {
    const match = matcher([route('users', { paths: [prefix('/users/')] })])
    expect(match('/users')).toBe('users')
    expect(match('/users/1')).toBe('users')
  })

  it('prefers exact to the longest prefix to a shorter one', () => {
    const match = matcher([
      route('root', { paths: [prefix('/')] }),
      route('a', { paths: [prefix('/a')] }),
      route('ab', { paths: [prefix('/a/b')] }),
      route('exact', { paths: [exact('/a/b/c')] }),
      route('slash', { paths: [exact('/')] }),
    ])
    expect(match('/a/b/c')).toBe('exact')
    expect(match('/a/b/c/')).toBe('ab')
    expect(match('/a/b')).toBe('ab')
    expect(match('/a/x')).toBe('a')
    expect(match('/x')).toBe('root')
    expect(match('/')).toBe('slash')
  })

  it('takes variables for one segment and the rest', () => {
    const match = matcher([
      route('user', { paths: [pattern('/users/{id}')] }),
      route('me', { paths: [pattern('/users/me')] }),
      route('orders', { paths: [pattern('/users/{id}/orders')] }),
      route('files', { paths: [pattern('/files/{path...}')] }),
    ])
    expect(match('/users/1')).toBe('user')
    expect(match('/users/me')).toBe('me')
    expect(match('/users/')).toBeNull()
    expect(match('/users/1/')).toBeNull()
    expect(match('/users/me/orders')).toBe('orders')
    expect(match('/files/')).toBe('files')
    expect(match('/files/a/b')).toBe('files')
    expect(match('/files')).toBeNull()
  })

  it('compares in the normal form', () => {
    const match = matcher([route('cafe', { paths: [prefix('/café/%7Ea')] })])
    expect(match('/caf%C3%A9/~a')).toBe('cafe')
  })

  it('leaves out what can match nothing, and says so', () => {
    const compiled = compileTable(
      table([route('bad', { paths: [pattern('/a{b}'), prefix('/..'), pattern('/{a...}/b'), prefix('/ok')] })]),
      null,
    )
    expect(compiled.problems).toHaveLength(3)
    expect(compiled.problems[0]).toContain('route bad')
    expect(compiled.matchEdge(view('/ok'))?.name).toBe('bad')
  })
})

describe('a route of the wrong shape', () => {
  it('costs itself only', () => {
    const broken = { ...route('broken'), matches: [{ path: { type: 'prefix' } }] } as unknown as RouteSpec
    const compiled = compileTable(table([broken, route('sound')]), null)
    expect(compiled.problems).toEqual([expect.stringContaining('route broken: it could not be compiled')])
    expect(compiled.matchEdge(view('/'))?.name).toBe('sound')
  })
})

describe('isAmbiguous', () => {
  const compiled = compileTable(
    table([
      route('site', { paths: [prefix('/')] }),
      route('admin', { paths: [prefix('/admin')] }),
      route('health', { paths: [exact('/health')] }),
      route('matrix', { paths: [prefix('/admin;v=2')] }),
    ]),
    null,
  )
  const judged = (path: string): string => {
    const found = compiled.matchEdge(view(path))
    if (found === null) throw new Error('no route')
    return `${found.name}${compiled.isAmbiguous(view(path), found) ? ', and yet another' : ''}`
  }

  it.each([
    ['/admin;x', 'site, and yet another'],
    ['/admin;a=b/users', 'site, and yet another'],
    ['/;x/admin', 'site, and yet another'],
    ['/health;jsessionid=1', 'site, and yet another'],
    ['/admin/users;x', 'admin'],
    ['/heroes;id=1/pages', 'site'],
    ['/admin;v=2/users', 'matrix'],
    ['/adminX', 'site'],
  ])('of %s, which is of %s', (path, expected) => {
    expect(judged(path)).toBe(expected)
  })
})

describe('matchEdge by host', () => {
  const match = matcher([
    route('any', {}),
    route('exact', { hosts: ['shop.example.org'], paths: [prefix('/a')] }),
    route('wild', { hosts: ['*.example.org'], paths: [prefix('/a'), prefix('/b')] }),
    route('deep', { hosts: ['*.eu.example.org'], paths: [prefix('/a')] }),
  ])

  it('prefers the exact host, then the longest wildcard, then none', () => {
    expect(match('/a', { host: 'shop.example.org' })).toBe('exact')
    expect(match('/a', { host: 'x.eu.example.org' })).toBe('deep')
    expect(match('/a', { host: 'x.y.eu.example.org' })).toBe('deep')
    expect(match('/a', { host: 'eu.example.org' })).toBe('wild')
    expect(match('/a', { host: 'example.org' })).toBe('any')
    expect(match('/a', { host: '.example.org' })).toBe('any')
    expect(match('/a', { host: '' })).toBe('any')
  })

  it('goes on with the less specific host when the path is in none of its routes', () => {
    expect(match('/b', { host: 'shop.example.org' })).toBe('wild')
    expect(match('/c', { host: 'shop.example.org' })).toBe('any')
  })

  it('takes no notice of case and of a last dot', () => {
    expect(match('/a', { host: 'SHOP.Example.ORG.' })).toBe('exact')
  })

  it('survives hosts of any length', () => {
    expect(match('/a', { host: 'a.'.repeat(300) })).toBe('any')
    expect(match('/a', { host: `${'a.'.repeat(100)}example.org` })).toBe('wild')
  })
})

describe('matchEdge by method, headers and query', () => {
  const routes = [
    at('plain', {}),
    at('post', { method: 'POST' }),
    at('canary', { headers: [{ name: 'x-canary', type: 'exact', value: 'yes' }] }),
    at('two', {
      headers: [
        { name: 'x-canary', type: 'present' },
        { name: 'x-team', type: 'prefix', value: 're' },
      ],
    }),
    at('query', { query: [{ name: 'q', type: 'exact', value: 'a b' }] }),
  ]

  it('prefers the method, then more headers, then more query', () => {
    const match = matcher(routes)
    expect(match('/x')).toBe('plain')
    expect(match('/x', { method: 'POST', headers: [['X-Canary', 'yes']] })).toBe('post')
    expect(match('/x', { headers: [['X-Canary', 'yes']] })).toBe('canary')
    expect(match('/x', { headers: [['X-Canary', 'yess']] })).toBe('plain')
    expect(
      match('/x', {
        headers: [
          ['X-CANARY', 'no'],
          ['X-Team', 'red'],
        ],
      }),
    ).toBe('two')
    expect(
      match('/x', {
        headers: [
          ['x-canary', 'no'],
          ['x-canary', 'yes'],
        ],
      }),
    ).toBe('canary')
  })

  it('reads the query as form fields, the first of a name deciding', () => {
    const match = matcher(routes)
    expect(match('/x', { query: 'q=a+b' })).toBe('query')
    expect(match('/x', { query: 'z=1&%71=a%20b' })).toBe('query')
    expect(match('/x', { query: 'q=a&q=a+b' })).toBe('plain')
    expect(match('/x', { query: 'q' })).toBe('plain')
    expect(match('/x', { query: 'q=a%2' })).toBe('plain')
  })

  it('orders equals by name', () => {
    expect(matcher([route('b'), route('a')])('/x')).toBe('a')
  })

  it('tells a method that is not allowed from a path that is not there', () => {
    const compiled = compileTable(table([only('PUT'), only('GET')]), null)
    expect(compiled.matchEdge(view('/x/1', { method: 'DELETE' }))).toBeNull()
    expect(compiled.allowedMethods(view('/x/1', { method: 'DELETE' }))).toBe('GET, PUT')
    expect(compiled.allowedMethods(view('/y', { method: 'DELETE' }))).toBeNull()
  })
})

/** The same rules once more, slowly and by regular expressions: every route in order of precedence, the first that matches. */
function slowMatch(routes: readonly RouteSpec[], path: string): string | null {
  const entries = routes.flatMap((spec) =>
    spec.matches.map(({ path: { type, value } }) => {
      const own = type === 'prefix' ? segments(value.replace(/\/$/, '')) : segments(value)
      const isRest = own.at(-1)?.endsWith('...}') ?? false
      const fixed = isRest ? own.slice(0, -1) : own
      const body = fixed.map((part) => (part.startsWith('{') ? '/[^/]+' : `/${part.replaceAll('.', '\\.')}`)).join('')
      const tail = type === 'prefix' ? '(/.*)?' : isRest ? '/.*' : ''
      const kinds = fixed.map((part) => (part.startsWith('{') ? '1' : '0')).join('')
      const tailRank = type === 'prefix' ? 2 : isRest ? 1 : 0
      return {
        name: spec.name,
        test: new RegExp(`^${body}${tail}$`),
        key: `${type === 'exact' ? 0 : 1} ${String(99 - fixed.length)} ${kinds} ${tailRank} ${spec.name}`,
      }
    }),
  )
  entries.sort((a, b) => (a.key < b.key ? -1 : 1))
  return entries.find((entry) => entry.test.test(path))?.name ?? null
}

describe('matchEdge', () => {
  const segment = fc.constantFrom('a', 'b', 'c.d')
  const value = fc.array(segment, { maxLength: 3 }).map((parts) => `/${parts.join('/')}`)
  const slashed = fc.tuple(value, fc.boolean()).map(([text, more]) => (more && text !== '/' ? `${text}/` : text))
  const variables = fc
    .tuple(fc.array(fc.oneof(segment, fc.constant('{v}')), { minLength: 1, maxLength: 3 }), fc.boolean())
    .map(([parts, hasRest]) => `/${[...parts, ...(hasRest ? ['{r...}'] : [])].join('/')}`)
  const anyPath = fc.oneof(slashed.map(exact), slashed.map(prefix), variables.map(pattern))

  it('finds what a scan of all routes in order of precedence finds', () => {
    fc.assert(
      fc.property(
        fc.array(anyPath, { maxLength: 12 }),
        fc.array(slashed, { minLength: 1, maxLength: 8 }),
        (paths, asked) => {
          const routes = paths.map((path, index) => route(`r${String(index).padStart(2, '0')}`, { paths: [path] }))
          const match = matcher(routes)
          for (const path of asked) expect(match(path)).toBe(slowMatch(routes, path))
        },
      ),
      { numRuns: 1_500 },
    )
  })

  it('finds each of 1,000 routes', () => {
    const routes = Array.from({ length: 1_000 }, (_, index) =>
      route(`r${index}`, { paths: [prefix(`/svc${index}/v1`)] }),
    )
    const match = matcher(routes)
    for (let index = 0; index < 1_000; index++) {
      expect(match(`/svc${index}/v1/things/7`)).toBe(`r${index}`)
      expect(match(`/svc${index}/v2`)).toBeNull()
    }
  })
})

describe('backends and mesh', () => {
  it('splits by weight', () => {
    const compiled = compileTable(
      table([
        route('split', {
          backends: [
            { service: 'a', weight: 1 },
            { service: 'off', weight: 0 },
            { service: 'b', weight: 3 },
          ],
        }),
      ]),
      null,
    )
    const found = compiled.matchEdge(view('/'))
    const at = (point: number) => found?.pickService(() => point)?.name
    expect([at(0), at(0.249), at(0.25), at(0.999)]).toEqual(['a', 'a', 'b', 'b'])
  })

  it('gives no service where no backend takes traffic', () => {
    const compiled = compileTable(table([route('off', { backends: [{ service: 'a', weight: 0 }] })]), null)
    expect(compiled.matchEdge(view('/'))?.pickService()).toBeNull()
  })

  it('sends a mesh listener to its service', () => {
    const compiled = compileTable(table([]), null)
    expect(compiled.mesh('mesh/users')?.pickService()).toBe(compiled.services.get('users'))
    expect(compiled.mesh('edge')).toBeNull()
  })
})

describe('filters', () => {
  it('compiles edits to names and lines', () => {
    const { route: found } = edited([
      { type: 'requestHeaders', set: { 'X-A': '1' }, add: { 'X-B': '2' }, remove: ['Cookie'] },
      { type: 'requestHeaders', set: {}, add: { 'x-b': '3' }, remove: ['x-a'] },
    ])
    const edit = found.requestEdit
    if (edit === null) throw new Error('no edit')
    expect(Buffer.from(edit.lines).toString()).toBe('X-B: 2\r\nx-b: 3\r\n')
    expect(drops(edit, 'COOKIE')).toBe(true)
    expect(drops(edit, 'x-A')).toBe(true)
    expect(drops(edit, 'x-b')).toBe(false)
    expect(found.responseEdit).toBeNull()
  })

  it('refuses edits that would break the message', () => {
    const { route: found, problems } = edited([
      {
        type: 'responseHeaders',
        set: { 'Content-Length': '3', 'X-Evil': 'a\r\nSet-Cookie: b', 'X Y': '1' },
        add: {},
        remove: ['Transfer-Encoding'],
      },
    ])
    expect(found.responseEdit).toBeNull()
    expect(problems).toHaveLength(4)
  })

  it.each([
    ['prefix', '/', '/api/x', '/x'],
    ['prefix', '', '/api/x', '/x'],
    ['prefix', '/', '/api', '/'],
    ['prefix', '/', '/api/', '/'],
    ['prefix', '/v1', '/api/x', '/v1/x'],
    ['prefix', '/v1/', '/api/x', '/v1/x'],
    ['prefix', '/v1', '/api/', '/v1/'],
    ['prefix', '/v1', '/api', '/v1'],
    ['full', '/fixed', '/api/x', '/fixed'],
  ] as const)('rewrites %s to %s: %s becomes %s', (type, value, path, expected) => {
    expect(rewritten(type, value, path)).toBe(expected)
  })

  it('builds the location of a redirect', () => {
    const { route: found } = edited([
      {
        type: 'redirect',
        scheme: 'https',
        host: null,
        port: null,
        path: { type: 'prefix', value: '/v2' },
        status: 308,
      },
    ])
    if (found.redirect === null) throw new Error('no redirect')
    const path = Buffer.from('/api/x')
    const request = { scheme: 'http', host: 'shop', port: 8080, path, pathLength: path.length, query: 'a=1' } as const
    expect(redirectLocation(found.redirect, found.prefixLength, request)).toBe('https://shop/v2/x?a=1')
    expect(redirectLocation({ ...found.redirect, scheme: null, path: null }, 0, request)).toBe(
      'http://shop:8080/api/x?a=1',
    )
    expect(redirectLocation({ ...found.redirect, port: 8443, host: 'x', path: null }, 0, request)).toBe(
      'https://x:8443/api/x?a=1',
    )
  })
})

describe('table swaps', () => {
  it('keeps endpoints whose id and address stay, and says which left with something in flight', () => {
    const first = compileTable(table([], [endpoint('a', 1), endpoint('b', 2), endpoint('c', 3)]), null)
    const a = first.endpoints.get('a')
    const b = first.endpoints.get('b')
    b?.acquire()
    let closed = 0
    if (b !== undefined) b.pool = { close: () => closed++ }
    const second = compileTable(table([], [endpoint('a', 1, { state: 'draining' }), endpoint('b', 9)]), first)
    expect(second.endpoints.get('a')).toBe(a)
    expect(a?.state).toBe('draining')
    expect(second.endpoints.get('b')).not.toBe(b)
    expect(second.departing).toEqual([b])
    expect(closed).toBe(1)
    expect(second.services.get('users')).toBe(first.services.get('users'))
    expect(b?.release()).toBe(true)
    expect(compileTable(second.table, second).departing).toEqual([])
  })

  it('keeps the index when only endpoints change', () => {
    const first = compileTable(table([route('r')], [endpoint('a', 1)]), null)
    const second = compileTable({ ...first.table, version: 2, endpoints: [] }, first)
    expect(second.index).toBe(first.index)
    expect(second.services.get('users')?.pick(null, 0)).toBeNull()
    expect(second.table.version).toBe(2)
  })

  it('leaves a service that is gone without endpoints', () => {
    const first = compileTable(
      table([route('r', { backends: [{ service: 'old', weight: 1 }] })], [endpoint('a', 1, { service: 'old' })]),
      null,
    )
    const old = first.services.get('old')
    expect(old?.hasEligible).toBe(true)
    compileTable(table([]), first)
    expect(old?.hasEligible).toBe(false)
  })

  it('counts on the same series after a swap', () => {
    const first = compileTable(table([route('r')]), null)
    first.matchEdge(view('/'))?.metrics.record(404, 0.1, 0, 10)
    const second = compileTable(table([route('r')]), first)
    second.matchEdge(view('/'))?.metrics.record(404, 0.1, 0, 10)
    const requests = second.metrics.snapshot().families.find((family) => family.name === 'pando_gateway_requests_total')
    expect(
      requests?.series.find((series) => series.labels.code_class === '4xx' && series.labels.route === 'r')?.values,
    ).toEqual([2])
  })
})
