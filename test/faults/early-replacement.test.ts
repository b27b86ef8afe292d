import { afterEach, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { TemporaryApp } from '../support/temporary-app.js'

let app: TemporaryApp

afterEach(() => app?.dispose(), 60_000)

const write = (command: string): void =>
  app.writeManifest(`
  work:
    build: ./echo
    command: ${command}
    healthcheck: { http: /healthz, interval: 500ms }
    rollout: { min_healthy_time: 30s }
    routes: [/work]`)

test('a bad revision right after one that is not proven yet goes back to that once it is, and the one serves on', async () => {
  app = await TemporaryApp.create('  none: { command: "true" }')
  write('exec node echo.mjs')
  await app.up()
  const first = await app.service('work')
  expect(first.rollout).toMatchObject({ state: 'progressing', from: null })
  write('"exit 3"')
  const applied = app.run('up', '-d')
  const back = await until(
    'it is gone back to',
    async () => {
      const now = await app.service('work')
      expect((await app.fetch('/work')).status).toBe(200)
      return now.rollout?.isRollback === true && now.rollout.state === 'succeeded' && now
    },
    { timeoutMs: 90_000, everyMs: 500 },
  )
  expect([back.revision, back.instances.map(({ id }) => id)]).toEqual([
    first.revision,
    first.instances.map(({ id }) => id),
  ])
  await applied
  const { stdout } = await app.run('history', 'work', '--json')
  const results = (JSON.parse(stdout) as { revision: string; result: string }[]).map(({ result }) => result)
  expect(results).toEqual(['healthy', 'rolled_back', 'healthy'])
  expect((await app.run('events', 'work')).stdout).toContain('has been healthy for long enough to be gone back to')
}, 180_000)
