import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { refusals } from './refusals.js'
import { grpcRouteSchema, httpRouteSchema } from './schema.js'

const page = readFileSync(new URL('../../../../../docs/gateway-api.md', import.meta.url), 'utf8')
const [honoured = '', refused = ''] = page.split('## What is refused')

it('the page refuses what the code refuses, in the same words', () => {
  const rows = [...refused.matchAll(/^\| (.+?) +\| (.+?) +\|$/gm)].map(([, name, hint]) => [
    name,
    hint?.replaceAll('`', ''),
  ])
  expect(rows.filter(([name]) => name !== 'name' && !/^-+$/.test(name ?? ''))).toEqual(Object.entries(refusals))
})

/** Every name that a document may have anywhere. */
function namesIn(schema: unknown, names: Set<string> = new Set()): Set<string> {
  if (Array.isArray(schema)) for (const item of schema) namesIn(item, names)
  else if (typeof schema === 'object' && schema !== null) {
    for (const [key, value] of Object.entries(schema)) {
      if (key === 'properties') for (const name of Object.keys(value as object)) names.add(name)
      namesIn(value, names)
    }
  }
  return names
}

it('the page speaks of every field that is read', () => {
  const names = namesIn([httpRouteSchema, grpcRouteSchema].map((schema) => z.toJSONSchema(schema)))
  const said = new Set([...page.matchAll(/`(?:spec\.)?(\w+)`/g)].map(([, name]) => name))
  const refusedWords = Object.keys(refusals).join(' ')
  // The fields of filters that are refused are named by the filter.
  const ofRefused = new Set(['extensionRef', 'cors', 'externalAuth', 'spec', 'rules'])
  expect([...names].filter((name) => !said.has(name) && !refusedWords.includes(name) && !ofRefused.has(name))).toEqual(
    [],
  )
  expect(names.size).toBeGreaterThan(40)
  expect(honoured).toContain('`spec.rules`')
})
