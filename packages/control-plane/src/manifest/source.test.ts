import { describe, expect, it } from 'vitest'
import { parseSource } from './source.js'

const parse = (text: string) =>
  parseSource('f.yaml', text, {
    variables: { NAME: 'v' },
    isGiven: () => false,
    isRaw: () => false,
    isFreeForm: () => false,
  })
const problems = (text: string) =>
  parse(text).diagnostics.map(({ line, column, message }) => `${line}:${column} ${message}`)
const place = (text: string, path: (string | number)[], part: 'key' | 'value' = 'value') => {
  const { line, column } = parse(text).mistake(path, part, 'x')
  return `${line}:${column}`
}

describe('places', () => {
  const text = 'a:\n  b: [1, two]\n  c: ${NAME}\n'

  it('are those of keys and values', () => {
    expect(place(text, ['a', 'b', 1])).toBe('2:10')
    expect(place(text, ['a', 'b'], 'key')).toBe('2:3')
    expect(place(text, ['a', 'b'], 'value')).toBe('2:6')
  })

  it('are those of the nearest thing around what is missing', () => {
    expect(place(text, ['a', 'nothing', 'deep'])).toBe('1:1')
    expect(place(text, ['a', 'b', 7])).toBe('2:3')
    expect(place('', ['a'])).toBe('1:1')
  })

  it('are those of the variable inside a value', () => {
    expect(problems('a:\n  c: one ${NOPE}\n')).toEqual(['2:10 the variable NOPE is not set'])
    expect(problems('a: "x\\ty ${NOPE}"')).toEqual(['1:10 the variable NOPE is not set'])
  })

  it('of what an alias stands for are the alias', () => {
    const text = 'x-a: &a\n  k: 1\nb: *a\n'
    expect(parse(text).value).toEqual({ b: { k: 1 } })
    expect(place(text, ['b', 'k'])).toBe('3:4')
  })
})

it('merges maps, where the own key has the say, then the first of a list', () => {
  const text = ['x-a: &a {k: 1, l: 1}', 'x-b: &b {k: 2, m: 2}', 'c:', '  <<: [*a, *b]', '  l: 3', 'd: {<<: *b}'].join(
    '\n',
  )
  expect(parse(text)).toMatchObject({ value: { c: { k: 1, l: 3, m: 2 }, d: { k: 2, m: 2 } }, diagnostics: [] })
})

it('keeps scalars as they are written', () => {
  const source = parse('a: 1.10\nb: "1.10"\nc: 0x10\nd: ${NAME}\n')
  expect(source.value).toEqual({ a: 1.1, b: '1.10', c: 16, d: 'v' })
  expect(['a', 'b', 'c', 'd'].map((key) => source.written([key]))).toEqual(['1.10', '1.10', '0x10', 'v'])
})

it.each([
  ['a: 1\nb: 2\na: 3\n', ['3:1 the key "a" is there twice']],
  ['a:\n\tb: 1\n', [expect.stringContaining('2:1 a tab cannot indent YAML')]],
  ['a: 1\n---\nb: 2\n', [expect.stringContaining('more than one YAML document')]],
  ['a: *nowhere\n', [expect.stringContaining('nowhere')]],
  ['a: !thing 1\n', [expect.stringContaining('Unresolved tag: !thing')]],
  ['{[1]: 2}', ['1:2 a key must be a word']],
  ['__proto__: {a: 1}', ['1:1 __proto__ cannot be a key']],
  ['<<: 3', ['1:1 << takes a map, an alias of a map, or a list of those']],
])('%j is a mistake', (text, expected) => {
  expect(problems(text)).toEqual(expected)
})

it('reports several mistakes of syntax with their lines', () => {
  const found = problems('a: [1\nb: "open\n')
  expect(found.length).toBeGreaterThan(0)
  for (const problem of found) expect(problem).toMatch(/^[123]:\d+ not valid YAML: /)
})

describe('limits', () => {
  it('end a billion laughs', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]']
    for (let level = 1; level < 12; level++) {
      lines.push(
        `a${level}: &a${level} [${Array(9)
          .fill(`*a${level - 1}`)
          .join(', ')}]`,
      )
    }
    expect(problems(lines.join('\n'))).toEqual([expect.stringContaining('aliases make more than')])
  })

  it('end a value that holds itself', () => {
    expect(problems('a: &a [*a]')).toEqual([expect.stringContaining('nested more than')])
    expect(problems('a: &a {<<: *a}')).toEqual([expect.stringContaining('merge of a map into itself')])
  })

  it('end deep nesting', () => {
    expect(problems('['.repeat(500) + ']'.repeat(500))).toEqual([expect.stringContaining('nested more than')])
    expect(problems('['.repeat(200_000))).toEqual([expect.stringContaining('nested too deeply')])
  })

  it('end the list of mistakes', () => {
    expect(problems(`[${Array(500).fill('${NOPE}').join(', ')}]`.replaceAll('${NOPE}', '"${NOPE}"'))).toHaveLength(100)
  })
})
