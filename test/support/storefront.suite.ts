import { cpSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from '../house/source-tree.js'
import { findBrowser, openBrowser } from './browser.js'
import { until } from './condition.js'
import type { TemporaryApp } from './temporary-app.js'

const python = (name: string): string => `
  ${name}:
    build: ./${name}
    command: flask --app app run --host $HOST --port $PORT
    healthcheck: /healthz
    replicas: 2
    routes: [/${name}]`
const node = (name: string, rest: string): string => `
  ${name}:
    build: ./${name}
    command: node dist/main.js
    healthcheck: /healthz
    ${rest}`

/** The services of the shop, as its own manifest has them. */
export const shopServices = [
  python('users'),
  python('orders'),
  node('catalog', 'routes: [/catalog]'),
  node('storefront', 'depends_on: [users, orders, catalog]\n    routes: [/]'),
].join('\n')

const names = ['users', 'orders', 'catalog', 'storefront']

const isOurs = (path: string): boolean => !['node_modules', 'dist', '__pycache__', '.venv'].includes(basename(path))

/** Puts the shop's folders into the app's, as a clone has them: what an earlier start has installed and built here is left behind. */
export function copyShop(app: TemporaryApp): void {
  for (const name of names)
    cpSync(join(root, 'examples/shop', name), app.file(name), { recursive: true, filter: isOurs })
}

/** What the shop must show in a browser, whatever runs its services. `start` resolves when all of it is up. */
export function storefrontChecks(start: () => Promise<TemporaryApp>, stop: (app: TemporaryApp) => Promise<void>): void {
  let app: TemporaryApp
  let page: Page
  let close: (() => Promise<void>) | null = null

  beforeAll(async () => {
    app = await start()
    const opened = await openBrowser(findBrowser()!)
    close = opened.close
    page = await opened.browser.newPage()
    await page.goto(`http://127.0.0.1:${app.gatewayPort}/`)
  }, 600_000)

  afterAll(async () => {
    await close?.()
    if (app !== undefined) await stop(app)
  }, 120_000)

  const served = async (service: string): Promise<string[]> => {
    await page.click('#refresh')
    return (await page.locator(`#${service} .tally li`).allTextContents()).map((text) => text.split(' · ')[0]!)
  }
  const ids = async (service: string): Promise<string[]> =>
    (await app.settled(service, 2)).map(({ id }) => id).toSorted()

  test('shows three services, what they answer and who served whom', async () => {
    expect(await page.locator('main h2').allTextContents()).toEqual([
      'users GET /users/1',
      'orders GET /orders/1',
      'catalog GET /catalog',
    ])
    expect(await page.locator('main section.ok').count()).toBe(3)
    expect(await page.textContent('#users pre')).toContain('Alice')
    expect(await page.textContent('#orders pre')).toContain('Book')
    expect(await page.textContent('#self')).toMatch(/^storefront-0-/)
    for (const service of ['users', 'orders', 'catalog']) {
      expect(await page.textContent(`#${service} .chip`)).toMatch(new RegExp(`^${service}-\\d-`))
    }
  })

  test('shows the calls spread over the instances as it refreshes', async () => {
    const both = await ids('users')
    await until('two have served', async () => (await served('users')).length === 2, { everyMs: 200 })
    expect((await served('users')).toSorted()).toEqual(both)
  })

  test('shows the successor of an instance that was killed, and no call that failed', async () => {
    const [victim] = await app.settled('users', 2)
    process.kill(victim!.pid!, 'SIGKILL')
    const successor = await until(
      'another one is healthy in its place',
      async () =>
        (await app.healthyInstances('users')).find((one) => one.slot === victim!.slot && one.id !== victim!.id),
      { timeoutMs: 40_000 },
    )
    await until('it serves', async () => (await served('users')).includes(successor.id), { everyMs: 200 })
    expect(await served('users')).not.toContain('failed')
  })

  test('shows a service that is away and why, and that it is back', async () => {
    expect((await app.run('stop', 'catalog')).code).toBe(0)
    await until('the card says so', async () => (await served('catalog')).includes('failed'), { everyMs: 200 })
    expect(await page.getAttribute('#catalog', 'class')).toBe('failed')
    expect(await page.textContent('#catalog pre')).toMatch(/no answer within|answered 503/)
    expect(await page.getAttribute('#users', 'class')).toBe('ok')
    expect((await app.run('start', 'catalog')).code).toBe(0)
    const isBack = async (): Promise<boolean> => {
      await page.click('#refresh')
      return (await page.getAttribute('#catalog', 'class')) === 'ok'
    }
    await until('it is back', isBack, { timeoutMs: 40_000, everyMs: 200 })
  })

  test('says that the storefront itself is away, and goes on when it is back', async () => {
    expect((await app.run('stop', 'storefront')).code).toBe(0)
    await page.waitForSelector('body.away', { timeout: 40_000 })
    expect(await page.textContent('#self')).toContain('the storefront does not answer')
    expect((await app.run('start', 'storefront')).code).toBe(0)
    await page.waitForSelector('body:not(.away)', { timeout: 40_000 })
  })
}
