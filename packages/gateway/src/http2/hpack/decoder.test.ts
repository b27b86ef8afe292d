import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decoded, type FieldSink, hostile, HpackDecoder, invalid, tooLarge } from './decoder.js'
import * as kinds from '../../http1/field-kinds.js'
import {
  badName,
  badValue,
  connectionField,
  fieldMask,
  kindOf,
  pathField,
  plain,
  unknownPseudo,
} from './field-class.js'
import { LineBuffer } from './line-buffer.js'

/** Keeps what it is given, as text. */
class Fields implements FieldSink {
  readonly lines = new LineBuffer()
  readonly classes: number[] = []
  readonly names: string[] = []

  onField(fieldClass: number, start: number, nameEnd: number, end: number): void {
    if (this.lines.length !== end) throw new Error('the line is not the last one')
    this.classes.push(fieldClass)
    this.names.push(this.lines.bytes.toString('latin1', start, nameEnd))
  }

  get text(): string {
    return this.lines.bytes.toString('latin1', 0, this.lines.length)
  }
}

function decode(decoder: HpackDecoder, hex: string, maxListSize = 10_000): Fields & { outcome: number } {
  const fields = new Fields() as Fields & { outcome: number }
  const bytes = Buffer.from(`ffff${hex.replaceAll(' ', '')}ff`, 'hex')
  fields.outcome = decoder.decode(bytes, 2, bytes.length - 1, { lines: fields.lines, sink: fields, maxListSize })
  return fields
}

/** A string of HPACK, as it is. */
const plainString = (text: string): string =>
  `${text.length.toString(16).padStart(2, '0')}${Buffer.from(text).toString('hex')}`

const lines = (...fields: string[]): string => fields.map((field) => `${field}\r\n`).join('')

describe('the examples of RFC 7541, Appendix C', () => {
  it.each([
    ['C.2.1', '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572', 'custom-key: custom-header', 55],
    ['C.2.2', '040c 2f73 616d 706c 652f 7061 7468', ':path: /sample/path', 0],
    ['C.2.3', '1008 7061 7373 776f 7264 0673 6563 7265 74', 'password: secret', 0],
    ['C.2.4', '82', ':method: GET', 0],
  ])('%s', (_name, hex, line, size) => {
    const decoder = new HpackDecoder(4096)
    expect(decode(decoder, hex)).toMatchObject({ outcome: decoded, text: `${line}\r\n` })
    expect(decoder.tableSize).toBe(size)
  })

  const requests = [
    lines(':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'),
    lines(':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com', 'cache-control: no-cache'),
    lines(
      ':method: GET',
      ':scheme: https',
      ':path: /index.html',
      ':authority: www.example.com',
      'custom-key: custom-value',
    ),
  ]

  it.each([
    [
      'C.3 requests as they are',
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ],
    [
      'C.4 requests in Huffman code',
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ],
  ])('%s', (_name, ...blocks) => {
    const decoder = new HpackDecoder(4096)
    const sizes = [57, 110, 164]
    for (const [index, hex] of blocks.entries()) {
      expect(decode(decoder, hex)).toMatchObject({ outcome: decoded, text: requests[index] })
      expect(decoder.tableSize).toBe(sizes[index])
    }
  })

  const location = 'location: https://www.example.com'
  const responses = [
    lines(':status: 302', 'cache-control: private', 'date: Mon, 21 Oct 2013 20:13:21 GMT', location),
    lines(':status: 307', 'cache-control: private', 'date: Mon, 21 Oct 2013 20:13:21 GMT', location),
    lines(
      ':status: 200',
      'cache-control: private',
      'date: Mon, 21 Oct 2013 20:13:22 GMT',
      location,
      'content-encoding: gzip',
      'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
    ),
  ]

  it.each([
    [
      'C.5 responses as they are, entries evicted',
      '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e' +
        '1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '4803 3330 37c1 c0bf',
      '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d' +
        '4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572' +
        '7369 6f6e 3d31',
    ],
    [
      'C.6 responses in Huffman code, entries evicted',
      '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b' +
        '97c8 e9ae 82ae 43d3',
      '4883 640e ffc1 c0bf',
      '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf' +
        'cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
    ],
  ])('%s', (_name, ...blocks) => {
    const decoder = new HpackDecoder(256)
    const sizes = [222, 222, 215]
    for (const [index, hex] of blocks.entries()) {
      expect(decode(decoder, hex)).toMatchObject({ outcome: decoded, text: responses[index] })
      expect(decoder.tableSize).toBe(sizes[index])
    }
  })
})

