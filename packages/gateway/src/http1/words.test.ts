import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { copy, isSame, wordBuffer, withWords } from './words.js'

/** The same content in a buffer with words, as a slice of a larger one with words, and in buffers without. */
function forms(content: Uint8Array): Uint8Array[] {
  const made = wordBuffer(content.length)
  made.set(content)
  const behindOthers = Buffer.alloc(content.length + 3)
  behindOthers.set(content, 3)
  return [made, withWords(behindOthers.subarray(3)), Buffer.from(content), new Uint8Array(content)]
}

describe('words', () => {
  it('make of a buffer what is still a buffer', () => {
    const buffer = wordBuffer(8)
    buffer.write('abcdefgh')
    expect(buffer.toString('latin1', 2, 4)).toBe('cd')
    expect(Buffer.isBuffer(buffer.subarray(1))).toBe(true)
    expect(buffer.words.getInt8(1)).toBe(0x62)
  })

  it('copy just what is to be copied, whatever buffers it is from and to', () => {
    const content = Uint8Array.from({ length: 700 }, (_, index) => (index * 7) & 255)
    fc.assert(
      fc.property(fc.nat(60), fc.oneof(fc.nat(40), fc.nat(600)), fc.nat(30), (start, length, to) => {
        const expected = Buffer.alloc(700, '.')
        for (let index = 0; index < length; index++) expected[to + index] = content[start + index]
        for (const from of forms(content)) {
          for (const out of forms(Buffer.alloc(700, '.'))) {
            expect(copy(from, start, start + length, out, to)).toBe(to + length)
            expect(Buffer.compare(out, expected)).toBe(0)
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  it('tell equal bytes from those that differ anywhere', () => {
    const content = Uint8Array.from({ length: 64 }, (_, index) => index)
    fc.assert(
      fc.property(fc.nat(20), fc.nat(20), fc.nat(40), fc.nat(40), (at, otherAt, length, changed) => {
        const other = new Uint8Array(64)
        other.set(content.subarray(at, at + length), otherAt)
        const isEqual = changed >= length
        if (!isEqual) other[otherAt + changed] ^= 0x80
        for (const one of forms(content)) {
          for (const two of forms(other)) expect(isSame(one, at, two, otherAt, length)).toBe(isEqual)
        }
      }),
      { numRuns: 300 },
    )
  })
})
