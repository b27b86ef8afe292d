import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { ContainerEngine, hasEngine } from '../support/container-engine.js'
import { TemporaryApp } from '../support/temporary-app.js'

const relay = resolve(dirname(fileURLToPath(import.meta.url)), '../support/programs/relay.mjs')

const services = `
  built:
    build: ./image
    healthcheck: /healthz
    rollout: { min_healthy_time: 0s }
    routes: [/built]`

describe.skipIf(!hasEngine)('a watched image', () => {
  let engine: ContainerEngine
  let app: TemporaryApp

  beforeAll(async () => {
    engine = await ContainerEngine.start()
    await engine.importNode([])
    app = await TemporaryApp.create(services)
    app.environment['DOCKER_HOST'] = engine.host
    mkdirSync(app.file('image'))
    writeFileSync(app.file('image/relay.mjs'), readFileSync(relay))
    recipe('')
  }, 300_000)

  afterAll(async () => {
    await app?.dispose()
    await engine?.stop()
  }, 90_000)

  const recipe = (more: string): void =>
    writeFileSync(
      app.file('image/Dockerfile'),
      `FROM node\nCOPY relay.mjs /app.mjs\n${more}CMD ["/bin/node", "/app.mjs"]\n`,
    )
  const instances = async () => (await app.healthyInstances('built')).map(({ id }) => id).join()

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
})
