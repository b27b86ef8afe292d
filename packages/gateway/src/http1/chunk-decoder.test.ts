import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChunkDecoder } from './chunk-decoder.js'

/** Decodes a body given in the pieces that `cuts` make; `rest` is what is left behind the body, `trailers` what it ends with. */
function decode(
  text: string,
  cuts: readonly number[] = [],
): { data: string; code: string; isDone: boolean; rest: string; trailers?: string } {
  const bytes = Buffer.from(text, 'latin1')
  const decoder = new ChunkDecoder()
  decoder.begin()
  const out = Buffer.alloc(bytes.length)
  let length = 0
  let from = 0
  for (const to of [...cuts, bytes.length]) {
    if (to <= from) continue
    length = decoder.decode(bytes, from, to, out, length)
    const { consumed } = decoder
    if (decoder.refusal !== null || decoder.isDone) {
      const rest = decoder.isDone ? bytes.subarray(consumed).toString('latin1') : ''
      return {
        data: out.toString('latin1', 0, length),
        code: decoder.refusal?.code ?? '',
        isDone: decoder.isDone,
        rest,
        ...(decoder.isDone && decoder.trailers !== null
          ? { trailers: Buffer.from(decoder.trailers.whole()).toString('latin1') }
          : {}),
      }
    }
    expect(consumed).toBe(to)
    from = to
  }
  return { data: out.toString('latin1', 0, length), code: '', isDone: false, rest: '' }
}

const served: readonly (readonly [string, string, string, string?])[] = [
  ['nothing', '0\r\n\r\n', ''],
  ['one chunk', '5\r\nhello\r\n0\r\n\r\n', 'hello'],
  ['more chunks', '5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n', 'hello world'],
  ['hex digits of both cases', 'a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n', '01234567890123456789'],
  ['leading zeros', '0005\r\nhello\r\n000\r\n\r\n', 'hello'],
  ['an extension', '5;a=b;c="d e"\r\nhello\r\n0;e\r\n\r\n', 'hello'],
  ['white space before an extension', '5 \t;a\r\nhello\r\n0\r\n\r\n', 'hello'],
  ['trailers', '5\r\nhello\r\n0\r\nA: b\r\nC:\r\n\r\n', 'hello', 'A: b\r\nC: \r\n'],
  ['white space around trailers', '0\r\nA: \tb c\t \r\nC: \t \r\n\r\n', '', 'A: b c\r\nC: \r\n'],
  ['as many trailers as may be', `0\r\n${'A:b\r\n'.repeat(100)}\r\n`, '', 'A: b\r\n'.repeat(100)],
  ['trailers as long as may be', `0\r\nA:${'b'.repeat(8189)}\r\n\r\n`, '', `A: ${'b'.repeat(8189)}\r\n`],
  ['data that looks like framing', '7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n', '\r\n0\r\n\r\n'],
]

