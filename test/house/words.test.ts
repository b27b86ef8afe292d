import { describe, expect, it } from 'vitest'
import { filesBelow, isTest, read, sourceFiles } from './source-tree.js'

const glossary = read('GLOSSARY.md')

/** The cells of the table whose header starts with `first`, row by row. */
function rows(first: string): string[][] {
  const lines = glossary.split('\n')
  const start = lines.findIndex((line) => line.startsWith(`| ${first} |`))
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'))
  return lines.slice(start + 2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

const words = rows('word')
const shunned = rows('instead of').flatMap(([wrong = '', right = '']) =>
  wrong.split(', ').map((word) => ({ word, right })),
)

const documents = filesBelow().filter((file) => file.endsWith('.md') && file !== 'GLOSSARY.md')
const product = sourceFiles().filter((file) => file.startsWith('packages/') && !isTest(file))

/** A word as it stands in prose or in a name: `desired state` also as `desiredState`, and in the plural. */
const anywhere = (word: string): RegExp => new RegExp(`\\b${word.replaceAll(' ', '[ -]?')}`, 'i')

describe('the glossary', () => {
  it('has no word twice, and forbids none that it gives', () => {
    const given = words.map(([word]) => word)
    expect(given.length).toBeGreaterThan(20)
    expect(new Set(given).size).toBe(given.length)
    expect(shunned.filter(({ word }) => given.includes(word))).toEqual([])
    expect(shunned.filter(({ right }) => !given.includes(right))).toEqual([])
  })

  it('gives no word that nobody uses', () => {
    const text = [...product, ...documents].map(read).join('\n')
    expect(words.map(([word = '']) => word).filter((word) => !anywhere(word).test(text))).toEqual([])
  })

  it('names code that is there', () => {
    const text = product.map(read).join('\n')
    const missing = words
      .flatMap(([, , where = '']) => [...where.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ''))
      .filter((name) =>
        name.includes('/')
          ? !product.some((file) => file.replace('/src/', '/').includes(name))
          : !new RegExp(`\\b(interface|type|class|function|const) ${name}\\b`).test(text),
      )
    expect(missing).toEqual([])
  })

  it('is kept to: no shunned word in the documents or in what the packages say', () => {
    const found = [...documents, ...product].flatMap((file) => {
      // Others name their pages, and the paths of their APIs, as they like.
      const text = read(file).replace(/\(https?:[^)]*\)|\/libpod\/\w+/g, '')
      return shunned
        .filter(({ word }) => new RegExp(`\\b${word.replaceAll(' ', '[ -]')}s?\\b`, 'i').test(text))
        .map(({ word, right }) => `${file} says "${word}" for "${right}"`)
    })
    expect(found).toEqual([])
  })
})
