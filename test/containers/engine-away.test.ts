import { afterEach, describe, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { appOn, endOf } from '../support/container-app.js'
import { ContainerEngine, hasEngine } from '../support/container-engine.js'
import { defaultEngine } from '../support/engine-kinds.js'
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
    expect(await engine.containers()).toHaveLength(1)
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

  // Podman's containers never go with its service.
  test.skipIf(defaultEngine.name === 'podman')(
    'and takes its containers with it: they are started anew, and that is said',
    async () => {
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
    },
    300_000,
  )

  test('pando down says what it cannot stop, and the next one does it', async () => {
    await start(true)
    const [before] = await app.settled('web', 1)
    await engine.kill()
    for (const _ of ['with its control plane', 'and once that has ended']) {
      const { code, stderr } = await app.run('down')
      expect([code, stderr]).toEqual([1, expect.stringContaining(`these could not be stopped: ${before!.id}`)])
      expect(stderr).toContain('start the engine and run pando down again')
      // Control plane and gateway have ended; the container has not.
      expect((await app.run('ps')).code).toBe(1)
      expect(isAlive(before!.pid!)).toBe(true)
    }
    await engine.revive()
    expect(await app.run('down')).toMatchObject({ code: 0 })
    expect(isAlive(before!.pid!)).toBe(false)
    expect(await engine.json('GET', '/containers/json?all=true')).toEqual([])
    expect(await engine.json('GET', '/networks')).not.toContainEqual(
      expect.objectContaining({ Name: expect.stringContaining('pando-') }),
    )
  }, 300_000)

  test('pando up stops what a pando down could not', async () => {
    await start(true)
    const [before] = await app.settled('web', 1)
    await engine.kill()
    expect((await app.run('down', '--json')).code).toBe(1)
    await engine.revive()
    await app.up()
    await until('only the new one is left', async () => (await app.settled('web', 1))[0]!.id !== before!.id)
    await isWhole()
    expect(isAlive(before!.pid!)).toBe(false)
    expect(await app.run('down')).toMatchObject({ code: 0 })
  }, 300_000)
})
