import { afterEach, describe, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { appOn, endOf } from '../support/container-app.js'
import { ContainerEngine, hasEngine } from '../support/container-engine.js'
import { isAlive } from '../support/processes.js'
import type { TemporaryApp } from '../support/temporary-app.js'

const services = `
  web:
    image: busybox
    command: [sh, -c, 'echo hello > /tmp/web; exec httpd -f -p $$PORT -h /tmp']
    healthcheck: { http: /web, interval: 500ms }
    routes: [/web]`

describe.skipIf(!hasEngine)('an engine that is killed', () => {
  let engine: ContainerEngine
  let app: TemporaryApp

  async function start(isLiveRestore: boolean): Promise<void> {
    engine = await ContainerEngine.start({ isLiveRestore })
    await engine.importBusybox()
    app = await appOn(engine, services)
    await app.up()
  }

  afterEach(() => endOf(app, engine), 90_000)

  async function isWhole(): Promise<void> {
    await until('it answers', async () => (await app.fetch('/web')).body === 'hello\n')
    expect(await engine.json('GET', '/containers/json?all=true')).toHaveLength(1)
  }

  test('and leaves its containers running: nothing is taken for ended, and all are taken over', async () => {
    await start(true)
    const [before] = await app.settled('web', 1)
    await engine.kill()
    expect(isAlive(before!.pid!)).toBe(true)
    // Its proxy in front of the container has gone with it, so that requests wait; the container has not.
    expect((await app.service('web')).instances).toMatchObject([{ id: before!.id, pid: before!.pid }])
    await engine.revive()
    expect(await app.settled('web', 1)).toMatchObject([{ id: before!.id, pid: before!.pid }])
    await isWhole()
  }, 300_000)

  test('and takes its containers with it: they are started anew, and that is said', async () => {
    await start(false)
    const [before] = await app.settled('web', 1)
    await engine.kill()
    await engine.revive()
    await until('another one serves', async () => (await app.healthyInstances('web'))[0]?.id !== before!.id, {
      timeoutMs: 60_000,
    })
    await app.settled('web', 1)
    expect((await app.run('events')).stdout).toContain(`${before!.id} has ended`)
    await isWhole()
  }, 300_000)
})
