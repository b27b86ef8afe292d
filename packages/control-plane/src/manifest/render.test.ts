import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { renderConfig } from './render.js'
import { appOf, readFrom } from './reading.suite.js'

it('shows every default', () => {
  expect(renderConfig(appOf('services:\n  a: { command: "x $PORT" }\n'))).toBe(`name: app
services:
  a:
    build:
      context: /app
      kind: none
      snapshot: false
    command: x $PORT
    working_dir: /app
    environment: {}
    protocol: http
    routes: []
    depends_on: {}
    healthcheck:
      tcp: true
      interval: 2s
      timeout: 2s
      rise: 1
      fall: 3
      startup: 1m
    replicas: 1
    restart: always
    resources: {}
    balancer: round_robin
    stop_signal: SIGTERM
    stop_grace_period: 10s
    drain_timeout: 30s
    rollout:
      strategy: rolling
      order: start-first
      max_surge: 1
      max_unavailable: 0
      min_healthy_time: 3s
      progress_deadline: 50s
      min_requests: 20
      max_error_increase: 1
      max_p99_ratio: 3
      auto_promote: true
    logs:
      max_size: 10M
      max_files: 5
gateway:
  host: 127.0.0.1
  port: 8080
  access_log: false
  limits:
    max_target: 8K
    max_head: 32K
    max_headers: 100
    max_body: 100M
    head_timeout: 10s
    keep_alive_timeout: 1m5s
    idle_timeout: 1m
    request_timeout: "0"
    connect_timeout: 2s
    max_connections: 10000
    max_connections_per_endpoint: 1024
    max_pending: 1024
    pending_timeout: 5s
    max_retries: 2
api:
  host: 127.0.0.1
  port: 7700
`)
})

it('hides what is secret unless it is asked for', () => {
  const app = appOf(
    'services:\n  a: { command: x, environment: { API_KEY: k, db_password: p, AUTH_TOKEN: t, MODE: m } }\n',
  )
  const hidden = renderConfig(app)
  expect(hidden).toContain('API_KEY: "****"')
  expect(hidden).toContain('db_password: "****"')
  expect(hidden).toContain('AUTH_TOKEN: "****"')
  expect(hidden).toContain('MODE: m')
  expect(renderConfig(app, { showSecrets: true })).toContain('db_password: p')
})

it('shows how an image is built so that it reads the same, but for what is secret', () => {
  const app = appOf(
    'services:\n  a: { build: { dockerfile: d/$$x, args: { A: $$1, API_KEY: hush }, target: run }, routes: [/a] }\n',
  )
  expect(renderConfig(app)).toContain('API_KEY: "****"')
  expect(renderConfig(app)).not.toContain('hush')
  const again = appOf(renderConfig(app, { showSecrets: true }))
  expect(again.services['a']?.revision.build).toEqual(app.services['a']?.revision.build)
  expect(again.services['a']?.revision.build).toMatchObject({ dockerfile: 'd/$x', args: { A: '$1' }, target: 'run' })
})

const some = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
/** Text with all that YAML, the shell and the variables take for their own. */
const text = fc
  .array(
    fc.constantFrom(
      '$',
      '{',
      '}',
      'NAME',
      'PORT',
      ':',
      '#',
      ' ',
      '"',
      "'",
      '\\',
      '\n',
      '-',
      'é',
      '日',
      '*',
      '&',
      '%',
      '|',
      'null',
      '1.10',
    ),
    { minLength: 1, maxLength: 8 },
  )
  .map((parts) => parts.join(''))
const visible = text.filter((word) => word.trim() !== '')
const duration = fc.integer({ min: 100, max: 10_000_000 }).map((ms) => `${ms}ms`)
const command = fc.oneof(visible, fc.array(text, { minLength: 1, maxLength: 3 }))
/** Text is escaped as its writer would have to: here every dollar sign stands for itself. */
const escaped = (value: unknown): unknown => {
  if (typeof value === 'string') return value.replaceAll('$', '$$$$')
  if (Array.isArray(value)) return value.map(escaped)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, escaped(inner)]))
}
const defined = (value: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined))

