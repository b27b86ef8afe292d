import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'
import { filesBelow, read, root } from './source-tree.js'

const documents = filesBelow().filter((file) => file.endsWith('.md'))

const withoutCode = (text: string): string => text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '')

const anchors = (text: string): Set<string> =>
  new Set(
    headings(text).map(({ title }) =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_\s-]/gu, '')
        .replace(/\s/g, '-'),
    ),
  )

const headings = (text: string): { level: number; title: string }[] =>
  [...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^(#+) (.*)$/gm)].map((match) => ({
    level: match[1]?.length ?? 0,
    title: match[2] ?? '',
  }))

/** Blocks of code without their comments, which are in the reader's language. */
const code = (text: string): string[] =>
  [...text.matchAll(/^```[\s\S]*?^```/gm)].map(([block]) => block.replace(/\s*#.*$/gm, ''))

describe('the documents', () => {
  it('are there', () => {
    const expected = [
      'README.md',
      'README.ko.md',
      'ARCHITECTURE.md',
      'GLOSSARY.md',
      'STYLE.md',
      'CONTRIBUTING.md',
      'CHANGELOG.md',
    ]
    expect(documents).toEqual(expect.arrayContaining(expected))
  })

  it('link to what exists, down to the heading', () => {
    const broken = documents.flatMap((file) =>
      [...withoutCode(read(file)).matchAll(/\[[^\]]*\]\(([^)\s]+)\)/g)]
        .map((match) => match[1] ?? '')
        .filter((link) => !/^(https?|mailto):/.test(link))
        .filter((link) => {
          const [path = '', anchor] = link.split('#')
          const target = path === '' ? file : normalize(join(dirname(file), path))
          if (!existsSync(join(root, target))) return true
          return anchor !== undefined && !anchors(read(target)).has(anchor)
        })
        .map((link) => `${file}: ${link}`),
    )
    expect(broken).toEqual([])
  })

  it('name files of the repository that exist', () => {
    const places = /`((?:packages|scripts|test|docs|examples|bench)\/[\w./-]*\w)`/g
    const broken = documents.flatMap((file) =>
      [...read(file).matchAll(places)]
        .map((match) => match[1] ?? '')
        .filter((path) => !existsSync(join(root, path)))
        .map((path) => `${file}: ${path}`),
    )
    expect(broken).toEqual([])
  })

  it('name npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const broken = documents.flatMap((file) =>
      [...read(file).matchAll(/\bnpm run ([\w:-]+)/g)]
        .map((match) => match[1] ?? '')
        .filter((name) => scripts[name] === undefined)
        .map((name) => `${file}: npm run ${name}`),
    )
    expect(broken).toEqual([])
  })

  it('number decisions without a gap', () => {
    const numbers = filesBelow('docs/decisions').map((file) => Number(/\/(\d{4})-/.exec(file)?.[1]))
    expect(numbers).toEqual(numbers.map((_, index) => index + 1))
  })

  it('keep the Korean README in step with the English one', () => {
    const english = read('README.md')
    const korean = read('README.ko.md')
    expect(headings(korean).map(({ level }) => level)).toEqual(headings(english).map(({ level }) => level))
    expect(code(korean)).toEqual(code(english))
  })
})
