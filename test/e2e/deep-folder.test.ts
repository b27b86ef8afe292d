import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { TemporaryApp } from '../support/temporary-app.js'

/** Longer than any address of a unix socket, and with what shells and URLs stumble over. */
const below = `a folder/${'deep-'.repeat(30)}/söme #1%`

let app: TemporaryApp

beforeAll(async () => {
  const services = `
  back:
    build: ./echo
    command: exec node echo.mjs
    healthcheck: /healthz
    routes: [/back]`
  app = await TemporaryApp.create(services, { below })
  await app.up()
}, 120_000)

afterAll(() => app?.dispose(), 60_000)

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
