import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { withContainerApp } from '../support/container-app.js'
import { type ContainerEngine, hasEngine } from '../support/container-engine.js'
import type { TemporaryApp } from '../support/temporary-app.js'

const relay = resolve(dirname(fileURLToPath(import.meta.url)), '../support/programs/relay.mjs')

const services = `
  built:
    build: ./image
    healthcheck: /healthz
    rollout: { min_healthy_time: 0s }
    routes: [/built]
  synced:
    build: ./synced
    read_only: false
    healthcheck: /healthz
    rollout: { min_healthy_time: 0s }
    routes: [/synced]
    develop:
      watch:
        - { action: sync, path: ./synced/pages, target: /pages }
        - { action: sync+restart, path: ./synced/app.mjs, target: /app.mjs }`

describe.skipIf(!hasEngine)('a watched image', () => {
  let engine: ContainerEngine
  let app: TemporaryApp

  withContainerApp(services, async (made) => {
    ;({ engine, app } = made)
    await engine.importNode([])
    mkdirSync(app.file('image'))
    writeFileSync(app.file('image/relay.mjs'), readFileSync(relay))
    recipe('')
    mkdirSync(app.file('synced/pages'), { recursive: true })
    writeFileSync(app.file('synced/pages/a.txt'), 'as built')
    writeFileSync(app.file('synced/app.mjs'), readFileSync(relay))
    writeFileSync(
      app.file('synced/Dockerfile'),
      'FROM node\nCOPY app.mjs /app.mjs\nCOPY pages /pages\nCMD ["/bin/node", "/app.mjs"]\n',
    )
  })

  const recipe = (more: string): void =>
    writeFileSync(
      app.file('image/Dockerfile'),
      `FROM node\nCOPY relay.mjs /app.mjs\n${more}CMD ["/bin/node", "/app.mjs"]\n`,
    )
  const instances = async (service = 'built') => (await app.healthyInstances(service)).map(({ id }) => id).join()

  test('is built and rolled anew by a save; a recipe that fails leaves the old one', { timeout: 180_000 }, async () => {
    const terminal = app.attach('up', '--watch')
    const first = await until('it is healthy', async () => (await instances()) || null, { timeoutMs: 90_000 })
    recipe('COPY absent /absent\n')
    await until('the error is shown', () => /built.*could not be built/.test(terminal.text()), { timeoutMs: 60_000 })
    expect(await instances()).toBe(first)
    recipe('LABEL more=1\n')
    await until(
      'another one serves',
      async () => {
        const now = await instances()
        return now !== '' && !now.includes(first)
      },
      { timeoutMs: 60_000 },
    )
    expect((await app.fetch('/built')).status).toBeLessThan(500)
  })
  test('has saved files put into its containers, those that come later too', { timeout: 180_000 }, async () => {
    const terminal = app.attach('up', '--watch')
    const first = await until('it is healthy', async () => (await instances('synced')) || null, { timeoutMs: 90_000 })
    await until('it is watched', () => /Watching .*synced/.test(terminal.text()), { timeoutMs: 60_000 })
    const page = async (name: string) => (await app.fetch(`/synced/file/pages/${name}`)).body
    const shows = (name: string, text: string) =>
      until(`${name} is ${text}`, async () => (await page(name)) === text, { timeoutMs: 60_000 })
    await shows('a.txt', 'as built')
    writeFileSync(app.file('synced/pages/a.txt'), 'as saved')
    await shows('a.txt', 'as saved')
    mkdirSync(app.file('synced/pages/deep'))
    writeFileSync(app.file('synced/pages/deep/b.txt'), 'new')
    await shows('deep/b.txt', 'new')
    expect(await instances('synced')).toBe(first)

    rmSync(app.file('synced/pages/deep/b.txt'))
    await until('it is said that this image has no rm', () => /its image has no "rm"/.test(terminal.text()), {
      timeoutMs: 60_000,
    })
    const program = readFileSync(relay, 'utf8').replace('response.end(PANDO_SERVICE)', "response.end('restarted')")
    writeFileSync(app.file('synced/app.mjs'), program)
    await until('the new program answers', async () => (await app.fetch('/synced')).body === 'restarted', {
      timeoutMs: 60_000,
    })
    expect(await instances('synced')).not.toBe(first)
    await shows('a.txt', 'as saved')
  })
})
