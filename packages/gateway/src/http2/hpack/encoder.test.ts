import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { withWords } from '../../http1/words.js'
import { decoded, HpackDecoder } from './decoder.js'
import { fieldOverhead, HpackEncoder, nameBuffer } from './encoder.js'
import { huffmanCodes, huffmanLengths } from './huffman-code.js'
import { decodeHuffman, mostDecoded } from './huffman-decoder.js'
import { encodeHuffman, huffmanLength } from './huffman-encoder.js'
import { LineBuffer } from './line-buffer.js'
import { staticNames } from './static-table.js'

type Field = readonly [name: string, value: string]

function encode(encoder: HpackEncoder, fields: readonly Field[], status = 200): Buffer {
  const out = Buffer.alloc(fields.reduce((sum, [name, value]) => sum + name.length + value.length + fieldOverhead, 16))
  let to = encoder.begin(out, 0)
  to = encoder.status(out, to, status)
  for (const [name, value] of fields) {
    const names = withWords(Buffer.from(`<${name}>`, 'latin1'))
    const values = withWords(Buffer.from(`<${value}>`, 'latin1'))
    to = encoder.field(out, to, names, 1, names.length - 1, values, 1, values.length - 1)
  }
  expect(to).toBeLessThanOrEqual(out.length)
  return out.subarray(0, to)
}

function decode(decoder: HpackDecoder, block: Buffer): string {
  const lines = new LineBuffer()
  const sink = { onField() {} }
  expect(decoder.decode(block, 0, block.length, { lines, sink, maxListSize: 1_000_000 })).toBe(decoded)
  return lines.bytes.toString('latin1', 0, lines.length)
}

const linesOf = (fields: readonly Field[], status = 200): string =>
  `:status: ${status}\r\n${fields.map(([name, value]) => `${name.toLowerCase()}: ${value}\r\n`).join('')}`

describe('the Huffman code', () => {
  it('fills its tree: no bits are without a meaning', () => {
    let sum = 0
    for (const length of huffmanLengths) sum += 2 ** -length
    expect(sum).toBe(1)
    expect(huffmanLengths.length).toBe(257)
  })

  it.each([
    ['0', 0x0, 5],
    ['t', 0x9, 5],
    ['a', 0x3, 5],
    ['z', 0x7b, 7],
    ['~', 0x1ffd, 13],
    ['\u0000', 0x1ff8, 13],
    ['\u00ff', 0x3ffffee, 26],
    ['\n', 0x3ffffffc, 30],
    ['\u00f9', 0xffffffe, 28],
  ])('has RFC 7541, Appendix B for %j', (char, code, length) => {
    expect([huffmanCodes[char.charCodeAt(0)], huffmanLengths[char.charCodeAt(0)]]).toEqual([code, length])
  })

  it('gives back what it was given', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const encoded = new Uint8Array(bytes.length * 4 + 1)
        const end = encodeHuffman(bytes, 0, bytes.length, encoded, 0)
        expect(end).toBe(huffmanLength(bytes, 0, bytes.length))
        const out = new Uint8Array(mostDecoded(end))
        const length = decodeHuffman(encoded, 0, end, out, 0)
        expect(out.subarray(0, length)).toEqual(bytes)
      }),
    )
  })

  it('refuses or reads any bytes, within the bound', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const length = decodeHuffman(bytes, 0, bytes.length, new Uint8Array(1000), 0)
        expect(length).toBeLessThanOrEqual(mostDecoded(bytes.length))
      }),
    )
  })
})

