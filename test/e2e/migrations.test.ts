import { existsSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { TemporaryApp } from '../support/temporary-app.js'

let app: TemporaryApp

/** A migration that writes down each of its runs, and what depends on it. */
function manifest(version: string, ending = 'true'): string {
  return `
  migrate:
    build: ./echo
    protocol: none
    restart: "no"
    command: echo ${version} >> ${app.file('runs')} && ${ending}
  web:
    build: ./echo
    command: exec node echo.mjs
    healthcheck: /healthz
    environment: { VERSION: ${version} }
    routes: [/web]
    depends_on: { migrate: { condition: service_completed_successfully } }
    rollout: { min_healthy_time: 100ms }`
}

const runs = (): string[] =>
  existsSync(app.file('runs')) ? readFileSync(app.file('runs'), 'utf8').trim().split('\n') : []

const served = async (): Promise<unknown> => (JSON.parse((await app.fetch('/web')).body) as { version: string }).version

beforeAll(async () => {
  app = await TemporaryApp.create('  placeholder: { build: ./echo, command: "true" }')
  app.writeManifest(manifest('one'))
  await app.up()
}, 120_000)

afterAll(() => app?.dispose(), 60_000)

test('a migration runs once before what depends on it', async () => {
  expect(runs()).toEqual(['one'])
  expect(await served()).toBe('one')
})

test('a changed migration runs once more before the new revision, and not when nothing changes', async () => {
  app.writeManifest(manifest('two'))
  await app.up()
  await until('the second revision serves', async () => (await served()) === 'two')
  expect(runs()).toEqual(['one', 'two'])
  await app.up()
  expect(runs()).toEqual(['one', 'two'])
}, 60_000)

test('a failing migration leaves the old revision serving, is told, and the older one does not run in its place', async () => {
  app.writeManifest(manifest('three', 'exit 4'))
  expect((await app.run('up', '-d', '--timeout', '1s')).code).toBe(1)
  await until('the failure is told', async () => (await app.service('migrate')).state === 'failed')
  await until('the dependent says what it waits for', async () => {
    return (await app.service('web')).reason.includes('migrate, which has failed')
  })
  expect((await app.service('migrate')).reason).toContain('exit code 4')
  expect((await app.run('events', '--json')).stdout).toContain('not gone back from')
  expect(await served()).toBe('two')
  expect(runs()).toEqual(['one', 'two', 'three'])

  app.writeManifest(manifest('four'))
  await app.up()
  await until('the mended revision serves', async () => (await served()) === 'four')
  expect(runs()).toEqual(['one', 'two', 'three', 'four'])
}, 60_000)
