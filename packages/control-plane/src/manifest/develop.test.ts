import { expect, it } from 'vitest'
import { appOf, listed } from './reading.suite.js'

it('reads what is watched, seen from the folder of the manifest', () => {
  const text = `
services:
  a:
    build: ./a
    develop:
      watch:
        - { action: rebuild, path: ./a/src, ignore: [docs/] }
        - { action: restart, path: ../settings, include: "*.conf" }
  b: { build: ./b }
  c: { build: ./c, develop: { watch: [] } }
`
  const { services } = appOf(text)
  expect(services['a']?.watch).toEqual([
    { action: 'rebuild', path: '/app/a/src', ignore: ['docs/'], include: [] },
    { action: 'restart', path: '/settings', ignore: [], include: ['*.conf'] },
  ])
  expect(services['b']).not.toHaveProperty('watch')
  expect(services['c']?.watch).toEqual([])
})

const service = (rule: string, rest = 'build: ./a') =>
  `services:\n  a:\n    ${rest}\n    develop:\n      watch:\n        - ${rule}\n`

it.each([
  [service('{ action: sync, path: ./a }'), '6:21 services.a.develop.watch[0].action: "sync" is not supported yet'],
  [service('{ action: sync+restart, path: ./a }'), '"sync+restart" is not supported yet'],
  [
    service('{ action: rebuild, path: ./a, target: /x }'),
    '6:41 services.a.develop.watch[0].target: "target" is not supported yet',
  ],
  [service('{ action: rebuild, path: ./b }'), '"/app/b" is outside of the service\'s folder'],
  [service('{ action: rebuild, path: ./a }', 'command: run'), 'nothing is built, so that a rebuild changes nothing'],
  [
    service('{ action: rebuild, path: ./a }', 'build: { context: a, snapshot: false }'),
    'it runs from its folder as it is',
  ],
  [service('{ action: rebuld, path: ./a }'), 'did you mean "rebuild"'],
  [service('{ action: rebuild }'), '"path" is missing'],
])('refuses %j', (text, mistake) => {
  expect(listed(text)).toEqual([expect.stringContaining(mistake)])
})
