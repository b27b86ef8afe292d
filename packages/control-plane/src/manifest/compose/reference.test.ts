import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { buildKeys, deployKeys, healthKeys, serviceKeys, topKeys, type KeyFate } from './keys.js'

const page = readFileSync(join(import.meta.dirname, '../../../../../docs/compose.md'), 'utf8')

/** The rows that docs/compose.md has to hold under a heading. */
function rows(keys: Readonly<Record<string, KeyFate>>): string[] {
  const words = { honoured: 'honoured', differs: 'honoured, but', warned: 'no effect', refused: 'refused' }
  return Object.entries(keys).map(([key, { fate, note }]) => `| \`${key}\` | ${words[fate]} | ${note ?? ''} |`)
}

it.each([
  ['the top', topKeys],
  ['services.*', serviceKeys],
  ['build', buildKeys],
  ['deploy', deployKeys],
  ['healthcheck', healthKeys],
])('docs/compose.md says what becomes of every key of %s', (title, keys) => {
  const [, below = ''] = page.split(`\n### ${title}\n`)
  const [section = ''] = below.split('\n### ')
  expect(section.split('\n').filter((line) => line.startsWith('| `'))).toEqual(rows(keys))
})