const refused: readonly (readonly [string, string, string])[] = [
  ['an empty size', '\r\nhello\r\n', 'bad_chunk'],
  ['a size that is no number', 'g\r\n', 'bad_chunk'],
  ['a signed size', '+5\r\nhello\r\n', 'bad_chunk'],
  ['a negative size', '-1\r\n', 'bad_chunk'],
  ['0x', '0x5\r\nhello\r\n', 'bad_chunk'],
  ['white space before the size', ' 5\r\nhello\r\n', 'bad_chunk'],
  ['white space behind the size', '5 \r\nhello\r\n', 'bad_chunk'],
  ['a size that overflows', 'fffffffffffffffff\r\n', 'chunk_too_large'],
  ['a size that is too large', '1000000000000\r\n', 'chunk_too_large'],
  ['a size with too many zeros', `${'0'.repeat(17)}\r\n`, 'chunk_too_large'],
  ['a bare LF behind the size', '5\nhello\r\n0\r\n\r\n', 'bare_line_feed'],
  ['a bare CR behind the size', '5\rhello\r\n', 'bare_carriage_return'],
  ['a bare LF in an extension', '5;a\nhello\r\n', 'bare_line_feed'],
  ['a bare CR in an extension', '5;a\rb\r\nhello\r\n', 'bare_carriage_return'],
  ['a NUL in an extension', '5;\0\r\nhello\r\n', 'bad_chunk'],
  ['extensions without end', `5;${'a'.repeat(17_000)}`, 'chunk_extensions_too_large'],
  [
    'extensions that are too long together',
    `1;${'a'.repeat(9000)}\r\nx\r\n1;${'a'.repeat(9000)}\r\n`,
    'chunk_extensions_too_large',
  ],
  ['data longer than its size', '4\r\nhello\r\n0\r\n\r\n', 'bad_chunk'],
  ['a bare LF behind the data', '5\r\nhello\n0\r\n\r\n', 'bad_chunk'],
  ['a bare CR behind the data', '5\r\nhello\r0\r\n\r\n', 'bare_carriage_return'],
  ['a bare LF at the end', '0\r\n\n', 'bad_trailer'],
  ['a bare CR at the end', '0\r\n\rX', 'bare_carriage_return'],
  ['a folded trailer', '0\r\nA: b\r\n c\r\n\r\n', 'bad_trailer'],
  ['a trailer without a name', '0\r\n: b\r\n\r\n', 'bad_trailer'],
  ['a trailer without a colon', '0\r\nA\r\n\r\n', 'bad_trailer'],
  ['a space before the colon of a trailer', '0\r\nA : b\r\n\r\n', 'bad_trailer'],
  ['a control character in a trailer', '0\r\nA: \x01\r\n\r\n', 'bad_trailer'],
  ['too many trailers', `0\r\n${'A:b\r\n'.repeat(101)}\r\n`, 'trailers_too_large'],
  ['a trailer that is too long', `0\r\nA:${'b'.repeat(8190)}\r\n`, 'trailers_too_large'],
  ['trailers without end', `0\r\n${'A: b\r\n'.repeat(3000)}`, 'trailers_too_large'],
]

describe('ChunkDecoder', () => {
  it.each(served)('takes %s', (_, body, data, trailers) => {
    const ends = trailers === undefined ? {} : { trailers }
    expect(decode(`${body}NEXT`)).toEqual({ data, code: '', isDone: true, rest: 'NEXT', ...ends })
  })

  it.each(refused)('refuses %s', (_, body, code) => {
    expect(decode(body)).toMatchObject({ code, isDone: false })
  })

  it.each([...served, ...refused].flatMap(([name, body]) => (body.length < 200 ? [[name, body] as const] : [])))(
    'judges %s the same wherever it is cut',
    (_, body) => {
      const whole = decode(body)
      for (let cut = 1; cut < body.length; cut++) expect(decode(body, [cut])).toEqual(whole)
      expect(
        decode(
          body,
          Array.from(body, (__, index) => index),
        ),
      ).toEqual(whole)
    },
  )

  it('waits for the end', () => {
    expect(decode('5\r\nhello\r\n0\r\n')).toEqual({ data: 'hello', code: '', isDone: false, rest: '' })
  })

  it('gives back any data in any chunks and any cuts', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 600 }), { maxLength: 6 }),
        fc.array(fc.nat(4000), { maxLength: 8 }),
        (chunks, points) => {
          const texts = chunks.map((chunk) => Buffer.from(chunk).toString('latin1'))
          const body = `${texts.map((text) => `${text.length.toString(16)}\r\n${text}\r\n`).join('')}0\r\n\r\n`
          const cuts = points.filter((point) => point < body.length).sort((a, b) => a - b)
          expect(decode(body, cuts)).toEqual({ data: texts.join(''), code: '', isDone: true, rest: '' })
        },
      ),
    )
  })

  it('judges any bytes the same wherever they are cut', () => {
    const text = fc
      .array(fc.constantFrom('0', '1', 'a', 'F', ';', ' ', '\r\n', '\r', '\n', ':', 'x', '\r\n\r\n', '\0'), {
        maxLength: 30,
      })
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(text, fc.array(fc.nat(60), { maxLength: 6 }), (body, points) => {
        const cuts = points.filter((point) => point < body.length).sort((a, b) => a - b)
        expect(decode(body, cuts)).toEqual(decode(body))
      }),
      { numRuns: 2000 },
    )
  })
})
