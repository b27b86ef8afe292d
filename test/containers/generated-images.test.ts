import { mkdirSync, readFileSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { TarEntry } from '../../packages/control-plane/src/build/tar.js'
import { withContainerApp } from '../support/container-app.js'
import { type ContainerEngine, hasEngine } from '../support/container-engine.js'
import { hostPython, nodeEntries, pythonEntries, shellEntries } from '../support/offline-images.js'
import type { TemporaryApp } from '../support/temporary-app.js'

const relay = resolve(dirname(fileURLToPath(import.meta.url)), '../support/programs/relay.mjs')
const hasPython = hostPython() !== null

const services = `
  web:
    build: { context: ./web, base: tools }
    command: exec node relay.mjs
    healthcheck: /healthz
    routes: [/web]
  stock:
    build: { context: ./stock, base: tools }
    healthcheck: /healthz
    routes: [/stock]
  desk:
    driver: process
    build: ./desk
    command: exec node relay.mjs
    healthcheck: /healthz
    routes: [/desk]`

const python = `import os, http.server, urllib.request
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        what = self.path.split("/")[2] if self.path.count("/") > 1 else ""
        text = "stock"
        if what == "user":
            text = str(os.getuid())
        elif what:
            text = "stock calls: " + urllib.request.urlopen(os.environ[what]).read().decode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Answer).serve_forever()
`

describe.skipIf(!hasEngine || !hasPython)('an app whose images Pando writes the Dockerfiles of', () => {
  let engine: ContainerEngine
  let app: TemporaryApp

  withContainerApp(services, async (made) => {
    ;({ engine, app } = made)
    await engine.importImage('tools', toolEntries())
    for (const name of ['web', 'desk', 'stock']) mkdirSync(app.file(name))
    for (const name of ['web', 'desk']) {
      writeFileSync(app.file(`${name}/package.json`), '{}')
      writeFileSync(app.file(`${name}/relay.mjs`), readFileSync(relay))
    }
    writeFileSync(app.file('stock/main.py'), python)
    writeFileSync(app.file('stock/requirements.txt'), '')
  })

  interface Built {
    readonly service: string
    readonly id: string
    readonly isCached: boolean
    readonly isSteady: boolean
  }
  const built = async (): Promise<Built[]> => {
    const { stdout, stderr } = await app.run('build', '--json', 'web', 'stock')
    expect(stderr).not.toContain('error')
    return JSON.parse(stdout) as Built[]
  }

  test('an image is built once of the same input, and again of another', async () => {
    const first = await built()
    expect(first.map(({ service, isCached }) => `${service} ${isCached}`)).toEqual(['web false', 'stock false'])
    expect((await built()).map(({ id, isCached }) => `${id} ${isCached}`)).toEqual(first.map(({ id }) => `${id} true`))
    writeFileSync(app.file('web/more.txt'), 'more')
    const [web, stock] = await built()
    expect([web?.isCached, stock?.isCached]).toEqual([false, true])
    expect(web?.id).not.toBe(first[0]?.id)
  }, 120_000)

  test('all but what says otherwise runs in containers, not as root, and calls each other every way', async () => {
    const up = await app.run('up', '-d', '--driver', 'container')
    expect(up.code, `${up.stdout}${up.stderr}`).toBe(0)
    const containers = await engine.containers<{ Labels: Record<string, string> }>()
    expect(containers.map(({ Labels }) => Labels['pando.service']).toSorted()).toEqual(['stock', 'web'])
    const ask = async (path: string): Promise<string> => (await app.fetch(path)).body
    expect(await ask('/web/STOCK_URL')).toBe('web calls: 200 stock')
    expect(await ask('/stock/WEB_URL')).toBe('stock calls: web')
    expect(await ask('/desk/STOCK_URL')).toBe('desk calls: 200 stock')
    expect(await ask('/web/DESK_URL')).toBe('web calls: 200 desk')
    expect(await ask('/stock/user')).toBe('65532')
  }, 120_000)

  test('all have the same digests when they are built again at another time, of nothing that was kept', async () => {
    const before = await built()
    expect(before.map(({ isCached, isSteady }) => `${isCached} ${isSteady}`)).toEqual(['true true', 'true true'])
    for (const args of [['down'], ['prune', '--all']]) expect((await app.run(...args)).code).toBe(0)
    expect(await engine.images('?all=true')).toHaveLength(1)
    expect(readdirSync(join(app.stateDir, 'images'))).toEqual([])
    for (const file of ['web', 'web/relay.mjs', 'web/more.txt', 'stock/main.py']) utimesSync(app.file(file), 1e9, 1e9)
    const after = await built()
    expect(after.map(({ id, isCached }) => `${id} ${isCached}`)).toEqual(before.map(({ id }) => `${id} false`))
    const history = await engine.json<{ Created: number }[]>('GET', `/images/${after[0]!.id}/history`)
    expect(history.every(({ Created }) => Created === 0)).toBe(true)
    // They run as they did.
    expect((await app.run('up', '-d', '--driver', 'container')).code).toBe(0)
    expect((await app.fetch('/stock/WEB_URL')).body).toBe('stock calls: web')
  }, 240_000)
})

/** busybox, Node and Python of this machine: nothing can be fetched, and a base is whatever the manifest says. */
function toolEntries(): TarEntry[] {
  const python = hostPython()
  const entries = [...shellEntries(), ...nodeEntries(), ...(python === null ? [] : pythonEntries(python))]
  // Node and Python share libraries.
  return [...new Map(entries.map((entry) => [entry.name, entry])).values()]
}
