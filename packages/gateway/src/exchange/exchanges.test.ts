import { expect, it } from 'vitest'
import { Exchanges } from './exchanges.js'

const one = { name: 'one' } as never
const other = { name: 'other' } as never

it('the exchange given back last serves the next client', () => {
  const exchanges = new Exchanges({} as never)
  const [first, second] = [exchanges.take(one), exchanges.take(one)]
  expect(second).not.toBe(first)
  exchanges.give(first)
  exchanges.give(second)
  expect(exchanges.take(other)).toBe(second)
  expect(second.client).toBe(other)
  expect(exchanges.take(other)).toBe(first)
  expect(exchanges.take(other).client).toBe(other)
})

it('no more than a bound are kept', () => {
  const exchanges = new Exchanges({} as never)
  const taken = Array.from({ length: 1_100 }, () => exchanges.take(one))
  for (const exchange of taken) exchanges.give(exchange)
  const again = taken.map(() => exchanges.take(one))
  expect(again.filter((exchange) => taken.includes(exchange))).toHaveLength(1_024)
})
