import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PandoError } from '@pando/model'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { FolderWatch, type FolderWatchOptions } from './folder-watch.js'

let root = ''
let seen: string[] = []
let errors: PandoError[] = []
let watch: FolderWatch | null = null

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pando-watch-'))
  seen = []
  errors = []
})

afterEach(() => {
  watch?.close()
  rmSync(root, { recursive: true, force: true })
})

function begin(options: Partial<FolderWatchOptions> = {}): void {
  watch = new FolderWatch({
    path: root,
    isIgnored: (path, isFolder) => isFolder && path.endsWith('node_modules'),
    onChange: (path) => seen.push(path),
    onError: (error) => errors.push(error),
    ...options,
  })
}

const write = (path: string): void => writeFileSync(join(root, path), 'x')
/** Awaits what must be told. */
const expectTold = (path: string) => vi.waitFor(() => expect(seen).toContain(path), { timeout: 10_000 })

it('tells of files that are made, changed, renamed and deleted', async () => {
  write('old.js')
  begin()
  write('new.js')
  await expectTold('new.js')
  renameSync(join(root, 'old.js'), join(root, 'moved.js'))
  await expectTold('old.js')
  await expectTold('moved.js')
  seen = []
  rmSync(join(root, 'moved.js'))
  await expectTold('moved.js')
})

it('tells of what is already in a folder when it appears, and of what comes later', async () => {
  begin()
  mkdirSync(join(root, 'a/b'), { recursive: true })
  write('a/b/first.js')
  await expectTold('a/b/first.js')
  seen = []
  write('a/b/first.js')
  await expectTold('a/b/first.js')
})

it('watches a folder that was deleted and made anew under its name', async () => {
  mkdirSync(join(root, 'a/b'), { recursive: true })
  write('a/b/c.js')
  begin()
  rmSync(join(root, 'a'), { recursive: true })
  mkdirSync(join(root, 'a/b'), { recursive: true })
  write('a/b/c.js')
  await expectTold('a/b/c.js')
  await vi.waitFor(() => {
    write('a/b/later.js')
    expect(seen).toContain('a/b/later.js')
  })
})

it('finds its own folder again', async () => {
  const inner = join(root, 'inner')
  mkdirSync(inner)
  begin({ path: inner })
  rmSync(inner, { recursive: true })
  await expectTold('')
  mkdirSync(inner)
  writeFileSync(join(inner, 'a.js'), 'x')
  await expectTold('a.js')
})

it('enters neither what is ignored nor links', async () => {
  const outside = mkdtempSync(join(tmpdir(), 'pando-outside-'))
  try {
    mkdirSync(join(root, 'node_modules/p'), { recursive: true })
    symlinkSync(outside, join(root, 'link'))
    const folders: string[] = []
    const { watch: real } = await import('node:fs')
    begin({
      watch: ((path: string, listener: never) => {
        folders.push(path)
        return real(path, listener)
      }) as never,
    })
    expect(folders).toEqual([root])
    symlinkSync(outside, join(root, 'second'))
    await expectTold('second')
    expect(folders).toEqual([root])
  } finally {
    rmSync(outside, { recursive: true })
  }
})

it('watches one file through all ways of saving it', async () => {
  write('pando.yaml')
  begin({ path: join(root, 'pando.yaml') })
  write('pando.yaml.tmp')
  renameSync(join(root, 'pando.yaml.tmp'), join(root, 'pando.yaml'))
  await expectTold('')
  seen = []
  write('pando.yaml')
  await expectTold('')
  expect(new Set(seen)).toEqual(new Set(['']))
})

it('says which limit to raise when the system gives no more watches', () => {
  begin({
    watch: (() => {
      throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
    }) as never,
  })
  expect(errors).toHaveLength(1)
  expect(errors[0]?.hint).toContain('fs.inotify.max_user_watches')
})
