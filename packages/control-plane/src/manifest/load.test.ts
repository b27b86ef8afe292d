import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PandoError } from '@pando/model'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { formatDiagnostics } from './diagnostics.js'
import { loadManifest, readSources } from './load.js'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pando-manifest-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function put(files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true })
    await writeFile(join(folder, name), content)
  }
}

const load = (name = 'pando.yaml') => loadManifest({ path: join(folder, name), variables: {} })

async function failure(name?: string): Promise<PandoError> {
  const error = await load(name).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof PandoError)) throw new Error('a PandoError was expected', { cause: error })
  return error
}

it('reads the manifest, what it includes, and the folders of its services', async () => {
  await put({
    'pando.yaml':
      'name: shop\ninclude: [more/pando.yaml]\nservices:\n  users: { build: ./users, env_file: users.env }\n',
    'users.env': 'A=1\n',
    'users/requirements.txt': 'flask\n',
    'more/pando.yaml': 'services:\n  orders: { build: ./orders }\n',
    'more/orders/go.mod': 'module orders\n',
  })
  const { app, warnings } = await load()
  expect(app.services['users']?.revision.build).toEqual({
    kind: 'python',
    context: join(folder, 'users'),
    command: null,
  })
  expect(app.services['users']?.revision.environment).toEqual({ A: '1' })
  expect(app.services['orders']?.revision.build).toEqual({
    kind: 'go',
    context: join(folder, 'more/orders'),
    command: null,
  })
  expect(warnings).toEqual([])
})

it('rejects with every mistake, which can be shown with their lines', async () => {
  await put({ 'pando.yaml': 'services:\n  users: { build: ./nope, replica: 2 }\n' })
  const error = await failure()
  expect(error.code).toBe('manifest_invalid')
  expect(error.message).toBe('the manifest has 2 mistakes')
  const text = formatDiagnostics(error.diagnostics, await readSources(error.diagnostics), { relativeTo: folder })
  expect(text).toContain('pando.yaml:2:19  services.users.build: there is no folder')
  expect(text).toContain(
    'users: { build: ./nope, replica: 2 }\n                            ^\n  did you mean "replicas"?',
  )
})

it('rejects with not_found when there is no manifest', async () => {
  expect((await failure()).code).toBe('not_found')
})

it.each([
  ['a folder', undefined, 'is not a file'],
  ['bytes that are no UTF-8', new Uint8Array([0x6e, 0x61, 0xff, 0xfe]), 'is not text in UTF-8'],
  ['more than a mebibyte', '#'.repeat(1_048_577), 'is larger than 1 MiB'],
  ['nothing', '', 'the file says nothing'],
])('rejects %s', async (_, content, message) => {
  if (content === undefined) await mkdir(join(folder, 'pando.yaml'))
  else await put({ 'pando.yaml': content })
  const error = await failure()
  expect(error.code).toBe('manifest_invalid')
  expect(error.diagnostics).toEqual([
    expect.objectContaining({ line: 1, column: 1, message: expect.stringContaining(message) }),
  ])
})

it('reads a file that begins with a byte order mark', async () => {
  await put({ 'pando.yaml': '\ufeffservices:\n  a: { command: x }\n' })
  expect(Object.keys((await load()).app.services)).toEqual(['a'])
})

it('follows a chain of includes to its end, and not for ever', async () => {
  const chain = Object.fromEntries(
    Array.from({ length: 60 }, (_, index) => [
      `c${index}.yaml`,
      `include: [c${index + 1}.yaml]\nservices:\n  s${index}: { command: x }\n`,
    ]),
  )
  await put({ ...chain, 'c60.yaml': 'services: {}\n', 'pando.yaml': 'include: [c0.yaml]\n' })
  expect(Object.keys((await load()).app.services)).toHaveLength(60)
  const longer = Object.fromEntries(
    Array.from({ length: 200 }, (_, index) => [`d${index}.yaml`, `include: [d${index + 1}.yaml]\n`]),
  )
  await put({ ...longer, 'd200.yaml': 'services: {}\n' })
  expect((await failure('d0.yaml')).diagnostics[0]?.message).toBe('more than 100 files are included')
})
