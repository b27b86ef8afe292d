import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { TemporaryApp } from '../support/temporary-app.js'

const manifest = (version: string): string => `
  back:
    build: ./echo
    command: exec node echo.mjs
    healthcheck: /healthz
    replicas: 2
    environment: { VERSION: ${version} }
    routes: [/back]
    rollout:
      strategy: canary
      min_healthy_time: 200ms
      steps: [{ weight: 20 }]`

let app: TemporaryApp

beforeAll(async () => {
  app = await TemporaryApp.create(manifest('one'))
  await app.up()
  await until('the first revision is what one goes back to', async () => {
    return JSON.parse((await app.run('history', 'back', '--json')).stdout)[0]?.result === 'healthy'
  })
}, 120_000)

afterAll(() => app?.dispose(), 60_000)

/** How many of 100 requests each version answered. */
async function shares(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (let i = 0; i < 100; i++) {
    const { version } = JSON.parse((await app.fetch('/back')).body) as { version: string }
    counts[version] = (counts[version] ?? 0) + 1
  }
  return counts
}

async function deploy(version: string): Promise<void> {
  app.writeManifest(manifest(version))
  await app.run('up', '-d', '--timeout', '1s')
  await until('the canary has its share', async () => {
    const { rollout } = await app.service('back')
    return rollout?.state === 'progressing' && rollout.reason === 'it waits for pando promote'
  })
}

test('a canary gets its share, waits, and gets all once it is promoted', async () => {
  await deploy('two')
  expect((await app.service('back')).rollout).toMatchObject({ step: 1, steps: 1, weight: 20 })
  const { one = 0, two = 0 } = await shares()
  expect(one + two).toBe(100)
  expect(two).toBeGreaterThanOrEqual(15)
  expect(two).toBeLessThanOrEqual(25)
  expect((await app.run('promote', 'back')).code).toBe(0)
  await app.settled('back', 2)
  expect(await shares()).toEqual({ two: 100 })
}, 60_000)

test('an aborted canary leaves the old revision as it was', async () => {
  const before = new Set((await app.healthyInstances('back')).map((one) => one.id))
  await deploy('three')
  expect((await app.run('abort', 'back')).code).toBe(0)
  const after = await app.settled('back', 2)
  expect(after.map((one) => before.has(one.id))).toEqual([true, true])
  expect(await shares()).toEqual({ two: 100 })
  expect((await app.run('history', 'back')).stdout).toContain('aborted by hand')
}, 60_000)

test('there is nothing to promote or abort when no rollout is under way', async () => {
  for (const command of ['promote', 'abort']) {
    const result = await app.run(command, 'back')
    expect(result.code).toBe(1)
    expect(result.stderr).not.toMatch(/\n\s+at /)
  }
})
