import { describe, expect, it } from 'vitest'
import { IdSource } from './ids.js'

describe('IdSource', () => {
  it('writes random bytes as hex where it is told', () => {
    let next = 0
    const ids = new IdSource((pool) => pool.forEach((_, index) => (pool[index] = next++ & 255)))
    const out = Buffer.alloc(36, '.')
    expect(ids.writeRequestId(out, 2)).toBe(34)
    expect(out.toString()).toBe('..000102030405060708090a0b0c0d0e0f..')
    expect(ids.writeSpanId(out, 0)).toBe(16)
    expect(out.toString('latin1', 0, 16)).toBe('1011121314151617')
  })

  it('fills its pool anew and never repeats within it', () => {
    const ids = new IdSource()
    const seen = new Set<string>()
    const out = Buffer.alloc(32)
    for (let index = 0; index < 5_000; index++) {
      ids.writeTraceId(out, 0)
      seen.add(out.toString())
    }
    expect(seen.size).toBe(5_000)
    for (const id of seen) expect(id).toMatch(/^[0-9a-f]{32}$/)
  })

  it('never gives an id of zeros only, which means "invalid"', () => {
    const ids = new IdSource((pool) => pool.fill(0))
    const out = Buffer.alloc(16)
    ids.writeSpanId(out, 0)
    expect(out.toString()).toBe('0000000000000001')
  })
})
