import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readHead, readNext } from './heads.js'
import { requestCases } from './request-cases.js'

const cutsOf = (text: string, points: readonly number[]): number[] =>
  points.map((point) => point % Math.max(1, text.length)).sort((a, b) => a - b)

interface Change {
  readonly at: number
  readonly how: string
  readonly byte: string
}

const changes = fc.array(
  fc.record({
    at: fc.nat(300),
    how: fc.constantFrom('replace', 'insert', 'remove', 'repeat'),
    byte: fc.oneof(
      fc.constantFrom('\r', '\n', ' ', '\t', ':', '\0', ',', '\x7f', '\x80', '0', 'A'),
      fc.nat(255).map((value) => String.fromCharCode(value)),
    ),
  }),
  { maxLength: 4 },
)

function change(head: string, changed: readonly Change[]): string {
  let text = head
  for (const { at, how, byte } of changed) {
    const place = at % (text.length + 1)
    const before = text.slice(0, place)
    if (how === 'replace') text = before + byte + text.slice(place + 1)
    else if (how === 'insert') text = before + byte + text.slice(place)
    else if (how === 'remove') text = before + text.slice(place + 1)
    else text = before + text.slice(place, place + 20) + text.slice(place)
  }
  return text
}

/** Heads from the table. */
const known = fc.constantFrom(...requestCases.map((one) => one.head))
/** The same with a few bytes changed, left out, put in or repeated. */
const mutated = fc.tuple(known, changes).map(([head, changed]) => change(head, changed))
/** One that has come a few times, and then in other shapes. */
const alike = fc
  .tuple(known, fc.array(changes, { minLength: 1, maxLength: 4 }))
  .map(([head, shapes]) => [head, head, head, ...shapes.map((changed) => change(head, changed))])

const anything = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1'))

describe('any bytes as a request head', () => {
  it.each([
    ['random', anything],
    ['mutated', mutated],
  ])('%s: the outcome does not depend on how they are cut', (_, texts) => {
    fc.assert(
      fc.property(texts, fc.array(fc.nat(400), { maxLength: 6 }), (text, points) => {
        expect(readHead(text, cutsOf(text, points))).toEqual(readHead(text))
      }),
      { numRuns: 3000 },
    )
  })

  it.each([
    ['requests', alike, true],
    ['responses', alike.map((texts) => texts.map((text) => text.replace(/^[^\r\n]*/, 'HTTP/1.1 200 OK'))), false],
  ])('%s: the outcome does not depend on those before it', (_, sequences, isRequest) => {
    fc.assert(
      fc.property(sequences, fc.array(fc.nat(400), { maxLength: 2 }), (texts, points) => {
        const last = texts[texts.length - 1]
        expect(readNext(texts, cutsOf(last, points), isRequest)).toEqual(readHead(last, [], isRequest))
      }),
      { numRuns: 3000 },
    )
  })

  it('as a response head: likewise', () => {
    const responses = mutated.map((text) => text.replace(/^[^\r\n]*/, 'HTTP/1.1 200 OK'))
    fc.assert(
      fc.property(responses, fc.array(fc.nat(400), { maxLength: 6 }), (text, points) => {
        expect(readHead(text, cutsOf(text, points), false)).toEqual(readHead(text, [], false))
      }),
      { numRuns: 2000 },
    )
  })

  it('never holds a control character in anything that is served', () => {
    fc.assert(
      fc.property(mutated, (text) => {
        const read = readHead(text)
        if (read.outcome !== 'complete') return
        for (const [name, value] of read.headers) {
          // oxlint-disable-next-line no-control-regex -- they are what is looked for.
          expect(`${name}${value}`).not.toMatch(/[\0-\x08\x0a-\x1f\x7f]/)
          expect(name).toMatch(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/)
        }
        expect(read.isChunked && read.length >= 0).toBe(false)
      }),
      { numRuns: 3000 },
    )
  })
})
