import { expect, it } from 'vitest'
import { parseScale } from './scale.js'

it('reads how many instances of which service', () => {
  expect(parseScale('users=3')).toEqual({ service: 'users', replicas: 3 })
  expect(parseScale('order-items=0')).toEqual({ service: 'order-items', replicas: 0 })
})

it.each(['users=abc', 'users=-1', 'users=1.5', 'users=', 'users', '=3', 'users=1001', 'users= 3', 'a=b=3', ''])(
  'refuses "%s"',
  (text) => {
    expect(() => parseScale(text)).toThrow(expect.objectContaining({ code: 'usage' }))
  },
)