describe('what is not HPACK', () => {
  it.each([
    ['index 0 (section 6.1)', '80'],
    ['an index behind the static table, the dynamic one empty', 'be'],
    ['an index far behind both', 'ffffff03'],
    ['the name of an index behind both', '7f8001 00'],
    ['an integer without end (section 5.1)', 'ff80'],
    ['an integer that is too large', 'ff8080808080808001'],
    ['a string that is longer than the section', '0004 61'],
    ['a section that ends before the value', '0001 61'],
    ['a section that ends in the name', '00'],
    ['Huffman code with the end of string in it (section 5.2)', '0001 61 84ffffffff'],
    ['Huffman code with more than seven bits of padding', '0001 61 82 1fff'],
    ['Huffman code with padding that is not all ones', '0001 61 81 18'],
    ['a size update above the limit (section 6.3)', '3fe21f'],
    ['a size update behind a field (section 4.2)', '8220'],
  ])('%s', (_name, hex) => {
    expect(decode(new HpackDecoder(4096), hex).outcome).toBe(invalid)
  })

  it('asks for an update after the limit was lowered (RFC 9113 section 4.3.1)', () => {
    const silent = new HpackDecoder(4096)
    silent.limitTable(100)
    expect(decode(silent, '82').outcome).toBe(invalid)
    const right = new HpackDecoder(4096)
    right.limitTable(100)
    expect(decode(right, '3f45 82').outcome).toBe(decoded)
    expect(decode(right, '82').outcome).toBe(decoded)
    expect(decode(right, '3f46 82').outcome).toBe(invalid)
  })
})

describe('the dynamic table', () => {
  it('is emptied by an update to nothing and can grow again', () => {
    const decoder = new HpackDecoder(4096)
    decode(decoder, '4001 6101 62')
    expect(decoder.tableSize).toBe(34)
    expect(decode(decoder, '20 3fe11f be').outcome).toBe(invalid)
    expect(decoder.tableSize).toBe(0)
    decode(decoder, '4001 6101 62')
    expect(decode(decoder, 'be')).toMatchObject({ outcome: decoded, text: 'a: b\r\n' })
  })

  it('is empty after an entry that is larger than it (section 4.4)', () => {
    const decoder = new HpackDecoder(64)
    decode(decoder, '4001 6101 62')
    const block = Buffer.concat([Buffer.from('400163', 'hex'), Buffer.from([40]), Buffer.alloc(40, 'x')])
    expect(decode(decoder, block.toString('hex')).outcome).toBe(decoded)
    expect(decoder.tableSize).toBe(0)
  })

  it('lets an entry be named by one that it pushes out (section 4.4)', () => {
    const decoder = new HpackDecoder(36)
    decode(decoder, '4001 6101 62')
    expect(decode(decoder, '7e 0163')).toMatchObject({ outcome: decoded, text: 'a: c\r\n' })
    expect(decode(decoder, 'be')).toMatchObject({ outcome: decoded, text: 'a: c\r\n' })
  })

  it('keeps what it was given, whatever the order of adding and repeating', () => {
    const entry = fc.record({
      value: fc.string({ maxLength: 60, unit: 'grapheme-ascii' }),
      repeats: fc.nat({ max: 40 }),
    })
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 200 }), fc.integer({ min: 0, max: 1200 }), (entries, maxSize) => {
        const decoder = new HpackDecoder(maxSize)
        let expected: { value: string; size: number }[] = []
        for (const { value, repeats } of entries) {
          const bytes = Buffer.from(`400178${value.length.toString(16).padStart(2, '0')}`, 'hex')
          decode(decoder, Buffer.concat([bytes, Buffer.from(value, 'latin1')]).toString('hex'))
          expected.unshift({ value, size: value.length + 33 })
          let size = 0
          expected = expected.filter((kept) => (size += kept.size) <= maxSize)
          const result = decode(decoder, (0x80 | (62 + repeats)).toString(16))
          const isThere = repeats < expected.length
          expect(result.outcome).toBe(isThere ? decoded : invalid)
          expect(result.text).toBe(isThere ? `x: ${expected[repeats].value}\r\n` : '')
        }
      }),
      { numRuns: 60 },
    )
  })
})

