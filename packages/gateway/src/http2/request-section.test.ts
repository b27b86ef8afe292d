import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Head } from '../http1/head.js'
import { complete, HeadParser } from '../http1/head-parser.js'
import { classifyName, checkValue } from './hpack/field-class.js'
import { LineBuffer } from './hpack/line-buffer.js'
import { RequestSection } from './request-section.js'

const limits = { maxTargetBytes: 64, maxHeadBytes: 250, maxHeaders: 8 }

type Fields = readonly (readonly [string, string])[]

function sectionOf(fields: Fields, isEndStream: boolean, of = limits): RequestSection {
  return fill(new RequestSection(new LineBuffer(), new HeadParser(true, of)), fields, isEndStream)
}

/** Gives a section the fields of a request, as the decoder would. */
function fill(section: RequestSection, fields: Fields, isEndStream: boolean): RequestSection {
  section.begin(section.head, false)
  const { lines } = section
  for (const [name, value] of fields) {
    const start = lines.length
    const line = Buffer.from(`${name}: ${value}\r\n`, 'latin1')
    lines.reserve(line.length)
    line.copy(lines.bytes, start)
    lines.length = start + line.length
    const nameEnd = start + name.length
    const fieldClass = classifyName(lines.bytes, start, nameEnd)
    const flaw = checkValue(fieldClass, lines.bytes, nameEnd + 2, lines.length - 2)
    section.onField(fieldClass | flaw, start, nameEnd, lines.length)
  }
  section.finish(isEndStream)
  return section
}

/** All that a head says of a request, as plain values. */
function said(head: Head): unknown {
  const { bytes, start, end, headerCount } = head
  const places = [head.methodStart, head.methodEnd, head.targetStart, head.targetEnd, head.queryStart, head.queryEnd]
  return {
    text: Buffer.from(bytes.subarray(start, end)).toString('latin1'),
    places,
    hosts: [head.hostStart, head.hostEnd, head.authorityStart, head.authorityEnd],
    path: Buffer.from(head.path.subarray(0, head.pathLength)).toString('latin1'),
    headers: [...head.headers.subarray(0, headerCount * 4)],
    kinds: [...head.kinds.subarray(0, headerCount)],
    framing: [head.contentLength, head.isChunked, head.minorVersion],
    options: [head.hasClose, head.hasKeepAlive, head.hasUpgradeOption, head.hasOtherOption, head.expectsContinue],
    indexes: [head.upgradeIndex, head.requestIdIndex, head.traceparentIndex, head.dateIndex],
  }
}

/** What the parser of HTTP/1.1 reads in the section's lines, at the same place; null when it refuses them. */
function parsed({ lines, start }: RequestSection): unknown {
  const parser = new HeadParser(true, limits)
  parser.begin(Buffer.from(lines.bytes.subarray(0, lines.length)), start)
  return parser.parse(lines.length) === complete ? said(parser) : null
}

const pseudo = (path: string): [string, string][] => [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'a.example:8443'],
  [':path', path],
]

const anyField = fc.oneof(
  fc.constantFrom<[string, string]>(
    ['accept', 'text/html'],
    ['cookie', 'a=b'],
    ['cookie', 'c=d'],
    ['cookie', ''],
    ['host', 'A.example:8443'],
    ['content-length', '0'],
    ['content-length', '12'],
    ['content-length', '1 2'],
    ['te', 'trailers'],
    ['expect', '100-continue'],
    ['x-request-id', 'r1'],
    ['traceparent', '00-1-2-3'],
    ['x-forwarded-for', '10.0.0.1'],
    ['x_forwarded_for', '10.0.0.1'],
    ['x-empty', ''],
    ['date', 'today'],
    ['x-long', 'v'.repeat(90)],
  ),
  fc.tuple(fc.constantFrom('x-a', 'x-long-name'), fc.string({ unit: 'grapheme-ascii', maxLength: 60 })),
)
const anyPath = fc.constantFrom(
  '/',
  '/a?b=c',
  '/a?b?c',
  '/%7ea/../b',
  '/..',
  '/%2e%2e/x',
  '/%00',
  `/${'p'.repeat(70)}`,
  '/?',
)

describe('the head that the fields of a request make', () => {
  it('says what the parser of HTTP/1.1 would read in its bytes', () => {
    const outcomes = new Set<string>()
    fc.assert(
      fc.property(anyPath, fc.array(anyField, { maxLength: 9 }), fc.boolean(), (path, fields, isEndStream) => {
        const section = sectionOf([...pseudo(path), ...fields], isEndStream)
        fc.pre(section.fault === '')
        outcomes.add(section.refusal?.code ?? 'served')
        const read = parsed(section)
        // Of several things that are wrong either may be seen first.
        expect(read === null).toBe(section.refusal !== null)
        expect(read ?? said(section.head)).toEqual(said(section.head))
      }),
      { numRuns: 3_000 },
    )
    expect([...outcomes].sort()).toEqual([
      'bad_content_length',
      'bad_target',
      'head_too_large',
      'repeated_content_length',
      'served',
      'target_too_long',
      'too_many_headers',
    ])
  })

  it('has its lines where they have moved to when the buffer grew', () => {
    const long = 'v'.repeat(3_000)
    const fields: Fields = [...pseudo('/'), ['x-a', long], ['x-b', long], ['content-length', '7']]
    const whole = sectionOf(fields, false, { ...limits, maxHeadBytes: 20_000 })
    expect(whole.lines.bytes.length).toBeGreaterThan(new LineBuffer().bytes.length)
    expect(whole.refusal).toBeNull()
    expect(whole.head.contentLength).toBe(7)
    expect(Buffer.from(whole.head.bytes.subarray(whole.head.headers[6], whole.head.headers[7])).toString()).toBe(long)
  })
})
