import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, realpathSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { TarEntry } from '../../packages/control-plane/src/build/tar.js'
import { withContainerApp } from '../support/container-app.js'
import { type ContainerEngine, fileEntry, hasEngine } from '../support/container-engine.js'
import type { TemporaryApp } from '../support/temporary-app.js'

const relay = resolve(dirname(fileURLToPath(import.meta.url)), '../support/programs/relay.mjs')
const hasPython = spawnSync('python3', ['-c', '0']).status === 0

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

  const built = async (): Promise<{ service: string; id: string; isCached: boolean }[]> => {
    const { stdout, stderr } = await app.run('build', '--json', 'web', 'stock')
    expect(stderr).not.toContain('error')
    return JSON.parse(stdout) as { service: string; id: string; isCached: boolean }[]
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
    const containers = await engine.json<{ Labels: Record<string, string> }[]>('GET', '/containers/json')
    expect(containers.map(({ Labels }) => Labels['pando.service']).toSorted()).toEqual(['stock', 'web'])
    const ask = async (path: string): Promise<string> => (await app.fetch(path)).body
    expect(await ask('/web/STOCK_URL')).toBe('web calls: 200 stock')
    expect(await ask('/stock/WEB_URL')).toBe('stock calls: web')
    expect(await ask('/desk/STOCK_URL')).toBe('desk calls: 200 stock')
    expect(await ask('/web/DESK_URL')).toBe('web calls: 200 desk')
    expect(await ask('/stock/user')).toBe('65532')
  }, 120_000)
})

const which = (name: string): string =>
  realpathSync(spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim())
const link = (name: string, target: string): TarEntry => ({ kind: 'link', name, target })
const isLeftOut = (name: string): boolean => ['__pycache__', 'test', 'dist-packages', 'site-packages'].includes(name)

/** busybox, Node and Python of this machine: nothing can be fetched, and a base is whatever the manifest says. */
function toolEntries(): TarEntry[] {
  // What is found by name may be a script that chooses one.
  const asked = spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' })
  const interpreter = realpathSync(asked.stdout.trim())
  const ask = (code: string): string => spawnSync(interpreter, ['-c', code], { encoding: 'utf8' }).stdout.trim()
  const library = ask('import os; print(os.path.dirname(os.__file__))')
  const modules = filesBelow(library)
  const programs = [process.execPath, interpreter, ...modules.filter((file) => file.endsWith('.so'))]
  const libraries = spawnSync('ldd', programs, { encoding: 'utf8' }).stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)
  return [
    fileEntry('bin/busybox', which('busybox'), 0o755),
    link('bin/sh', 'busybox'),
    fileEntry('bin/node', process.execPath, 0o755),
    fileEntry(interpreter.slice(1), interpreter, 0o755),
    link('bin/python', interpreter),
    ...[...new Set([...libraries].map(([, path = '']) => path))].map((path) =>
      fileEntry(path.slice(1), realpathSync(path), 0o755),
    ),
    ...modules.map((file) => fileEntry(file.slice(1), file, 0o644)),
    { kind: 'folder', name: 'tmp', mode: 0o1777 },
  ]
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    const found = statSync(path, { throwIfNoEntry: false })
    if (found === undefined || isLeftOut(name)) return []
    return found.isDirectory() ? filesBelow(path) : [path]
  })
}
