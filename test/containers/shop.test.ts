import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { root } from '../house/source-tree.js'
import { findBrowser } from '../support/browser.js'
import { appOn, endOf } from '../support/container-app.js'
import { until } from '../support/condition.js'
import { ContainerEngine, hasEngine } from '../support/container-engine.js'
import { fetchSupplies, importOfflineBases } from '../support/offline-images.js'
import { copyShop, shopServices, storefrontChecks } from '../support/storefront.suite.js'

vi.setConfig({ testTimeout: 120_000 })

const shop = (name: string): string => join(root, 'examples/shop', name)
const folder = mkdtempSync(join(tmpdir(), 'supplies-'))
const isAble = hasEngine && findBrowser() !== null
const supplies = isAble
  ? fetchSupplies(folder, { node: shop('catalog'), python: shop('users') })
  : 'there is no engine or no browser'
const missing = typeof supplies === 'string' ? supplies : null
if (missing !== null) console.warn(`left out: the shop in containers, for ${missing}`)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

// The generated Dockerfiles as they are: npm ci and pip install run while the images are built, and no network is there.
describe.skipIf(missing !== null)('the shop in containers, from images that Pando wrote the Dockerfiles of', () => {
  let engine: ContainerEngine

  storefrontChecks(
    async () => {
      engine = await ContainerEngine.start()
      if (typeof supplies !== 'string') await importOfflineBases(engine, supplies)
      const app = await appOn(engine, shopServices)
      copyShop(app)
      // Four images are built at once: nothing but the end is waited for.
      await app.run('up', '-d', '--driver', 'container', '--timeout', '1s')
      const isUp = async (): Promise<boolean> => (await app.status()).services.every(({ state }) => state === 'ready')
      await until('all of the shop is up', isUp, { timeoutMs: 500_000, everyMs: 500 }).catch(async (error: Error) => {
        throw new Error(`${error.message}\n${(await app.run('logs')).stdout}\n${(await app.run('events')).stdout}`)
      })
      return app
    },
    (app) => endOf(app, engine),
  )

  test('runs all of its services in containers, and none of them as root', async () => {
    const containers = await engine.containers<{ Id: string; Labels: Record<string, string> }>()
    const services = containers.map(({ Labels }) => Labels['pando.service']).toSorted()
    expect(services).toEqual(['catalog', 'orders', 'orders', 'storefront', 'users', 'users'])
    for (const { Id } of containers) {
      const { Config } = await engine.json<{ Config: { User: string } }>('GET', `/containers/${Id}/json`)
      expect(Config.User).toBe('65532:65532')
    }
  })
})
