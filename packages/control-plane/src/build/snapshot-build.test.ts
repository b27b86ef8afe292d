import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BuildSpec } from '@pando/model'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemClock } from '../clock.js'
import type { Program } from '../drivers/driver.js'
import { Snapshots } from '../revisions/snapshots.js'
import { LocalBuilder } from './local-builder.js'

let root: string
let stateDir: string
let folder: string
let output: string[]
let snapshots: Snapshots

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'pando-snapshot-')))
  stateDir = join(root, '.pando')
  folder = join(root, 'services/users')
  mkdirSync(folder, { recursive: true })
  output = []
  snapshots = new Snapshots({ stateDir, clock: systemClock })
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

const write = (path: string, text: string) => writeFileSync(join(folder, path), text)
const spec = (changes: Partial<BuildSpec> = {}): BuildSpec => ({
  kind: 'none',
  context: folder,
  command: null,
  ...changes,
})

function build(source: string | null, build: BuildSpec, signal = new AbortController().signal): Promise<Program> {
  const order = { service: 'users', source, spec: build, workdir: folder, command: 'cat word.txt' }
  return new LocalBuilder({ stateDir, hostEnvironment: process.env }).build(order, (line) => output.push(line), signal)
}

const prints = ({ command, workdir }: Program) =>
  execFileSync('sh', ['-c', String(command)], { cwd: workdir, encoding: 'utf8' })

const kept = () => readdirSync(join(stateDir, 'revisions/users')).filter((name) => name !== 'index.json')

it('builds two revisions beside each other, and leaves the folder and the older one as they are', async () => {
  const wish = spec({ command: 'echo built; cp source.txt word.txt' })
  write('source.txt', 'one')
  const one = await snapshots.take('users', wish)
  write('source.txt', 'two')
  const first = await build(one, wish)
  const second = await build(await snapshots.take('users', wish), wish)
  expect([prints(first), prints(second)]).toEqual(['one', 'two'])
  expect(readdirSync(folder)).toEqual(['source.txt'])
  output = []
  expect(await build(one, wish)).toEqual(first)
  expect(output).toEqual([])
})

it('begins anew what was cut short, from the snapshot as it was taken', async () => {
  const wish = spec({
    command: 'cp source.txt word.txt; echo spoiled > source.txt; echo half; test -e ../../ready || sleep 600',
  })
  write('source.txt', 'whole')
  const source = await snapshots.take('users', wish)
  const abort = new AbortController()
  const order = { service: 'users', source, spec: wish, workdir: folder, command: 'cat word.txt' }
  const cut = new LocalBuilder({ stateDir, hostEnvironment: process.env }).build(
    order,
    (line) => line === 'half' && abort.abort(),
    abort.signal,
  )
  await expect(cut).rejects.toMatchObject({ code: 'build_failed' })
  const [key = ''] = kept()
  expect(existsSync(join(stateDir, 'revisions/users', key, '.complete'))).toBe(false)
  writeFileSync(join(root, 'ready'), '')
  rmSync(folder, { recursive: true })
  expect(prints(await build(source, wish))).toBe('whole')
})

it('finds beside the copy what stands beside the folder', async () => {
  writeFileSync(join(root, 'shared.txt'), 'shared')
  const wish = spec({ command: 'cat ../../shared.txt > word.txt' })
  write('source.txt', '')
  expect(prints(await build(await snapshots.take('users', wish), wish))).toBe('shared')
})

it('says that the snapshot is gone', async () => {
  write('source.txt', 'one')
  const source = await snapshots.take('users', spec())
  rmSync(join(stateDir, 'revisions/users'), { recursive: true })
  await expect(build(source, spec())).rejects.toMatchObject({ hint: expect.stringContaining('pando up') })
})

it('keeps a folder once, and counts what has changed since', async () => {
  write('a', '1')
  write('b', '1')
  const source = await snapshots.take('users', spec())
  expect(await snapshots.take('users', spec())).toBe(source)
  expect(await snapshots.digest('users', spec())).toBe(source)
  expect(kept()).toHaveLength(1)
  write('a', '2')
  rmSync(join(folder, 'b'))
  write('c', '1')
  mkdirSync(join(folder, 'node_modules'))
  write('node_modules/x', '')
  const changes = await snapshots.changesSince('users', source ?? '', spec(), spec())
  expect(changes).toEqual({ added: 1, changed: 1, removed: 1 })
  expect(await snapshots.take('users', spec({ isLive: true }))).toBeNull()
})

it('installs for a lockfile once: a change of code takes over what is installed', { timeout: 60_000 }, async () => {
  mkdirSync(join(folder, 'part'))
  write('part/package.json', JSON.stringify({ name: 'part', version: '1.0.0', main: 'part.js' }))
  write('part/part.js', 'module.exports = "part"')
  write('package.json', JSON.stringify({ name: 'users', dependencies: { part: 'file:./part' } }))
  write('main.js', '')
  execFileSync('npm', ['install', '--package-lock-only', '--offline', '--no-audit'], { cwd: folder, stdio: 'ignore' })
  const wish = spec({ kind: 'node' })
  await build(await snapshots.take('users', wish), wish)
  expect(output).toContain('npm ci')
  output = []
  write('main.js', '// changed')
  const { workdir } = await build(await snapshots.take('users', wish), wish)
  expect(output).toEqual([])
  expect(readFileSync(join(workdir, 'node_modules/part/part.js'), 'utf8')).toContain('part')
  expect(existsSync(join(folder, 'node_modules'))).toBe(false)
})
