import { expect, it } from 'vitest'
import { isTest, read, sourceFiles } from './source-tree.js'

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

it('the gateway hints at limits in the words of the manifest', () => {
  const source = read('packages/gateway/src/problem.ts')
  const named = [...source.matchAll(/`(max_\w+)`/g)].map(([, name]) => name ?? '')
  const schema = read('docs/reference/pando.schema.json')
  expect(named).toContain('max_body')
  expect(named.filter((name) => !schema.includes(`"${name}"`))).toEqual([])
  // Names of the code, such as maxBodyBytes.
  expect(source.match(/hint: .*\bmax[A-Z]\w+/g)).toBeNull()
})

it('the gateway gives every reason that there is', () => {
  const source = sourceFiles()
    .filter((file) => file.startsWith('packages/gateway/src/') && !isTest(file) && !file.endsWith('/problem.ts'))
    .map(read)
    .join('\n')
  const reasons = [...read('packages/gateway/src/problem.ts').matchAll(/^ {2}(\w+): \{\n {4}status/gm)]
  const unused = reasons.map(([, reason]) => reason).filter((reason) => !source.includes(`'${reason}'`))
  expect(unused).toEqual([])
})

it('docs/security.md names for every attack a test that is there', () => {
  const rows = read('docs/security.md')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| attack '))
  expect(rows.length).toBeGreaterThan(20)
  const missing = rows.filter((row) => {
    const shown = [...row.matchAll(/`((?:packages|test)\/[^`]+)` "([^"]+)"/g)]
    return shown.length === 0 || shown.some(([, file, title]) => !read(file ?? '').includes(title ?? ''))
  })
  expect(missing).toEqual([])
})
