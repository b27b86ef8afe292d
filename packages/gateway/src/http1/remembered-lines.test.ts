import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { complete, HeadParser, refused } from './head-parser.js'
import { LineMemory, type RememberedLines } from './remembered-lines.js'
import { wordBuffer } from './words.js'

const limits = { maxTargetBytes: 1000, maxHeadBytes: 8000, maxHeaders: 64 }

class Connection {
  readonly parser = new HeadParser(true, limits)
  readonly lines: RememberedLines
  readonly bytes = wordBuffer(8000)

  constructor(memory = new LineMemory(), number = 1) {
    this.lines = memory.of(number)
  }

  /** Reads a head that lies somewhere in the buffer, and says how much of it was known. */
  read(text: string, at = 3): { known: number; fields: string[]; target: string } {
    const { bytes, lines, parser } = this
    bytes.fill(0x21)
    const end = at + bytes.write(text, at, 'latin1')
    const { recognize, recognizeStart } = lines
    let known = 0
    lines.recognizeStart = (...args) => {
      const behind = recognizeStart.apply(lines, args)
      if (behind !== -1) known += behind - at
      return behind
    }
    lines.recognize = (...args) => {
      const behind = recognize.apply(lines, args)
      known += behind - args[2]
      return behind
    }
    parser.begin(bytes, at)
    parser.lines = lines
    if (parser.parse(end) !== complete) throw new Error(parser.refusal.detail)
    Object.assign(lines, { recognize, recognizeStart })
    const part = (from: number, to: number): string => bytes.subarray(from, to).toString('latin1')
    const fields = Array.from({ length: parser.headerCount }, (_, index) => {
      const [nameStart, nameEnd, valueStart, valueEnd] = parser.headers.subarray(index * 4)
      return `${part(nameStart, nameEnd)}: ${part(valueStart, valueEnd)}`
    })
    return { known, fields, target: part(parser.targetStart, parser.targetEnd) }
  }

  /** Reads it often enough to be remembered. */
  learn(text: string): void {
    this.read(text)
    this.read(text)
  }
}

const head = (target: string, ...fields: string[]): string =>
  `GET ${target} HTTP/1.1\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`
const lengthOf = (...fields: string[]): number => fields.join('\r\n').length + 2

describe('the lines of the head before', () => {
  const common = ['Host: shop.example', 'User-Agent: somebody/1.0', 'Cookie: a=b; c=d']

  it('are all that is compared of a head that is the same', () => {
    const connection = new Connection()
    const text = head('/orders?page=2', ...common)
    connection.learn(text)
    const { known, fields, target } = connection.read(text, 6)
    expect(known).toBe(text.length - 2)
    expect(fields).toEqual(common)
    expect(target).toBe('/orders?page=2')
  })

  it('are known behind another first line', () => {
    const connection = new Connection()
    connection.learn(head('/orders', ...common))
    const { known, fields, target } = connection.read(head('/orders/17', ...common))
    expect(known).toBe(lengthOf(...common))
    expect(fields).toEqual(common)
    expect(target).toBe('/orders/17')
  })

  it('are known up to the first that differs, and it is the new ones that are remembered', () => {
    const connection = new Connection()
    connection.learn(head('/', ...common, 'X-Number: 1'))
    const next = head('/', ...common, 'X-Number: 2')
    const start = 'GET / HTTP/1.1\r\n'.length
    expect(connection.read(next)).toEqual({
      known: start + lengthOf(...common),
      fields: [...common, 'X-Number: 2'],
      target: '/',
    })
    expect(connection.read(next).known).toBe(next.length - 2)
  })

  it('vouch for no byte that has not been compared, at any length', () => {
    for (let length = 1; length < 40; length++) {
      const connection = new Connection()
      connection.learn(head('/', 'Host: a', `X: ${'v'.repeat(length)}`))
      for (let at = 0; at < length; at++) {
        const changed = `${'v'.repeat(at)}\0${'v'.repeat(length - at - 1)}`
        const { bytes, parser } = connection
        const end = bytes.write(head('/', 'Host: a', `X: ${changed}`), 'latin1')
        parser.begin(bytes, 0)
        expect(parser.parse(end)).toBe(refused)
      }
    }
  })

  it('are remembered as far as there is room, of a head with many and long ones', () => {
    const connection = new Connection()
    const many = ['Host: a', ...Array.from({ length: 50 }, (_, index) => `X-${index}: ${'v'.repeat(index * 3)}`)]
    const text = head('/', ...many)
    connection.learn(text)
    const { known, fields } = connection.read(text)
    expect(known).toBeGreaterThan(500)
    expect(fields).toEqual(many)
  })

  it('are of one connection: another never sees them', () => {
    const memory = new LineMemory()
    const text = head('/', ...common)
    // These two share a place.
    new Connection(memory, 1).learn(text)
    const other = new Connection(memory, 1 + 256)
    expect(other.read(text).known).toBe(0)
    expect(new Connection(memory, 1).read(text).known).toBe(0)
  })

  it('make no difference, whatever was before', () => {
    const field = fc.constantFrom(
      'Host: a',
      'A: 1',
      'A: 2',
      'Content-Length: 3',
      'Connection: close',
      'Long: 0123456789',
    )
    const fields = fc.uniqueArray(field, { maxLength: 5, selector: (one) => one.slice(0, 6) })
    const heads = fc.tuple(fc.constantFrom('/', '/a', '/a?b', '/a?bc'), fields).map(([target, some]) => {
      return head(target, 'Host: b', ...some.filter((one) => !one.startsWith('Host')))
    })
    fc.assert(
      fc.property(
        fc.array(heads, { minLength: 2, maxLength: 12 }),
        fc.array(fc.nat(8), { minLength: 12 }),
        (texts, ats) => {
          const connection = new Connection()
          texts.forEach((text, index) => {
            const { fields, target } = connection.read(text, ats[index])
            const fresh = new Connection().read(text)
            expect({ fields, target }).toEqual({ fields: fresh.fields, target: fresh.target })
          })
        },
      ),
      { numRuns: 2000 },
    )
  })
})
