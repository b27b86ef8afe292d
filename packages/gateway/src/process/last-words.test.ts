import { expect, test } from 'vitest'
import { LastWords } from './last-words.js'

const crash = `file:///app/dist/main.js:3
throw new TypeError('no such thing')
^

TypeError: no such thing
    at file:///app/dist/main.js:3:7
    at ModuleJob.run (node:internal/modules/esm/module_job:325:25)

Node.js v20.20.0
`

function wordsOf(...chunks: (string | Buffer)[]): LastWords {
  const words = new LastWords()
  for (const chunk of chunks) words.push(Buffer.from(chunk))
  return words
}

test('what a process ended of is the error that it named, however its bytes came', () => {
  expect(wordsOf(crash).error).toBe('TypeError: no such thing')
  const bytes = Buffer.from(crash.replaceAll('no such thing', 'nicht möglich'))
  expect(wordsOf(...Array.from(bytes, (byte) => Buffer.of(byte))).error).toBe('TypeError: nicht möglich')
  const heap = 'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory'
  expect(wordsOf(`<--- JS stacktrace --->\n\n${heap}\n----- Native stack trace -----\n\n 1: 0xb8d\n`).error).toBe(heap)
  const coded = `Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'x'`
  expect(wordsOf(`${coded}\n    at f (node:x) {\n  code: 'ERR_MODULE_NOT_FOUND'\n}\n`).error).toBe(coded)
})

test('one that named no error ended of its last line, and one that wrote nothing does not say', () => {
  expect(wordsOf('a\nkilled by a friend').error).toBe('killed by a friend')
  expect(wordsOf('')).toMatchObject({ error: '', lines: [] })
})

test('only the last lines are kept, cut and without what would move a cursor', () => {
  const { lines } = wordsOf(...Array.from({ length: 1_000 }, (_, index) => `line ${index}\n`))
  expect(lines).toEqual([995, 996, 997, 998, 999].map((index) => `line ${index}`))
  expect(wordsOf(`${'x'.repeat(9_000)}\n`).lines).toEqual(['x'.repeat(300)])
  expect(wordsOf(...Array.from({ length: 100 }, () => 'x'.repeat(1_000))).lines).toEqual(['x'.repeat(300)])
  expect(wordsOf('\u001b[31mred\u001b[0m\u0007\u001b[2J\r\n').lines).toEqual(['red[2J'])
})