const valueMatch = fc.oneof(visible, fc.record({ prefix: visible }), fc.constant({ present: true }))
const match = fc
  .record({
    path: some(fc.constantFrom('/', '/a', '/a/b/', { exact: '/x' }, { prefix: '/p$q' }, { pattern: '/u/{id}' })),
    method: some(fc.constantFrom('GET', 'post')),
    headers: some(fc.dictionary(fc.constantFrom('x-a', 'X-B'), valueMatch)),
    query: some(fc.dictionary(fc.constantFrom('q', 'R', 'x-s'), valueMatch)),
  })
  .map(defined)
const oneLine = visible.map((word) => word.replaceAll('\n', ' '))
const edit = fc.record({
  set: fc.dictionary(fc.constantFrom('x-set', 'via'), oneLine),
  remove: fc.subarray(['cookie', 'x-y']),
})
const route = (index: number) =>
  fc
    .record({
      // A host of its own keeps the route apart from all others.
      hosts: fc.constant([`r${index}.example.org`]),
      matches: some(fc.uniqueArray(match, { minLength: 1, maxLength: 3, selector: (value) => JSON.stringify(value) })),
      request_headers: some(edit),
      response_headers: some(edit),
      rewrite: some(fc.record({ host: fc.constant('inner'), path: fc.constant('/new$') })),
      timeouts: some(fc.record({ request: duration, backend_request: duration })),
    })
    .map(defined)
const service = (index: number) =>
  fc
    .record({
      build: some(fc.constantFrom('./a', { context: './b', kind: 'python', command: 'make $X' })),
      command,
      working_dir: some(fc.constantFrom('.', 'run', '/abs$olute')),
      environment: some(fc.dictionary(fc.constantFrom('A', 'B_C', 'x-d', 'E.F'), text)),
      protocol: some(fc.constantFrom('http', 'grpc')),
      routes: some(fc.tuple(route(index * 2), route(index * 2 + 1))),
      healthcheck: some(
        fc.oneof(
          fc.constantFrom<unknown>(
            '/healthz',
            { grpc: true },
            { grpc: 'a.B' },
            { tcp: true, fall: 5 },
            { disable: true },
          ),
          fc.record({ command, interval: duration, timeout: duration, startup: duration }),
        ),
      ),
      replicas: some(fc.integer({ min: 0, max: 100 })),
      restart: some(fc.constantFrom('no', 'always', 'on-failure', 'unless-stopped')),
      resources: some(
        fc.record({ memory: fc.integer({ min: 1_048_576, max: 2 ** 40 }), cpus: fc.constantFrom(0.25, 2) }),
      ),
      stop_signal: some(fc.constantFrom('SIGINT', 'SIGQUIT')),
      drain_timeout: some(duration),
      logs: some(
        fc.record({ max_size: fc.integer({ min: 1024, max: 2 ** 31 }), max_files: fc.integer({ min: 1, max: 100 }) }),
      ),
    })
    .map(defined)

describe('what is rendered', () => {
  it('means the same when it is read again', () => {
    fc.assert(
      fc.property(fc.tuple(service(0), service(1)), fc.boolean(), ([first, second], isDepending) => {
        const manifest = {
          services: { first, second: { ...second, ...(isDepending ? { depends_on: ['first'] } : {}) } },
          gateway: { workers: 2, limits: { max_body: '3M' } },
        }
        const result = readFrom(stringify(escaped(manifest)))
        if (result.kind !== 'read') throw new Error(`not read: ${JSON.stringify(result.diagnostics)}`)
        const rendered = renderConfig(result.app, { showSecrets: true })
        expect(appOf(rendered)).toEqual(result.app)
      }),
      { numRuns: 40 },
    )
  }, 120_000)
})
