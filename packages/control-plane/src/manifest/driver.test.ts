import { expect, it } from 'vitest'
import { listed, readFrom } from './reading.suite.js'
import { renderConfig } from './render.js'

const revisionOf = (text: string, variables: Readonly<Record<string, string>> = {}) => {
  const result = readFrom(text, { variables })
  if (result.kind !== 'read') throw new Error('it has mistakes')
  return { ...result.app.services['a']!.revision, used: result.usedVariables, app: result.app }
}

it('runs a program in an image of its own when the manifest says so', () => {
  const text = `services:\n  a: { driver: container, build: { kind: node, base: "node:local" }, working_dir: run }\n`
  const { container, build, workdir, app } = revisionOf(text)
  expect([container?.image, build.kind, build.base, workdir]).toEqual([null, 'node', 'node:local', '/app/run'])
  const again = revisionOf(renderConfig(app))
  expect([again.container?.image, again.build.base, again.workdir]).toEqual([null, 'node:local', '/app/run'])
})

it('does so for all that do not say it when pando up does, and remembers that it was asked', () => {
  const text = 'services:\n  a: { build: { kind: python, base: x }, command: python a.py }\n'
  const asked = revisionOf(text, { PANDO_DRIVER: 'container' })
  expect([asked.container?.image, asked.used['PANDO_DRIVER']]).toEqual([null, 'container'])
  // What only an image needs makes no new revision of a process.
  expect(revisionOf(text).build).not.toHaveProperty('base')
  const own = text.replace('{ build', '{ driver: process, build')
  expect(revisionOf(own, { PANDO_DRIVER: 'container' }).container).toBeUndefined()
})

it('makes images of those that are asked for, and of others where it can', () => {
  const web = '  web: { build: { kind: node }, driver: process }\n'
  const text = `services:\n${web}  tool: { command: run }\n  made: { build: { kind: node, command: make } }\n`
  const containers = (images?: readonly string[]) => {
    const result = readFrom(text, images === undefined ? {} : { images })
    if (result.kind !== 'read') throw new Error(listed(text).join())
    return Object.values(result.app.services).flatMap(({ name, revision }) => (revision.container ? [name] : []))
  }
  expect([containers(), containers([]), containers(['web'])]).toEqual([[], [], ['web']])
  const free = text.replace(', driver: process', '')
  const result = readFrom(free, { images: [] })
  expect(result).toMatchObject({ app: { services: { web: { revision: { container: { image: null } } } } } })
  const asked = readFrom(text, { images: ['tool', 'made'] })
  expect(asked.kind === 'mistaken' && asked.diagnostics.map(({ message, hint }) => `${message}: ${hint}`)).toEqual([
    expect.stringMatching(/without a kind of program.*or name other services/),
    expect.stringContaining('builds on this machine'),
  ])
})

it.each([
  ['services:\n  a: { driver: process, image: x }\n', '2:16 services.a.driver: an image does not run as a process'],
  ['services:\n  a: { driver: container, command: run }\n', 'services.a.driver: a service without a kind of program'],
  [
    'services:\n  a: { driver: container, build: { kind: node, command: make } }\n',
    'services.a.build.command: "command" builds on this machine',
  ],
  ['services:\n  a: { build: { kind: dockerfile, base: x } }\n', 'services.a.build.base: "base" is for images without'],
])('refuses %j', (text, mistake) => {
  expect(listed(text)).toEqual([expect.stringContaining(mistake)])
})
