import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { controlApiDocument } from './control-api.js'

interface Parameter {
  readonly name: string
  readonly in: string
  readonly required?: boolean
  readonly schema: unknown
}

interface OperationObject {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: Record<string, { readonly schema: unknown }> }
  readonly responses: Record<
    string,
    { readonly description: string; readonly content?: Record<string, { schema: unknown }> }
  >
}

interface Document {
  readonly openapi: string
  readonly info: { readonly title: string; readonly version: string }
  readonly tags: readonly { readonly name: string }[]
  readonly security: readonly Record<string, unknown>[]
  readonly paths: Record<string, Record<string, OperationObject>>
  readonly components: Record<string, Record<string, unknown>>
}

const read = (path: string): unknown => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'))
const { version } = read('../../package.json') as { version: string }
const document = JSON.parse(JSON.stringify(controlApiDocument(version))) as Document

const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
)

/** Every object in a JSON value, with its place. */
function* objectsIn(value: unknown, place = '#'): Generator<[string, Record<string, unknown>]> {
  if (value === null || typeof value !== 'object') return
  if (!Array.isArray(value)) yield [place, value as Record<string, unknown>]
  for (const [key, item] of Object.entries(value)) yield* objectsIn(item, `${place}/${key}`)
}

test('docs/reference/openapi.json is what the code says (else run scripts/generate-reference.mjs)', () => {
  expect(read('../../../../docs/reference/openapi.json')).toEqual(document)
})

test('it has every operation, and an operation has a name of its own, a known tag and an answer', () => {
  expect(document.openapi).toMatch(/^3\.1\.\d+$/)
  expect(document.info.title).not.toBe('')
  expect(operations.map(({ path, method }) => `${method.toUpperCase()} ${path}`).sort()).toEqual([
    'DELETE /v1/app',
    'DELETE /v1/keys/{name}',
    'DELETE /v1/registry/services/{service}/endpoints/{id}',
    'DELETE /v1/services/{name}',
    'GET /healthz',
    'GET /metrics',
    'GET /openapi.json',
    'GET /v1/app',
    'GET /v1/deployments',
    'GET /v1/events',
    'GET /v1/gateway/watch',
    'GET /v1/keys',
    'GET /v1/logs',
    'GET /v1/registry/services',
    'GET /v1/registry/services/{service}',
    'GET /v1/registry/watch',
    'GET /v1/requests/{id}/why',
    'GET /v1/routes',
    'GET /v1/runs',
    'GET /v1/runs/{id}',
    'GET /v1/runs/{id}/output',
    'GET /v1/services',
    'GET /v1/services/{name}',
    'GET /v1/services/{name}/why',
    'POST /v1/app/diff',
    'POST /v1/app/prune',
    'POST /v1/app/rollback',
    'POST /v1/deployments',
    'POST /v1/gateway/report',
    'POST /v1/keys',
    'POST /v1/registry/services/{service}/endpoints/{id}/renew',
    'POST /v1/runs/{id}/stop',
    'POST /v1/services/{name}/abort',
    'POST /v1/services/{name}/promote',
    'POST /v1/services/{name}/restart',
    'POST /v1/services/{name}/rollback',
    'POST /v1/services/{name}/runs',
    'POST /v1/services/{name}/scale',
    'POST /v1/services/{name}/start',
    'POST /v1/services/{name}/stop',
    'POST /v1/services/{name}/sync',
    'PUT /v1/app',
    'PUT /v1/registry/services/{service}/endpoints/{id}',
  ])
  const ids = operations.map(({ operation }) => operation.operationId)
  expect(new Set(ids).size).toBe(ids.length)
  const tags = new Set(document.tags.map((tag) => tag.name))
  for (const { operation } of operations) {
    expect(operation.tags.every((tag) => tags.has(tag))).toBe(true)
    expect(Object.keys(operation.responses).some((status) => status.startsWith('2'))).toBe(true)
    for (const [status, response] of Object.entries(operation.responses)) {
      expect(status).toMatch(/^[2-5]\d\d$/)
      expect(response.description).not.toBe('')
      const isProblem = Object.keys(response.content ?? {}).join() === 'application/problem+json'
      expect([status, isProblem]).toEqual([status, status >= '400'])
    }
  }
})

test.each(operations)(
  '$method $path declares the parameters of its path, and no others in it',
  ({ path, operation }) => {
    const inTemplate = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
    const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path')
    expect(declared.map((parameter) => parameter.name)).toEqual(inTemplate)
    for (const parameter of declared) expect(parameter.required).toBe(true)
    for (const parameter of operation.parameters ?? []) expect(parameter.schema).toBeTypeOf('object')
  },
)

test('its references lead somewhere, and its schemas are JSON Schema 2020-12, not OpenAPI 3.0', () => {
  const references: string[] = []
  const faults: string[] = []
  for (const [place, object] of objectsIn(document)) {
    const reference = object['$ref']
    if (typeof reference === 'string') {
      references.push(reference)
      if (!isThere(reference)) faults.push(`${place}: ${reference} is not there`)
    }
    if (!/\/schemas?(\/|$)/.test(place) || place.endsWith('/properties')) continue
    if ('nullable' in object) faults.push(`${place}: nullable is of OpenAPI 3.0`)
    if (typeof object['exclusiveMinimum'] === 'boolean') faults.push(`${place}: exclusiveMinimum is a number`)
    for (const type of [object['type'] ?? []].flat())
      if (!types.has(type)) faults.push(`${place}: no type ${String(type)}`)
  }
  expect(faults).toEqual([])
  expect(references.length).toBeGreaterThan(50)
})

const types = new Set<unknown>(['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'])

function isThere(reference: string): boolean {
  let found: unknown = document
  for (const key of reference.replace(/^#\//, '').split('/'))
    found = (found as Record<string, unknown> | undefined)?.[key]
  return typeof found === 'object'
}

test('every security requirement is a scheme that is defined', () => {
  const schemes = Object.keys(document.components['securitySchemes'] ?? {})
  expect(schemes).toEqual(['token'])
  for (const requirement of document.security)
    expect(Object.keys(requirement).every((name) => schemes.includes(name))).toBe(true)
})
