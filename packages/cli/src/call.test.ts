import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { callOf } from './call.js'

let root = ''

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pando-call-'))
  await mkdir(join(root, 'a/b'), { recursive: true })
  await mkdir(join(root, "it's"))
  await writeFile(join(root, 'a/pando.yaml'), '')
  await writeFile(join(root, "it's/pando.yaml"), '')
})

afterAll(async () => {
  await rm(root, { recursive: true, force: true })
})

const project = (folder: string): { manifest: string; stateDir: string } => ({
  manifest: join(root, folder, 'pando.yaml'),
  stateDir: join(root, folder, '.pando'),
})

it('is the bare word where the manifest is found anyway', () => {
  expect(callOf({ env: {}, cwd: join(root, 'a') }, project('a'), {})).toBe('pando')
  expect(callOf({ env: {}, cwd: join(root, 'a/b') }, project('a'), {})).toBe('pando')
})

it('names the manifest where it is not', () => {
  expect(callOf({ env: {}, cwd: root }, project('a'), {})).toBe('pando -f a/pando.yaml')
  expect(callOf({ env: {}, cwd: root }, project("it's"), {})).toBe(`pando -f 'it'\\''s/pando.yaml'`)
  expect(callOf({ env: {}, cwd: join(root, 'a') }, project('a'), { stateDir: 'x y' })).toBe("pando --state-dir 'x y'")
})

it('goes through npx when npm has started us, from where the user stood', () => {
  const env = { npm_lifecycle_event: 'start', INIT_CWD: root }
  expect(callOf({ env, cwd: join(root, 'a') }, project('a'), {})).toBe('npx pando -f a/pando.yaml')
})

it('names every file that lies over the manifest', () => {
  const options = { file: 'pando.yaml', over: ['../more.yaml'] }
  expect(callOf({ env: {}, cwd: join(root, 'a') }, project('a'), options)).toBe('pando -f pando.yaml -f ../more.yaml')
})