describe('classes of fields', () => {
  it('say what a field means in any version of HTTP, also of one that is repeated', () => {
    // Two that go into the table, from its front then: the second, the first; a name by its index with another value.
    const hex = `40 ${plainString('x-request-id')} 0161 40 ${plainString('x_request_id')} 0162 be bf 0f30 0163`
    const { classes } = decode(new HpackDecoder(4096), hex)
    expect(classes.map(kindOf)).toEqual([kinds.requestId, kinds.hop, kinds.hop, kinds.requestId, kinds.requestId])
  })

  it.each([
    ['an ordinary one', '0001 61 0162', plain],
    ['the path', '04 012f', pathField],
    ['connection', `000a${Buffer.from('connection').toString('hex')}0163`, connectionField],
    ['an upper-case name', '0001 41 0162', badName],
    ['an empty name', '0000 0162', badName],
    ['a name with a space', '0002 6120 0162', badName],
    ['an unknown pseudo-header', '0003 3a7878 0162', unknownPseudo],
    ['a value with NUL', '0001 61 0100', plain | badValue],
    ['a value with CR', '0001 61 03610d62', plain | badValue],
    ['a value with LF', '0001 61 03610a62', plain | badValue],
    ['a value that begins with a space', '0001 61 022061', plain | badValue],
    ['a value that ends with a tab', '0001 61 026109', plain | badValue],
  ])('%s', (_name, hex, fieldClass) => {
    const { classes } = decode(new HpackDecoder(4096), hex)
    expect(classes.map((each) => each & (fieldMask | badName | badValue))).toEqual([fieldClass])
  })

  it('goes with an entry of the table, but a bad value not with its name', () => {
    const decoder = new HpackDecoder(4096)
    expect(decode(decoder, '40 0161 0100 be 7e 0162').classes).toEqual([badValue, badValue, plain])
  })
})

describe('the limit of a section', () => {
  it('counts names, values and 32 for each field (RFC 9113 section 6.5.2)', () => {
    const decoder = new HpackDecoder(4096)
    expect(decode(decoder, '0001 61 0162', 34).outcome).toBe(decoded)
    expect(decode(decoder, '0001 61 0162', 33)).toMatchObject({ outcome: tooLarge, text: '' })
  })

  it('keeps the table right in what is too large', () => {
    const decoder = new HpackDecoder(4096)
    expect(decode(decoder, '4001 6101 62 4001 6301 64', 40)).toMatchObject({ outcome: tooLarge, text: 'a: b\r\n' })
    expect(decode(decoder, 'bebf').text).toBe('c: d\r\na: b\r\n')
  })

  it('ends a bomb (one large entry, repeated a byte at a time) at a few times the limit', () => {
    const decoder = new HpackDecoder(4096)
    const entry = Buffer.concat([Buffer.from('4001617f811e', 'hex'), Buffer.alloc(3968, 'x')])
    expect(decode(decoder, entry.toString('hex')).outcome).toBe(decoded)
    const bomb = decode(decoder, 'be'.repeat(100_000), 10_000)
    expect(bomb.outcome).toBe(hostile)
    expect(decoder.listSize).toBeLessThan(4 * 10_000 + 5_000)
    expect(bomb.lines.bytes.length).toBeLessThan(40_000)
  })

  it('ends a bomb of names that are added again and again', () => {
    const decoder = new HpackDecoder(4096)
    const entry = Buffer.concat([Buffer.from('407f811e', 'hex'), Buffer.alloc(3968, 'x'), Buffer.from('0162', 'hex')])
    expect(decode(decoder, entry.toString('hex')).outcome).toBe(decoded)
    const bomb = decode(decoder, '7e0162'.repeat(30_000), 10_000)
    expect(bomb.outcome).toBe(hostile)
    expect(bomb.lines.bytes.length).toBeLessThan(40_000)
  })
})
