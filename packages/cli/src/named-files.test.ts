import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Context } from './context.js'
import { noPaint } from './paint.js'
import { run } from './program.js'

let folder = ''
const service = (lines: string): string => `services: { web: { ${lines} } }\n`

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pando-files-'))
  writeFileSync(join(folder, 'compose.yaml'), service('image: i, user: "1"'))
  writeFileSync(join(folder, 'compose.override.yaml'), service('user: "2"'))
  writeFileSync(join(folder, 'compose.prod.yaml'), service('user: "3"'))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function userBy(...args: string[]): Promise<string | undefined> {
  const out: string[] = []
  const stdout = { write: (text: string) => out.push(text) }
  const context: Context = { env: {}, cwd: folder, stdout, stderr: stdout, paint: noPaint, now: () => 0 }
  expect(await run([...args, 'config'], context), out.join('')).toBe(0)
  return /user: "?(\d)/.exec(out.join(''))?.[1]
}

it('finds the file beside a Compose file, unless files are named', async () => {
  expect(await userBy()).toBe('2')
  expect(await userBy('-f', '.')).toBe('2')
  expect(await userBy('-f', 'compose.yaml')).toBe('1')
  expect(await userBy('-f', 'compose.yaml', '-f', 'compose.prod.yaml')).toBe('3')
  expect(await userBy('-f', 'compose.yaml', '-f', 'compose.prod.yaml', '-f', 'compose.override.yaml')).toBe('2')
})
