import { describe, expect, it } from 'vitest'
import { filesBelow, isTest, read, sourceFiles } from './source-tree.js'

/** A test file is a list of cases, read one at a time: it may be longer. */
const maxLines = (file: string): number => (isTest(file) ? 600 : 400)

describe('the shape of files', () => {
  it('stays below 400 lines (tests: 600)', () => {
    expect(sourceFiles().filter((file) => read(file).split('\n').length > maxLines(file))).toEqual([])
  })

  it('names files as kebab-case nouns, none of them a drawer', () => {
    const drawer = /(^|[-/])(utils?|helpers?|misc|common|manager|base)([-./]|$)/
    const odd = sourceFiles().filter((file) => drawer.test(file) || !/^[a-z0-9./-]+$/.test(file))
    expect(odd).toEqual([])
  })

  it('names no class Manager, Helper, Util or Base, and no interface I…', () => {
    const odd = sourceFiles().flatMap((file) =>
      [
        ...read(file).matchAll(
          /^\s*(?:export )?(?:abstract )?(?:class (\w*(?:Manager|Helper|Utils?|Base))\b|interface (I[A-Z]\w*)\b)/gm,
        ),
      ].map((match) => `${file}: ${match[1] ?? match[2]}`),
    )
    expect(odd).toEqual([])
  })

  it('has tests that can fail: none is switched off or left alone to run', () => {
    const odd = filesBelow()
      .filter((file) => file.endsWith('.test.ts') || file.endsWith('.suite.ts'))
      .filter((file) => /\b(it|test|describe)\.(only|skip|todo)\(/.test(read(file)))
    expect(odd).toEqual([])
  })
})
