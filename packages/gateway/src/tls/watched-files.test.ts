import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mustRead, WatchedFiles } from './watched-files.js'

describe('whether files are read again', () => {
  it.each([
    ['they are as they were read', 'a', 'a', 'a', false],
    ['they have just changed', 'a', 'a', 'b', false],
    ['they are still changing', 'a', 'b', 'c', false],
    ['they have changed and come to rest', 'a', 'b', 'b', true],
    ['they changed back before they were read', 'a', 'b', 'a', false],
    ['they were never read, and rest', null, 'a', 'a', true],
  ])('when %s', (_, read, last, now, expected) => {
    expect(mustRead({ read, last }, now)).toBe(expected)
  })
})

describe('WatchedFiles', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pando-watched-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('reads at first, then only what is new and at rest', async () => {
    const path = join(folder, 'ca.pem')
    writeFileSync(path, 'one')
    const files = new WatchedFiles([path])
    expect(await files.look(true)).toEqual(['one'])
    expect(await files.look(false)).toBeNull()
    writeFileSync(path, 'three')
    expect(await files.look(false)).toBeNull()
    expect(await files.look(false)).toEqual(['three'])
    rmSync(path)
    await files.look(false)
    expect(await files.look(false)).toBe(`there is no file ${path}`)
  })

  it('tells of a key that all may read, as long as they may', async () => {
    const paths = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    for (const path of paths) writeFileSync(path, '', { mode: 0o644 })
    const files = new WatchedFiles(paths)
    await files.look(true)
    expect(files.warnings).toHaveLength(1)
    chmodSync(paths[1] ?? '', 0o640)
    await files.look(false)
    expect(files.warnings).toEqual([])
  })
})