describe('HpackEncoder', () => {
  it('writes names in lower case and any status', () => {
    const fields: Field[] = [
      ['Content-Type', 'text/plain'],
      ['X-Odd', ''],
      ['Vary', 'Accept'],
    ]
    for (const status of [200, 204, 206, 304, 400, 404, 500, 100, 201, 418, 599]) {
      const block = encode(new HpackEncoder(), fields, status)
      expect(decode(new HpackDecoder(4096), block)).toBe(linesOf(fields, status))
    }
  })

  it('knows every name of the static table, and the values that stand there', () => {
    for (const [name, index] of staticNames) {
      const block = encode(new HpackEncoder(), [[name, 'some other value']])
      expect([name, block[1] & 0x0f]).toEqual([name, Math.min(index, 15)])
    }
    const encoder = new HpackEncoder()
    expect(
      encode(encoder, [
        ['Accept-Encoding', 'gzip, deflate'],
        [':method', 'GET'],
      ]),
    ).toEqual(Buffer.from([0x88, 0x90, 0x82]))
  })

  it('needs a byte for a field that comes again and again, and leaves out of the table what never does', () => {
    const encoder = new HpackEncoder()
    const decoder = new HpackDecoder(4096)
    const sizes: number[] = []
    for (let number = 0; number < 200; number++) {
      const fields: Field[] = [
        ['content-type', 'application/json; charset=utf-8'],
        ['server', 'something/1.0'],
        ['x-request-id', `id-${number}`],
        ['content-length', String(1000 + number)],
      ]
      const block = encode(encoder, fields)
      expect(decode(decoder, block)).toBe(linesOf(fields))
      sizes.push(block.length)
    }
    expect(sizes[199]).toBeLessThan(20)
    expect(decoder.tableSize).toBeLessThan(300)
  })

  it('finds a field again in any case, in its place or another', () => {
    const encoder = new HpackEncoder()
    const decoder = new HpackDecoder(4096)
    const server: Field = ['server', 'something/1.0']
    const kind: Field = ['content-type', 'text/x-odd']
    for (let again = 0; again < 3; again++) decode(decoder, encode(encoder, [server, kind]))
    const block = encode(encoder, [['Server', server[1]], ['X-Between', 'v'], ['CONTENT-TYPE', kind[1]], server])
    expect(decode(decoder, block)).toBe(linesOf([server, ['x-between', 'v'], kind, server]))
    const known = [block[1], block.at(-2), block.at(-1)]
    expect(known.map((byte) => (byte as number) >= 0x80)).toEqual([true, true, true])
  })

  it.each([
    ['x-odd~', 'x-odd^'],
    ['x-odd^', 'x-odd~'],
    ['x-odd-', 'x-odd~'],
  ])('takes %s for no %s that stands in its place', (name, other) => {
    const encoder = new HpackEncoder()
    const decoder = new HpackDecoder(4096)
    for (const each of [name, name, name, other]) {
      expect(decode(decoder, encode(encoder, [[each, 'v']]))).toBe(linesOf([[each, 'v']]))
    }
  })

  it('never indexes what must not be guessed (RFC 7541 section 7.1)', () => {
    const encoder = new HpackEncoder()
    const decoder = new HpackDecoder(4096)
    for (let again = 0; again < 3; again++) {
      const block = encode(encoder, [['Set-Cookie', 'id=secret']])
      // 0x10: never indexed; 55 is set-cookie.
      expect(block.subarray(1, 3)).toEqual(Buffer.from([0x1f, 55 - 15]))
      decode(decoder, block)
    }
    expect(decoder.tableSize).toBe(0)
  })

  it('tells of smaller and larger tables, the smallest between two sections first (RFC 7541 section 4.2)', () => {
    const encoder = new HpackEncoder()
    const decoder = new HpackDecoder(4096)
    decode(decoder, encode(encoder, [['x-a', 'b']]))
    encoder.limitTable(0)
    encoder.limitTable(100)
    decoder.limitTable(100)
    const block = encode(encoder, [['x-a', 'b']])
    expect(block.subarray(0, 3)).toEqual(Buffer.from('203f45', 'hex'))
    expect(decode(decoder, block)).toBe(linesOf([['x-a', 'b']]))
    encoder.limitTable(100)
    expect(encode(encoder, [])).toEqual(Buffer.from([0x88]))
    encoder.limitTable(0)
    expect(decode(decoder, encode(encoder, [['x-b', 'c']]))).toBe(linesOf([['x-b', 'c']]))
    expect(decoder.tableSize).toBe(0)
    encoder.limitTable(1_000_000)
    expect(encode(encoder, []).subarray(0, 3)).toEqual(Buffer.from('3fe11f', 'hex'))
  })

  it('shares the room for names with others, and nothing else', () => {
    const name = nameBuffer()
    const pairs = [0, 1].map(() => ({ encoder: new HpackEncoder(name), decoder: new HpackDecoder(4096) }))
    const sizes: number[] = []
    for (let again = 0; again < 3; again++) {
      for (const [index, { encoder, decoder }] of pairs.entries()) {
        const fields: Field[] = [
          [`X-Of-${index}`, 'a'],
          ['X-Of-Both', `value ${index}`],
        ]
        const block = encode(encoder, fields)
        expect(decode(decoder, block)).toBe(linesOf(fields))
        sizes.push(block.length)
      }
    }
    // The status and two indexes: what the other has written changes nothing.
    expect(sizes.slice(2)).toEqual([3, 3, 3, 3])
  })

  it('goes on as before when it has added more entries than it can count', () => {
    const encoder = new HpackEncoder()
    const decoder = new HpackDecoder(4096)
    const server: Field = ['server', 'something/1.0']
    let wrong = 0
    for (let number = 0; number < 66_000; number++) {
      // Each a name of its own, so that it is added at once.
      const fields: Field[] = [[`x-${number}`, 'v']]
      if (decode(decoder, encode(encoder, fields)) !== linesOf(fields)) wrong++
    }
    expect(wrong).toBe(0)
    for (let again = 0; again < 3; again++) expect(decode(decoder, encode(encoder, [server]))).toBe(linesOf([server]))
    expect(encode(encoder, [server])).toHaveLength(2)
  })

  it('is read back as it was, section after section, whatever the size of the table', () => {
    const name = fc.constantFrom(
      'a',
      'Content-Type',
      'date',
      'x-request-id',
      'set-cookie',
      'via',
      'Etag',
      'ETAG',
      'x-odd~',
      'X-Odd^',
      'x-odd-',
      'long'.repeat(80),
    )
    const value = fc.oneof(
      fc.constantFrom('a', 'b', 'text/html', ''),
      fc.string({ maxLength: 80, unit: fc.integer({ min: 32, max: 255 }).map((code) => String.fromCharCode(code)) }),
      fc.integer({ min: 1, max: 900 }).map((length) => 'y'.repeat(length)),
    )
    const section = fc.record({
      fields: fc.array(fc.tuple(name, value), { maxLength: 12 }),
      limit: fc.option(fc.integer({ min: 0, max: 5000 }), { nil: null, freq: 5 }),
    })
    fc.assert(
      fc.property(fc.array(section, { maxLength: 30 }), (sections) => {
        const encoder = new HpackEncoder()
        const decoder = new HpackDecoder(4096)
        for (const { fields, limit } of sections) {
          if (limit !== null) {
            encoder.limitTable(limit)
            decoder.limitTable(Math.max(limit, 4096))
          }
          expect(decode(decoder, encode(encoder, fields))).toBe(linesOf(fields))
        }
      }),
      { numRuns: 200 },
    )
  })
})
