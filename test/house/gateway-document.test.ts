import { expect, it } from 'vitest'
import { read } from './source-tree.js'

it('docs/gateway.md has every reason that the gateway gives, with its status, and no other', () => {
  const source = read('packages/gateway/src/problem.ts')
  const given = [...source.matchAll(/^ {2}(\w+): \{\n {4}status: (\d+),/gm)].map(([, reason, status]) => [
    reason,
    status,
  ])
  const documented = [...read('docs/gateway.md').matchAll(/^\| `(\w+)` \| (\d+)/gm)].map(([, reason, status]) => [
    reason,
    status,
  ])
  expect(given.length).toBeGreaterThan(10)
  expect(documented.sort()).toEqual(given.sort())
})

it('the gateway gives every reason that there is', () => {
  const source = ['http1/client-connection.ts', 'http1/exchange.ts', 'http-data-plane.ts']
    .map((file) => read(`packages/gateway/src/${file}`))
    .join('\n')
  const reasons = [...read('packages/gateway/src/problem.ts').matchAll(/^ {2}(\w+): \{\n {4}status/gm)]
  const unused = reasons.map(([, reason]) => reason).filter((reason) => !source.includes(`'${reason}'`))
  expect(unused).toEqual([])
})
