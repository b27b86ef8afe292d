import { expect, it } from 'vitest'
import { renderSize } from './size.js'

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [1_234_567, '1.2 MB'],
  [5e9, '5.0 GB'],
  [2e15, '2000.0 TB'],
])('%s bytes are %s', (bytes, text) => expect(renderSize(bytes)).toBe(text))
