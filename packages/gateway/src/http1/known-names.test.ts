import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fieldKind, knownKinds } from './field-kinds.js'
import { kinds, knownLength, knownName } from './known-names.js'
import { wordBuffer } from './words.js'

const some = [
  'accept',
  'accept-encoding',
  'accept-language',
  'access-control-max-age',
  'user-agent',
  'vary',
  'x-api-key',
]
const names = [...knownKinds.keys(), ...some].filter((name) => name.length >= 4)

/** The number of the name that `text` begins with, `text` lying behind other bytes. */
function find(text: string, stop = text.length): number {
  const bytes = wordBuffer(text.length + 3)
  bytes.write(text, 3, 'latin1')
  return knownName(bytes, 3, 3 + stop)
}

describe('known names', () => {
  it.each(names)('%s in any case, and with what it means', (name) => {
    for (const written of [name, name.toUpperCase(), name.replace(/(^|-)./g, (letter) => letter.toUpperCase())]) {
      const found = find(`${written}: x`)
      expect(knownLength(found)).toBe(name.length)
      expect(kinds[found]).toBe(fieldKind(Buffer.from(written), 0, written.length))
    }
  })

  it('are none when any byte is another one', () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.nat(40), fc.nat(255), (name, at, byte) => {
        const written = Buffer.from(`${name}: x`)
        at %= name.length
        const isSame = String.fromCharCode(byte).toLowerCase() === name[at]
        written[at] = byte
        const found = find(written.toString('latin1'))
        // A shorter one may be known, where the byte is a colon.
        const isShorter = byte === 0x3a && found !== -1 && knownLength(found) === at
        expect(found !== -1).toBe(isSame || isShorter)
      }),
      { numRuns: 5_000 },
    )
  })

  it.each(['accept', 'host', 'content-length'])('are none before the colon behind %s has come', (name) => {
    for (let stop = 0; stop <= name.length; stop++) expect(find(`${name}: x`, stop)).toBe(-1)
    expect(find(`${name}: x`, name.length + 1)).not.toBe(-1)
  })

  it('are none where the name goes on, ends early or has a space', () => {
    for (const text of ['hosts: x', 'hos: x', 'host : x', ' host: x', 'te: x', ': x', 'x-forwarded-for: x']) {
      expect(find(text)).toBe(-1)
    }
  })
})
