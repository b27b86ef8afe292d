import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { runPage, type StubElement } from './stub-page.js'

vi.setConfig({ testTimeout: 60_000 })

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')
const shop = join(root, 'examples/shop')
const python = process.env['PYTHON'] ?? 'python3'
const hasFlask = spawnSync(python, ['-c', 'import flask']).status === 0
if (!hasFlask) console.warn(`left out: the Python services of the shop, for ${python} has no flask`)

const started: ChildProcess[] = []
let dist = ''

beforeAll(async () => {
  dist = await mkdtemp(join(tmpdir(), 'pando-shop-'))
  await writeFile(join(dist, 'package.json'), '{"type":"module"}')
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  for (const service of ['catalog', 'storefront']) {
    await run(process.execPath, [tsc, '-p', join(shop, service), '--outDir', join(dist, service)])
  }
})

afterAll(async () => {
  for (const child of started) child.kill('SIGKILL')
  await rm(dist, { recursive: true, force: true })
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Starts a program on a free port and resolves with its address once it answers. */
async function start(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
): Promise<{ url: string; child: ChildProcess }> {
  const port = await freePort()
  const child = spawn(command, args, {
    cwd,
    stdio: 'ignore',
    env: { PATH: process.env['PATH'] ?? '', PYTHONDONTWRITEBYTECODE: '1', PORT: String(port), ...env },
  })
  started.push(child)
  const url = `http://127.0.0.1:${port}`
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${command} ${args.join(' ')} ended with exit code ${child.exitCode}`)
    const response = await fetch(`${url}/healthz`).catch(() => null)
    if (response?.status === 200) return { url, child }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function get(url: string): Promise<{ status: number; body: unknown; servedBy: string | null }> {
  const response = await fetch(url)
  expect(response.headers.get('content-type')).toContain('application/json')
  return { status: response.status, body: await response.json(), servedBy: response.headers.get('x-served-by') }
}

describe.skipIf(!hasFlask)('the Python services by hand', () => {
  it.each([
    ['users', { name: 'Alice' }, { name: 'Bob' }, 'User not found'],
    ['orders', { item: 'Book', quantity: 2 }, { item: 'Pen', quantity: 5 }, 'Order not found'],
  ])('%s answers as promised', async (service, first, second, missing) => {
    const { url } = await start(python, ['app.py'], join(shop, service), {
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=x,service.instance.id=one%2Ftwo,service.version=abc',
    })
    expect(await get(`${url}/${service}/1`)).toEqual({ status: 200, body: first, servedBy: 'one/two' })
    expect(await get(`${url}/${service}/2`)).toEqual({ status: 200, body: second, servedBy: 'one/two' })
    for (const id of ['3', '999999999999999999999', 'abc', '-1', '1.5']) {
      expect(await get(`${url}/${service}/${id}`)).toMatchObject({ status: 404, body: { error: missing } })
    }
    expect(await get(`${url}/other`)).toMatchObject({ status: 404, body: { error: 'Not Found' } })
    const posted = await fetch(`${url}/${service}/1`, { method: 'POST' })
    expect(posted.status).toBe(405)
    expect(posted.headers.get('allow')).toContain('GET')
    expect(await posted.json()).toEqual({ error: 'Method Not Allowed' })
  })

  it.each([
    ['users', 5001],
    ['orders', 5002],
  ])('%s listens on 127.0.0.1:%i when nothing is said', async (service, port) => {
    const script =
      'import flask, runpy; flask.Flask.run = lambda self, **options: print(options); runpy.run_path("app.py", run_name="__main__")'
    const { stdout } = await run(python, ['-c', script], {
      cwd: join(shop, service),
      env: { PATH: process.env['PATH'] ?? '', PYTHONDONTWRITEBYTECODE: '1' },
    })
    expect(stdout.trim()).toBe(`{'host': '127.0.0.1', 'port': ${port}}`)
  })
})

describe('the TypeScript services by hand', () => {
  it('catalog answers as promised and ends well when it is told to', async () => {
    const { url, child } = await start(process.execPath, ['catalog/main.js'], dist)
    const { body, servedBy } = await get(`${url}/catalog`)
    const { products } = body as { products: { id: number }[] }
    expect(products.map((product) => product.id)).toEqual([1, 2, 3, 4, 5])
    expect(servedBy).toContain(String(child.pid))
    expect(await get(`${url}/catalog/1`)).toMatchObject({ status: 200, body: { name: 'Book' } })
    for (const id of ['6', 'abc', '-1']) {
      expect(await get(`${url}/catalog/${id}`)).toMatchObject({ status: 404, body: { error: 'Product not found' } })
    }
    expect((await fetch(`${url}/catalog`, { method: 'DELETE' })).status).toBe(405)
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
  })

  it('storefront shows who served each call, and a failed call as failed', async () => {
    const catalog = await start(process.execPath, ['catalog/main.js'], dist, {
      OTEL_RESOURCE_ATTRIBUTES: 'service.instance.id=catalog-a,service.version=v7',
    })
    const nobody = `http://127.0.0.1:${await freePort()}`
    const { url } = await start(process.execPath, ['storefront/main.js'], dist, {
      USERS_URL: nobody,
      ORDERS_URL: `${catalog.url}`,
      CATALOG_URL: catalog.url,
      OTEL_RESOURCE_ATTRIBUTES: 'service.instance.id=front-a,service.version=v1',
    })
    expect(await get(`${url}/overview.json`)).toMatchObject({
      servedBy: 'front-a',
      body: {
        instance: 'front-a',
        version: 'v1',
        calls: [
          { service: 'users', ok: false, status: null, error: expect.stringContaining('ECONNREFUSED') },
          { service: 'orders', ok: false, status: 404, instance: 'catalog-a', error: expect.stringContaining('404') },
          { service: 'catalog', ok: true, status: 200, instance: 'catalog-a', version: 'v7' },
        ],
      },
    })
    const html = await (await fetch(url)).text()
    expect(html).toContain('front-a')
    expect(html).toContain('class="failed"')
    expect(html).toContain('Desk lamp')
    expect(html).not.toMatch(/(?:src|href)="(?!data:)/)

    // In the browser: the first overview, then a new one at the button, then the storefront itself is away.
    let isAway = false
    const element = runPage(html, (path) => (isAway ? Promise.reject(new Error('away')) : fetch(new URL(path, url))))
    expect(element('self').textContent).toBe('front-a')
    expect(element('catalog').className).toBe('ok')
    expect(element('users').className).toBe('failed')
    expect(element('users').querySelector('pre').textContent).toContain('ECONNREFUSED')
    await element('refresh').fire('click')
    const [row] = element('catalog').querySelector('.tally').children as StubElement[]
    expect(row.children.at(-1)).toBe('catalog-a · 2')
    isAway = true
    await element('refresh').fire('click')
    expect(element('body').classes).toContain('away')
  })
})
