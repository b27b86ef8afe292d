import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ignoreRules } from './ignore-rules.js'
import { copyTree, digestOf, readTree, type SourceEntry } from './source-tree.js'

let folder: string

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'pando-source-')))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}

const read = (options: Partial<Parameters<typeof readTree>[0]> = {}) =>
  readTree({ folder, rules: ignoreRules([]), now: Date.now(), ...options })
const digest = async () => (await read()).digest

describe('the digest of a folder', () => {
  it('is the same for the same entries in whatever order, and another for every one that differs', () => {
    let seed = 7
    const random = (below: number): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % below
    const seen = new Map<string, string>()
    for (let round = 0; round < 500; round++) {
      const paths = new Set(Array.from({ length: 1 + random(6) }, () => `d${random(3)}/f${random(40)}`))
      const entries = [...paths].map((path): SourceEntry => {
        if (random(4) === 0) return { kind: 'link', path, target: `t${random(3)}` }
        return { kind: 'file', path, mode: random(2) === 0 ? 0o644 : 0o755, hash: `h${random(3)}` }
      })
      const name = digestOf(entries)
      const shuffled = entries.toSorted(() => random(3) - 1)
      expect(digestOf(shuffled)).toBe(name)
      const content = JSON.stringify(entries.toSorted((a, b) => (a.path < b.path ? -1 : 1)))
      expect(seen.get(name) ?? content).toBe(content)
      seen.set(name, content)
    }
  })

  it('changes with any byte, mode, name, link and empty folder, and comes back with them', async () => {
    write('a.txt', 'one')
    write('deep/b.txt', 'two')
    symlinkSync('a.txt', join(folder, 'link'))
    const first = await digest()
    const steps: [string, () => void, () => void][] = [
      ['byte', () => write('a.txt', 'onE'), () => write('a.txt', 'one')],
      ['mode', () => chmodSync(join(folder, 'a.txt'), 0o755), () => chmodSync(join(folder, 'a.txt'), 0o644)],
      [
        'name',
        () => renameSync(join(folder, 'a.txt'), join(folder, 'A')),
        () => renameSync(join(folder, 'A'), join(folder, 'a.txt')),
      ],
      ['folder', () => mkdirSync(join(folder, 'empty')), () => rmSync(join(folder, 'empty'), { recursive: true })],
      ['link', () => symlinkSync('b', join(folder, 'other')), () => rmSync(join(folder, 'other'))],
    ]
    chmodSync(join(folder, 'a.txt'), 0o644)
    const begin = await digest()
    for (const [what, change, back] of steps) {
      change()
      expect(await digest(), what).not.toBe(begin)
      back()
      expect(await digest(), what).toBe(begin)
    }
    expect(first).toHaveLength(64)
  })

  it('does not depend on times, nor on where the folder is', async () => {
    write('a.txt', 'one')
    const begin = await digest()
    utimesSync(join(folder, 'a.txt'), 1, 1)
    expect(await digest()).toBe(begin)
    const { entries } = await read()
    await copyTree(folder, `${folder}-copy`, entries)
    try {
      expect((await readTree({ folder: `${folder}-copy`, rules: () => false, now: 0 })).digest).toBe(begin)
    } finally {
      rmSync(`${folder}-copy`, { recursive: true })
    }
  })

  it('believes what is remembered only of a file that has not changed at all, and remembers none that has just changed', async () => {
    write('a.txt', 'one')
    expect((await read()).known.size).toBe(0)
    const { known, digest: begin } = await read({ now: Date.now() + 60_000 })
    expect(known.size).toBe(1)
    const lie = new Map([['a.txt', { mark: known.get('a.txt')!.mark, hash: 'a lie' }]])
    expect((await read({ known: lie })).digest).not.toBe(begin)
    write('a.txt', 'two')
    utimesSync(join(folder, 'a.txt'), 1, 1)
    expect((await read({ known: lie })).digest).toBe(await digest())
  })

  it('refuses a folder that is too large, and names what is large in it', async () => {
    write('data/big', 'x'.repeat(2_000_000))
    const limits = { maxFiles: 10, maxBytes: 1_000_000 }
    await expect(read({ limits })).rejects.toMatchObject({ code: 'too_large', hint: expect.stringContaining('data') })
    await expect(read({ limits, rules: ignoreRules(['data/']) })).resolves.toBeDefined()
    for (let i = 0; i < 11; i++) write(`f${i}`, '')
    await expect(read({ limits, rules: ignoreRules(['data/']) })).rejects.toMatchObject({ code: 'too_large' })
  })

  it('keeps links inside of a copy that lead into the folder', async () => {
    write('a.txt', 'original')
    mkdirSync(join(folder, 'deep'))
    symlinkSync(join(folder, 'a.txt'), join(folder, 'deep/absolute'))
    const { entries } = await read()
    const copy = `${folder}-copy`
    await copyTree(folder, copy, entries)
    try {
      write('a.txt', 'changed')
      expect(readFileSync(join(copy, 'deep/absolute'), 'utf8')).toBe('original')
    } finally {
      rmSync(copy, { recursive: true })
    }
  })
})

describe('ignore rules', () => {
  it.each([
    [['*.log'], 'deep/a.log', true],
    [['/a'], 'deep/a', false],
    [['deep/a'], 'deep/a', true],
    [['deep/a'], 'x/deep/a', false],
    [['**/a'], 'x/deep/a', true],
    [['x/**'], 'x/deep/a', true],
    [['a?c'], 'abc', true],
    [['[!b]'], 'b', false],
    [['*', '!keep'], 'keep', false],
    [['a/'], 'a', false],
    [['a.b'], 'axb', false],
    [['# a', ''], '# a', false],
  ] as const)('%j of %s: %s', (patterns, path, isIgnored) => {
    expect(ignoreRules(patterns)(path, false)).toBe(isIgnored)
  })
})
