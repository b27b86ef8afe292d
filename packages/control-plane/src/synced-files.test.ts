import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { DesiredService } from './reconciler/state.js'
import { SyncedFiles } from './synced-files.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'synced-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const service = (revision: string, isRootReadOnly = false): DesiredService =>
  ({
    name: 'web',
    revision,
    spec: { container: { mounts: [], security: { isRootReadOnly } } },
  }) as unknown as DesiredService
const file = (name: string, target = `/app/${name}`) => ({ source: join(folder, name), target })
const textOf = (archive: Uint8Array | null | undefined): string => Buffer.from(archive ?? []).toString('latin1')

it('reads the files into an archive, and takes away those that are gone', async () => {
  writeFileSync(join(folder, 'a.js'), 'one')
  const [change] = await new SyncedFiles().note(service('r1'), [file('a.js'), file('gone.js'), file('.', '/app')])
  expect(change).toMatchObject({ base: '/', removed: ['/app/gone.js'] })
  expect(textOf(change?.archive)).toContain('one')
  expect(textOf(change?.archive).startsWith('app/a.js\0')).toBe(true)
})

it('gives a new instance of the revision what was put, as it is by then; another revision forgets it', async () => {
  const synced = new SyncedFiles()
  writeFileSync(join(folder, 'a.js'), 'one')
  await synced.note(service('r1'), [file('a.js')])
  writeFileSync(join(folder, 'a.js'), 'two')
  const [change] = await synced.of('web', 'r1')
  expect(textOf(change?.archive)).toContain('two')
  expect(await synced.of('web', 'r2')).toEqual([])
  expect(await synced.of('web', 'r1')).toEqual([])
})

it('refuses what cannot be put', async () => {
  const synced = new SyncedFiles()
  const process = { name: 'web', revision: 'r', spec: {} } as unknown as DesiredService
  await expect(synced.note(process, [file('a')])).rejects.toMatchObject({ code: 'conflict' })
  await expect(synced.note(service('r', true), [file('a')])).rejects.toMatchObject({ code: 'conflict' })
  await expect(synced.note(service('r'), [file('a', '/app/../etc/a')])).rejects.toMatchObject({ code: 'conflict' })
  writeFileSync(join(folder, 'large'), '')
  truncateSync(join(folder, 'large'), 33 * 1_048_576)
  await expect(synced.note(service('r'), [file('large')])).rejects.toMatchObject({ code: 'too_large' })
})
