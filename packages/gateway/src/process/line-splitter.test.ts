import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LineSplitter } from './line-splitter.js'
import { parseMessage, parseTable } from './wire-shape.js'
import { config, edge, endpoint, tableOf } from './tables.suite.js'

describe('LineSplitter', () => {
  it('gives the same lines however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme' })),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (texts, cuts) => {
          const lines = texts.map((text) => text.replaceAll('\n', ' ')).filter((text) => text !== '')
          const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
          const seen: string[] = []
          const splitter = new LineSplitter(10_000, (line) => seen.push(line))
          for (let at = 0, turn = 0; at < bytes.length; turn++) {
            const size = cuts[turn % cuts.length] ?? 1
            expect(splitter.push(bytes.subarray(at, at + size))).toBe(true)
            at += size
          }
          expect(seen).toEqual(lines)
        },
      ),
    )
  })

  it('refuses a line that is too long, whole or in pieces', () => {
    expect(new LineSplitter(4, () => {}).push(Buffer.from('1234\n'))).toBe(true)
    expect(new LineSplitter(4, () => {}).push(Buffer.from('12345\n'))).toBe(false)
    const splitter = new LineSplitter(4, () => {})
    expect(splitter.push(Buffer.from('123'))).toBe(true)
    expect(splitter.push(Buffer.from('45'))).toBe(false)
  })
})

describe('the shape of what comes over the wire', () => {
  const table = tableOf(
    3,
    [endpoint('u1', 5001)],
    config([edge(8080), { ...edge(1), kind: 'mesh', name: 'm', service: 'users' }]),
  )

  it('takes what the control plane sends', () => {
    for (const message of [
      { type: 'snapshot', ...table },
      { type: 'change', from: 3, version: 4, set: table.endpoints, removed: ['a'], config: table.config },
      { type: 'heartbeat', version: 4 },
    ]) {
      expect(parseMessage(JSON.stringify(message))).toEqual(message)
    }
    expect(parseTable(JSON.stringify(table))).toEqual(table)
  })

  it.each([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['an unknown type', '{"type":"reset"}'],
    ['no version', '{"type":"heartbeat"}'],
    ['a version that is no number', '{"type":"heartbeat","version":"1"}'],
    ['a change without its lists', '{"type":"change","from":1,"version":2}'],
    [
      'an endpoint without address',
      '{"type":"change","from":1,"version":2,"removed":[],"set":[{"id":"a","service":"s","state":"healthy","weight":1}]}',
    ],
    ['a port out of range', JSON.stringify({ type: 'snapshot', ...table, endpoints: [endpoint('a', 70_000)] })],
    [
      'a configuration without routes',
      JSON.stringify({ type: 'snapshot', ...table, config: { ...table.config, routes: null } }),
    ],
    [
      'a limit that is no number',
      JSON.stringify({ type: 'snapshot', ...table, config: { ...table.config, limits: { maxHeaders: '9' } } }),
    ],
    [
      'a mesh listener without service',
      JSON.stringify({
        type: 'snapshot',
        ...table,
        config: { ...table.config, listeners: [{ ...edge(1), kind: 'mesh' }] },
      }),
    ],
  ])('refuses %s', (_, line) => {
    expect(parseMessage(line)).toBeNull()
  })

  it('never throws', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string(), (value, text) => {
        parseMessage(text)
        expect([null, value]).toContainEqual(parseMessage(JSON.stringify(value)))
      }),
    )
  })
})
