import { describe, expect, it } from 'vitest'
import { mergeWarnings, Warnings } from './warnings.js'

describe('warnings of listeners', () => {
  it('of several workers are told once', () => {
    expect(mergeWarnings([{ a: ['x'] }, { a: ['x', 'y'], b: ['x'] }, {}])).toEqual({ a: ['x', 'y'], b: ['x'] })
  })

  it('are logged when they begin and when they end, not in between', () => {
    const lines: string[] = []
    const warnings = new Warnings((line) => lines.push(line))
    warnings.note({ edge: ['it expires'] })
    warnings.note({ edge: ['it expires'] })
    warnings.note({ edge: ['it expires', 'its key is open'] })
    warnings.note({})
    expect(lines).toEqual([
      'listener edge: it expires',
      'listener edge: its key is open',
      'no longer so: listener edge: it expires',
      'no longer so: listener edge: its key is open',
    ])
  })
})
