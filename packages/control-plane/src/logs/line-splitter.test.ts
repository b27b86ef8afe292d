import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LineSplitter, maxLineBytes } from './line-splitter.js'

function split(bytes: Buffer, cuts: readonly number[]): { text: string; offset: number }[] {
  const splitter = new LineSplitter()
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  const lines: { text: string; offset: number }[] = []
  let start = 0
  for (const end of [...ends, bytes.length]) {
    lines.push(...splitter.push(bytes.subarray(start, end), start))
    start = end
  }
  lines.push(...splitter.flush())
  return lines
}

describe('LineSplitter', () => {
  it('gives the same lines at the same offsets, however the bytes are cut', () => {
    const anyText = fc.array(fc.constantFrom('a', '€', '😀', '\n', '\r\n', ' ', 'line')).map((parts) => parts.join(''))
    fc.assert(
      fc.property(anyText, fc.array(fc.nat(), { maxLength: 8 }), (text, cuts) => {
        const bytes = Buffer.from(text)
        const lines = split(bytes, cuts)
        const expected = text.split('\n')
        if (expected.at(-1) === '') expected.pop()
        expect(lines.map((line) => line.text)).toEqual(
          expected.map((line, index) => (index < text.split('\n').length - 1 ? line.replace(/\r$/, '') : line)),
        )
        for (const { offset } of lines) expect(offset === 0 || bytes[offset - 1] === 10).toBe(true)
      }),
    )
  })

  it('cuts what is too long into whole characters', () => {
    const text = `x${'€'.repeat(maxLineBytes)}`
    const lines = split(Buffer.from(`${text}\nnext\n`), [maxLineBytes + 7, 3 * maxLineBytes])
    expect(lines.at(-1)?.text).toBe('next')
    expect(
      lines
        .slice(0, -1)
        .map((line) => line.text)
        .join(''),
    ).toBe(text)
    expect(lines.every((line) => Buffer.byteLength(line.text) <= maxLineBytes)).toBe(true)
  })
})
