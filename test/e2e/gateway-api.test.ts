import { writeFileSync } from 'node:fs'
import type { RouteStatus } from '@pando/model'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../support/condition.js'
import { TemporaryApp } from '../support/temporary-app.js'

const service = (name: string): string => `
  ${name}:
    build: ./echo
    command: exec node echo.mjs
    environment: { VERSION: ${name} }`

/** In the form of the specification's own examples. */
const documents = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: shop, namespace: store }
spec:
  parentRefs: [{ name: internet, namespace: infra }]
  hostnames: [shop.example]
  rules:
    - matches:
        - path: { type: Exact, value: /login }
      backendRefs: [{ name: red, port: 80 }]
    - matches:
        - path: { type: PathPrefix, value: /login }
      backendRefs: [{ name: green, port: 80 }]
    - matches:
        - path: { type: PathPrefix, value: /login }
          headers: [{ name: X-Version, value: two }]
      backendRefs: [{ name: blue, port: 80 }]
    - matches:
        - path: { type: PathPrefix, value: /find }
          queryParams: [{ name: by, value: name }]
          method: POST
      backendRefs: [{ name: blue, port: 80 }]
    - matches:
        - path: { type: PathPrefix, value: /old }
      filters:
        - type: RequestRedirect
          requestRedirect:
            path: { type: ReplacePrefixMatch, replacePrefixMatch: /new }
            statusCode: 301
    - matches:
        - path: { type: PathPrefix, value: /v1 }
      filters:
        - type: URLRewrite
          urlRewrite: { hostname: inner.example, path: { type: ReplacePrefixMatch, replacePrefixMatch: /api } }
        - type: RequestHeaderModifier
          requestHeaderModifier: { set: [{ name: X-Set, value: s }], add: [{ name: X-Add, value: a }], remove: [X-Gone] }
        - type: ResponseHeaderModifier
          responseHeaderModifier: { set: [{ name: X-Answer, value: yes }] }
      backendRefs: [{ name: red, port: 80 }]
    - matches:
        - path: { type: PathPrefix, value: /split }
      backendRefs:
        - { name: red, port: 80, weight: 3 }
        - { name: green, port: 80, weight: 1 }
        - { name: blue, port: 80, weight: 0 }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: rest }
spec:
  hostnames: ["*.example"]
  rules:
    - backendRefs: [{ name: green, port: 80 }]
`

let app: TemporaryApp

beforeAll(async () => {
  app = await TemporaryApp.create(service('red') + service('green') + service('blue'), {
    gateway: '  workers: 1\n  route_files: [routes.yaml]',
  })
  writeFileSync(app.file('routes.yaml'), documents)
  await app.up()
}, 120_000)

afterAll(() => app?.dispose(), 60_000)

interface Echo {
  readonly version: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

async function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Echo> {
  const { status, body } = await app.fetch(path, { headers: { host: 'shop.example', ...headers }, method })
  return status === 200 ? (JSON.parse(body) as Echo) : { version: String(status), url: '', headers: {} }
}

describe('documents of the Gateway API', () => {
  it.each([
    ['/login', {}, 'GET', 'red'],
    ['/login/again', {}, 'GET', 'green'],
    ['/login/again', { 'x-version': 'two' }, 'GET', 'blue'],
    ['/login', { 'x-version': 'two' }, 'GET', 'red'],
    // The wildcard of the other document takes what this host's own rules leave.
    ['/loginx', {}, 'GET', 'green'],
    ['/find?by=name', {}, 'POST', 'blue'],
    ['/find?by=age', {}, 'POST', 'green'],
    ['/find?by=name', {}, 'GET', 'green'],
    ['/anything', { host: 'other.example' }, 'GET', 'green'],
    ['/anything', { host: 'a.other.example' }, 'GET', 'green'],
    ['/anything', { host: 'elsewhere.test' }, 'GET', '404'],
  ])('%s with %j by %s goes to %s', async (path, headers, method, expected) => {
    expect((await ask(path, headers, method)).version).toBe(expected)
  })

  it('redirects, and keeps what is behind the prefix', async () => {
    const { status, headers } = await app.fetch('/old/a?b=c', { headers: { host: 'shop.example' } })
    expect([status, headers.location]).toEqual([301, 'http://shop.example/new/a?b=c'])
  })

  it('rewrites, and edits headers both ways', async () => {
    const answer = await app.fetch('/v1/users?x=1', { headers: { host: 'shop.example', 'x-gone': 'g', 'x-set': 'c' } })
    const seen = JSON.parse(answer.body) as Echo
    expect(seen.url).toBe('/api/users?x=1')
    expect(seen.headers).toMatchObject({ host: 'inner.example', 'x-set': 's', 'x-add': 'a' })
    expect(seen.headers['x-gone']).toBeUndefined()
    expect(answer.headers['x-answer']).toBe('yes')
  })

  it('shares requests out by weight', async () => {
    const counts = new Map<string, number>()
    for (let index = 0; index < 200; index++) {
      const { version } = await ask('/split')
      counts.set(version, (counts.get(version) ?? 0) + 1)
    }
    // 50 are expected; fewer than 20 or more than 85 come once in millions of runs.
    expect(counts.get('green')).toBeGreaterThan(20)
    expect(counts.get('green')).toBeLessThan(85)
    expect(counts.get('blue')).toBeUndefined()
    expect((counts.get('red') ?? 0) + (counts.get('green') ?? 0)).toBe(200)
  })

  it('need no encryption, of which pando cert has nothing to show', async () => {
    const { code, stderr } = await app.run('cert')
    expect(code).toBe(1)
    expect(stderr).toContain('gateway: { tls: true }')
  })

  it('are shown by pando routes, and read again by pando up', async () => {
    const shown = JSON.parse((await app.run('routes', '--json')).stdout) as RouteStatus[]
    expect(shown.map(({ route }) => route.name)).toContain('httproute/store/shop/06')
    expect((await app.service('blue')).routes).toContain('shop.example/find')
    writeFileSync(app.file('routes.yaml'), documents.replace('value: /find', 'value: /search'))
    await app.up()
    await until('the new rule serves', async () => (await ask('/search?by=name', {}, 'POST')).version === 'blue')
    writeFileSync(app.file('routes.yaml'), documents.replace('type: Exact', 'type: RegularExpression'))
    const { code, stderr } = await app.run('up', '-d')
    expect(code).toBe(2)
    expect(stderr).toMatch(
      /routes\.yaml:9:19 {2}spec\.rules\[0\]\.matches\[0\]\.path\.type: path RegularExpression is not supported/,
    )
  })
})
