import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { withContainerApp, type ContainerApp } from '../support/container-app.js'
import { type ContainerEngine, fileEntry } from '../support/container-engine.js'
import { engineKinds, type EngineKind } from '../support/engine-kinds.js'
import type { TemporaryApp } from '../support/temporary-app.js'

const relay = resolve(dirname(fileURLToPath(import.meta.url)), '../support/programs/relay.mjs')

const services = `
  inside:
    image: node
    command: [/bin/node, /relay.mjs]
    healthcheck: /healthz
    secrets: [token]
    routes: [/inside]
  outside:
    build: ./echo
    command: exec node relay.mjs
    healthcheck: /healthz
    routes: [/outside]
  built:
    build: { context: ./image, dockerfile: recipes/web, args: { FILE: relay.mjs }, target: run }
    healthcheck: /healthz
    routes: [/built]
secrets:
  token: { file: ./token.txt }`

function anApp(kind: EngineKind): void {
  let engine: ContainerEngine
  let app: TemporaryApp

  const prepare = async (made: ContainerApp): Promise<void> => {
    ;({ engine, app } = made)
    await engine.importNode([fileEntry('relay.mjs', relay, 0o644)])
    writeFileSync(app.file('echo/relay.mjs'), readFileSync(relay))
    writeFileSync(app.file('token.txt'), 'hush', { mode: 0o600 })
    mkdirSync(app.file('image/recipes'), { recursive: true })
    const run = 'FROM node AS run\nARG FILE=absent\nCOPY $FILE /app.mjs\nCMD ["/bin/node", "/app.mjs"]\n'
    writeFileSync(app.file('image/recipes/web'), `${run}FROM node\nCOPY absent /absent\n`)
    writeFileSync(app.file('image/relay.mjs'), readFileSync(relay))
    await app.up()
  }
  withContainerApp(services, prepare, kind)

  const ask = async (path: string): Promise<string> => {
    const answer = await app.fetch(path)
    return `${answer.status} ${answer.body}`
  }

  test('processes and containers call each other both ways, by address and by name', async () => {
    expect(await ask('/inside/OUTSIDE_URL')).toBe('200 inside calls: 200 outside')
    expect(await ask('/outside/INSIDE_URL')).toBe('200 outside calls: 200 inside')
    expect(await ask('/built/INSIDE_URL')).toBe('200 built calls: 200 inside')
    expect(await ask('/inside/name/outside/OUTSIDE_SERVICE_PORT')).toBe('200 inside calls: 200 outside')
    expect(await ask('/inside/file/run/secrets/token')).toBe('200 hush')
  })

  test('one that is killed is replaced, and its log is there', async () => {
    const [before] = await app.settled('inside', 1)
    process.kill(before!.pid!, 'SIGKILL')
    await until('another one serves', async () => (await app.healthyInstances('inside'))[0]?.id !== before!.id, {
      timeoutMs: 30_000,
    })
    await app.settled('inside', 1)
    expect((await app.run('logs', 'inside')).stdout).toContain('listening on')
    expect(await ask('/inside/OUTSIDE_URL')).toBe('200 inside calls: 200 outside')
  })

  test('a control plane that is killed leaves all running, and the next one takes it over', async () => {
    const before = await app.status()
    process.kill(before.pid, 'SIGKILL')
    expect(await ask('/inside/OUTSIDE_URL')).toBe('200 inside calls: 200 outside')
    await app.up()
    const pids = (status: typeof before) => status.services.flatMap((each) => each.instances.map(({ pid }) => pid))
    expect(pids(await app.status())).toEqual(pids(before))
    expect(await ask('/outside/INSIDE_URL')).toBe('200 outside calls: 200 inside')
  })

  test('down leaves no container and no network', async () => {
    expect((await app.run('down')).code).toBe(0)
    expect(await engine.json('GET', '/containers/json?all=true')).toEqual([])
    const networks = await engine.json<{ Name: string }[]>('GET', '/networks')
    expect(networks.filter(({ Name }) => Name.startsWith('pando-'))).toEqual([])
  })
}

for (const kind of engineKinds) {
  describe.skipIf(!kind.isHere)(`an app of processes and containers of ${kind.name}`, () => {
    anApp(kind)
  })
}
