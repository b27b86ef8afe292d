import { describe, expect, it } from 'vitest'
import { noPaint } from '../paint.js'
import { cut, renderTable, visibleWidth } from './table.js'

const red = (text: string): string => `\u001b[31m${text}\u001b[39m`

describe('renderTable', () => {
  it('makes columns as wide as their widest cell and leaves no space at the end', () => {
    const text = renderTable(
      ['A', 'LONGER', 'C'],
      [
        ['wide cell', 'x', ''],
        ['y', 'z', 'end'],
      ],
      { paint: noPaint },
    )
    expect(text).toBe(['A          LONGER  C', 'wide cell  x', 'y          z       end'].join('\n'))
  })

  it('does not count colours as width', () => {
    const text = renderTable(
      ['A', 'B'],
      [
        [red('ab'), '1'],
        ['abc', '2'],
      ],
      { paint: noPaint },
    )
    expect(text).toBe(['A    B', `${red('ab')}   1`, 'abc  2'].join('\n'))
  })

  it('cuts lines at the edge of the terminal', () => {
    const text = renderTable(['A', 'B'], [['abc', 'a long remark']], { paint: noPaint, columns: 10 })
    expect(text.split('\n')[1]).toBe('abc  a lo…')
  })
})

describe('cut', () => {
  it('leaves what fits', () => {
    expect(cut('abc', 3)).toBe('abc')
    expect(cut('abc', undefined)).toBe('abc')
  })

  it('keeps the end of every colour that it keeps the beginning of', () => {
    expect(cut(red('abcdef'), 4)).toBe('\u001b[31mabc\u001b[39m…')
    expect(visibleWidth(cut(`x${red('abcdef')}y`, 4))).toBe(4)
  })

  it('never cuts a character in two', () => {
    expect(cut('🌲🌲🌲🌲', 3)).toBe('🌲🌲…')
  })
})
