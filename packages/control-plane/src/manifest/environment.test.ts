import fc from 'fast-check'
import { expect, it } from 'vitest'
import { discoveryNames, isGivenTo, isReserved } from './environment.js'
import { nameMistake } from './names.js'

const serviceName = fc
  .array(fc.constantFrom('a', 'b', '-', '1', 'url', 'service', 'host', 'port'), { minLength: 1, maxLength: 5 })
  .map((parts) => parts.join(''))
  .filter((name) => nameMistake(name) === null)

it('gives two services no variable of the same name, whatever they are called', () => {
  fc.assert(
    fc.property(serviceName, serviceName, (one, other) => {
      fc.pre(one !== other)
      const names = new Set(discoveryNames(one))
      expect(discoveryNames(other).filter((name) => names.has(name))).toEqual([])
    }),
  )
})

it('keeps the names that Pando gives, and PORT and HOST only where there is something to listen on', () => {
  expect(isReserved('PANDO_APP', 'none')).toBe(true)
  expect(isReserved('PORT', 'http')).toBe(true)
  expect(isReserved('PORT', 'none')).toBe(false)
  expect(isReserved('USERS_URL', 'http')).toBe(false)
})

it('knows what a shell in a command can look up', () => {
  for (const name of ['PORT', 'HOME', 'ORDER_ITEMS_URL', 'OTEL_SERVICE_NAME'])
    expect(isGivenTo(name, ['order-items'])).toBe(true)
  expect(isGivenTo('ORDERS_URL', ['order-items'])).toBe(false)
  expect(isGivenTo('EDITOR', [])).toBe(false)
})
