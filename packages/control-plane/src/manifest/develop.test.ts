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

const writable = 'image: x\n    read_only: false'

const rulesIn = (text: string, rest: string) => appOf(service(text, rest)).services['a']?.watch

it('reads what is put into containers, and where', () => {
  const more = { path: '/app/a', ignore: [], include: [] }
  const synced = rulesIn('{ action: sync, path: ./a, target: /srv/../app/ }', writable)
  expect(synced).toEqual([{ action: 'sync', target: '/app', ...more }])
  const volume = 'image: x\n    volumes: [./data:/app]'
  const mounted = rulesIn('{ action: sync+restart, path: ./a, target: /app/x }', volume)
  expect(mounted).toEqual([{ action: 'sync+restart', target: '/app/x', ...more }])
})

it('has nothing to copy for what runs from its folder as it is', () => {
  const live = 'build: { context: a, snapshot: false }\n    command: run'
  const rule = (action: string) =>
    appOf(service(`{ action: ${action}, path: ./a, target: /app }`, live)).services['a']?.watch
  expect(rule('sync')).toEqual([])
  expect(rule('sync+restart')).toEqual([{ action: 'restart', path: '/app/a', ignore: [], include: [] }])
})

it.each([
  [
    service('{ action: sync, path: ./a, target: /x }'),
    '6:21 services.a.develop.watch[0].action: "sync" is not supported for a service that runs as a process',
  ],
  [service('{ action: sync+exec, path: ./a, target: /x }'), '"sync+exec" is not supported yet'],
  [
    service('{ action: rebuild, path: ./a, target: /x }'),
    '6:41 services.a.develop.watch[0].target: "target" has a meaning for sync only',
  ],
  [
    service('{ action: sync, path: ./a }', writable),
    '7:21 services.a.develop.watch[0].action: "sync" needs a "target"',
  ],
  [service('{ action: sync, path: ./a, target: app }', writable), '"app" is no place in the container'],
  [service('{ action: sync, path: ./a, target: /x/.. }', writable), 'is no place in the container'],
  [
    service('{ action: sync, path: ./a, target: /app }', 'image: x'),
    '6:46 services.a.develop.watch[0].target: "/app" is read-only in the container',
  ],
  [
    service('{ action: sync, path: ./a, target: /run/x }', `${writable}\n    tmpfs: /run`),
    '"/run/x" is read-only in the container',
  ],
  [
    service('{ action: sync, path: ./a, target: /x, initial_sync: true }', writable),
    '"initial_sync" is not supported yet',
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
