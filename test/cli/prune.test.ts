import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { SqliteStore } from '../../packages/control-plane/src/store/sqlite-store.js'
import { desiredService } from '../../packages/control-plane/src/reconciler/fixtures.suite.js'
import { CommandLine } from './command-line.js'

vi.setConfig({ testTimeout: 60_000 })

let line: CommandLine

beforeEach(async () => {
  line = await CommandLine.open()
})

afterEach(() => line.close())

const items = [
  { kind: 'image', service: 'users', name: 'pando-1/users:2', bytes: 12_300_000 },
  { kind: 'build', service: 'orders', name: 'venv-3', bytes: 4000 },
]

it('shows what the control plane has removed, and how much that was', async () => {
  await line.wish({ pruned: { items, notes: [] } })
  await line.run(['up', '-d'])
  const { code, stdout } = await line.run(['prune'])
  expect([code, stdout.split('\n').map((row) => row.split(/ {2,}/))]).toEqual([
    0,
    [
      ['SERVICE', 'WHAT', 'NAME', 'SIZE'],
      ['users', 'image', 'pando-1/users:2', '12.3 MB'],
      ['orders', 'build', 'venv-3', '4.0 kB'],
      ['Removed 12.3 MB.'],
      [''],
    ],
  ])
  const dry = await line.run(['prune', '--all', '--dry-run'])
  expect(dry.stdout).toContain('Would remove 12.3 MB.')
  expect(line.asked('POST').map(({ body }) => body)).toEqual([
    { isAll: false, isDry: false },
    { isAll: true, isDry: true },
  ])
  expect(JSON.parse((await line.run(['prune', '--json'])).stdout)).toEqual({ items, notes: [], bytes: 12_304_000 })
})

it('fails when something could not be looked at, and says it', async () => {
  await line.wish({ pruned: { items: [], notes: ['images were not looked at: no engine'] } })
  await line.run(['up', '-d'])
  const { code, stdout, stderr } = await line.run(['prune'])
  expect([code, stderr]).toEqual([1, expect.stringContaining('images were not looked at: no engine')])
  expect(stdout).toBe('Nothing is old: all that is kept may still be needed.\n')
})

it('does it itself where no control plane runs, but for everything of an app that may still run', async () => {
  const folder = join(line.stateDir, 'revisions/users/abc')
  mkdirSync(folder, { recursive: true })
  expect(await line.run(['prune'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/users +revision +abc/) })
  const store = new SqliteStore({ path: join(line.stateDir, 'state.db') })
  store.put('desired', 'users', desiredService('users'))
  expect(await line.run(['prune'])).toMatchObject({ code: 1, stderr: expect.stringContaining('is in use by process') })
  store.close()
  const { code, stderr } = await line.run(['prune', '--all'])
  expect([code, stderr]).toEqual([1, expect.stringContaining('the app was not taken down')])
})
