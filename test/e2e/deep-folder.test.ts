import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { TemporaryApp } from '../support/temporary-app.js'

/** Longer than any address of a unix socket, and with what shells and URLs stumble over. */
const below = `a folder/${'deep-'.repeat(30)}/söme #1%`

let app: TemporaryApp

const services = (version: string): string => `
  back:
    build: ./echo
    command: exec node echo.mjs
    healthcheck: /healthz
    environment: { VERSION: ${version} }
    routes: [/back]
    rollout:
      strategy: canary
      min_healthy_time: 200ms
      min_requests: 1
      steps: [{ weight: 50, pause: 4s }]`

beforeAll(async () => {
  app = await TemporaryApp.create(services('one'), { below })
  await app.up()
}, 120_000)

afterAll(() => app?.dispose(), 60_000)

test('a canary in a deep folder is judged by the figures of its gateway', async () => {
  await until('the first revision is one to go back to', async () => {
    return JSON.parse((await app.run('history', 'back', '--json')).stdout)[0]?.result === 'healthy'
  })
  app.writeManifest(services('two'))
  const up = app.run('up', '-d')
  const passed = await until('the canary has passed its step', async () => {
    for (let i = 0; i < 10; i++) await app.fetch('/back')
    return /has passed step 1 of 1: .*/.exec((await app.run('events')).stdout)?.[0]
  })
  expect(passed).not.toMatch(/without figures|unjudged/)
  expect((await up).code).toBe(0)
}, 60_000)

test('an app in a deep folder with an odd name is served, measured, and goes on after its control plane was killed', async () => {
  expect((await app.fetch('/back')).status).toBe(200)
  const token = readFileSync(join(app.stateDir, 'token'), 'utf8').trim()
  const metrics = await app.fetch('/metrics', { port: app.apiPort, headers: { authorization: `Bearer ${token}` } })
  expect(metrics.body).toContain('pando_gateway_requests_total')
  const before = await app.status()
  process.kill(before.pid, 'SIGKILL')
  await app.up()
  const after = await until('the gateway reports to the next one', async () => {
    const status = await app.status()
    return status.gateway.state === 'ready' && status
  })
  expect(after.gateway.pid).toBe(before.gateway.pid)
  expect((await app.fetch('/back')).status).toBe(200)
  expect((await app.run('down')).code).toBe(0)
  expect(app.processes()).toEqual([])
}, 60_000)
