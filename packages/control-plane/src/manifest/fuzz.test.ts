import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatDiagnostics } from './diagnostics.js'
import { expectPlacesInside, manifestPath, readFrom } from './reading.suite.js'

/** Whatever is written, the reader answers: with an app, or with mistakes whose places are inside the files. */
function expectAnswer(text: string): void {
  const files = { '/app/other.yaml': 'services:\n  other: { command: x }\n', '/app/a.env': 'A=1\nB=${NOPE}\n' }
  const result = readFrom(text, { files, variables: { NAME: 'value', EMPTY: '' }, folders: { '/app/nowhere': null } })
  const texts = { ...files, [manifestPath]: text }
  const diagnostics = result.kind === 'read' ? result.warnings : result.diagnostics
  expect(result.kind === 'read' || diagnostics.length > 0).toBe(true)
  expect(diagnostics.length).toBeLessThanOrEqual(100)
  expectPlacesInside(diagnostics, texts)
  expect(formatDiagnostics(diagnostics, new Map(Object.entries(texts))) === '').toBe(diagnostics.length === 0)
}

const valid = `name: shop
version: "3"
include: [other.yaml]
x-common: &common
  restart: on-failure
  environment: { A: "\${NAME:-x}", B: 1.10, C: }
services:
  users:
    <<: *common
    build: ./users
    command: flask run --port $PORT \${NAME}
    env_file: [a.env]
    healthcheck: { http: /healthz, interval: 2s, retries: 3 }
    replicas: 2
    routes:
      - /users
      - { host: example.org, path: { pattern: "/u/{id}" }, headers: { X-A: { present: true } }, strip_prefix: false }
    depends_on: { orders: { condition: service_healthy } }
  orders:
    build: { context: ./orders, kind: node }
    port: 5001
    resources: { memory: 64M, cpus: "0.5" }
    routes: [{ path: /o, backends: [{ service: orders, weight: 9 }, { service: users }] }]
    profiles: [a]
  job: { command: [a, b], protocol: none, restart: "no" }
gateway:
  port: 8080
  limits: { max_body: 1G, head_timeout: 5s }
api: { port: 7700 }
`

const words = fc.constantFrom(
  // Keys.
  'services',
  'users',
  'build',
  'routes',
  'include',
  'name',
  'gateway',
  'authenticators',
  'jwt',
  'auth',
  'default_auth',
  'healthcheck',
  'environment',
  'depends_on',
  'command',
  // YAML's own.
  ': ',
  '\n',
  '\n  ',
  '\n    ',
  '- ',
  '[',
  ']',
  '{',
  '}',
  ', ',
  '"',
  "'",
  '&a ',
  '*a',
  '<<: ',
  '|',
  '>',
  '#',
  '? ',
  '!!str ',
  '---\n',
  '...\n',
  '%',
  '@',
  '`',
  // Variables.
  '${NAME}',
  '${',
  '$',
  '$$',
  '${X:-',
  // Characters that are seldom seen.
  '\t',
  '\r\n',
  '\u0000',
  '\u2028',
  '\ufeff',
  '\ud800',
  '😀',
  // Values.
  '1',
  '-1',
  '.5',
  '0x1',
  'null',
  'true',
  '~',
  '/users',
  '10s',
  '64M',
  '__proto__',
  'constructor',
  'x-y',
  'other.yaml',
  'pando.yaml',
)

describe('the reader answers', { timeout: 120_000 }, () => {
  it('to any text made of what manifests are made of', () => {
    fc.assert(
      fc.property(fc.array(words, { maxLength: 40 }), (parts) => expectAnswer(parts.join(''))),
      { numRuns: 600 },
    )
  })

  it('to any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), expectAnswer), { numRuns: 200 })
  })

  it('to a valid manifest that was changed in a few places', () => {
    // Otherwise all changes would only be changes of a mistake.
    const disk = {
      files: { '/app/other.yaml': 'services: {}\n', '/app/a.env': '' },
      variables: { NAME: 'v' },
      profiles: ['a'],
    }
    expect(readFrom(valid, disk).kind).toBe('read')
    const change = fc.record({
      at: fc.nat({ max: valid.length }),
      remove: fc.nat({ max: 12 }),
      insert: fc.array(words, { maxLength: 3 }).map((parts) => parts.join('')),
    })
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        let text = valid
        for (const { at, remove, insert } of changes) text = text.slice(0, at) + insert + text.slice(at + remove)
        expectAnswer(text)
      }),
      { numRuns: 400 },
    )
  })

  it('to any values under any of its keys', () => {
    const key = fc.constantFrom(
      'name',
      'include',
      'services',
      'gateway',
      'api',
      'a',
      'build',
      'routes',
      'path',
      'hosts',
      'matches',
      'env_file',
      'test',
    )
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 5 },
        fc.jsonValue({ maxDepth: 1 }),
        fc.dictionary(key, tie('any'), { maxKeys: 4 }),
        fc.array(tie('any'), { maxLength: 3 }),
      ),
    })).any
    const service = fc.dictionary(key, value, { maxKeys: 5 })
    fc.assert(
      fc.property(
        fc.dictionary(key, value, { maxKeys: 4 }),
        fc.dictionary(fc.constantFrom('a', 'b'), service),
        (top, services) =>
          // JSON is YAML.
          expectAnswer(JSON.stringify({ ...top, services }, null, 1)),
      ),
      { numRuns: 150 },
    )
  })
})
