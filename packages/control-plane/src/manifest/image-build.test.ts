import { expect, it } from 'vitest'
import { listed, readFrom } from './reading.suite.js'

it('reads which recipe an image is built by, to which stage, with what', () => {
  const text = `
services:
  a:
    build:
      context: a
      dockerfile: ./docker/web
      args: { VERSION: 1.10, HANDED: , NONE: }
      target: run
  b: { build: { args: [VERSION=1=2, HANDED] } }
`
  const result = readFrom(text, { variables: { HANDED: 'on' } })
  const services = result.kind === 'read' ? result.app.services : {}
  expect(services['a']?.revision.build).toEqual({
    kind: 'dockerfile',
    context: '/app/a',
    command: null,
    dockerfile: 'docker/web',
    args: { VERSION: '1.10', HANDED: 'on' },
    target: 'run',
  })
  expect(services['a']?.revision.container?.image).toBeNull()
  expect(services['b']?.revision.build.args).toEqual({ VERSION: '1=2', HANDED: 'on' })
  expect(result.kind === 'read' && result.warnings.map(({ message }) => message)).toEqual([
    'NONE is to be handed on, and is not set',
  ])
})

it.each([
  [
    'services:\n  a: { build: { kind: node, target: test } }\n',
    '2:29 services.a.build.target: "target" is for images, and kind node builds none',
  ],
  [
    'services:\n  a: { build: { context: a, dockerfile: ../Dockerfile } }\n',
    '"../Dockerfile" is no file inside "/app/a"',
  ],
  [
    'services:\n  a: { build: { kind: dockerfile, command: make } }\n',
    '2:35 services.a.build.command: "command" builds a program of this machine',
  ],
  ['services:\n  a: { build: { args: [1A=x] } }\n', 'services.a.build.args[0]: "1A" is not a name of an argument'],
])('refuses %j', (text, mistake) => {
  expect(listed(text)).toEqual([expect.stringContaining(mistake)])
})
