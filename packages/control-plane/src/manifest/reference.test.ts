import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { manifestJsonSchema, type JsonSchema } from './json-schema.js'
import { manifestReference } from './reference.js'

const published = (name: string) => readFile(new URL(`../../../../docs/reference/${name}`, import.meta.url), 'utf8')
const remedy = 'stale: run `node scripts/generate-reference.mjs` after a build'

it('is what docs/reference holds', async () => {
  expect(JSON.parse(await published('pando.schema.json')), remedy).toEqual(manifestJsonSchema())
  expect(await published('manifest.md'), remedy).toBe(manifestReference())
})

it('describes every field', () => {
  const silent: string[] = []
  const walk = (schema: JsonSchema, path: string): void => {
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      if (field.description === undefined && field.$ref === undefined) silent.push(`${path}.${name}`)
      walk(field, `${path}.${name}`)
    }
    for (const form of schema.anyOf ?? []) walk(form, path)
    if (schema.items !== undefined) walk(schema.items, path)
    if (typeof schema.additionalProperties === 'object') walk(schema.additionalProperties, path)
    for (const [name, definition] of Object.entries(schema.$defs ?? {})) walk(definition, name)
  }
  walk(manifestJsonSchema(), '')
  expect(silent).toEqual([])
})

it('links only to headings that are there', () => {
  const text = manifestReference()
  const headings = new Set(
    [...text.matchAll(/^## (.+)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replaceAll(/[^a-z0-9 _-]/g, '')
        .replaceAll(' ', '-'),
    ),
  )
  const links = [...text.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor)
  expect(links.length).toBeGreaterThan(0)
  for (const link of links) expect(headings).toContain(link)
})
