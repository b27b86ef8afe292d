import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Deployment } from '@pando/model'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { TemporaryApp } from '../support/temporary-app.js'

/** Answers with a file that it reads at each request, so that it shows what stands in its folder now. */
const program = `import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
createServer((request, response) => response.end(readFileSync('word.txt', 'utf8'))).listen(process.env.PORT, process.env.HOST)
`

const service = (name: string) => `
  ${name}:
    build:
      context: ./${name}
      command: echo compiling; cp source.txt word.txt
    command: exec node main.mjs
    rollout: { min_healthy_time: 0s }
    environment: { API_TOKEN: hush, LEVEL: low }
    routes: [/${name}]`

let app: TemporaryApp

beforeAll(async () => {
  app = await TemporaryApp.create(service('users') + service('orders'))
  for (const name of ['users', 'orders']) write(name, 'one')
  await app.up()
}, 120_000)

afterAll(() => app?.dispose(), 60_000)

function write(name: string, word: string): void {
  mkdirSync(app.file(name), { recursive: true })
  writeFileSync(join(app.file(name), 'main.mjs'), program)
  writeFileSync(join(app.file(name), 'source.txt'), word)
}

const pid = async (name: string) => (await app.healthyInstances(name)).map((one) => one.pid).join()
const word = async (name: string) => (await app.fetch(`/${name}`)).body
const history = async (name: string) =>
  JSON.parse((await app.run('history', name, '--json')).stdout) as readonly Deployment[]
/** Folders that something was built in. */
const builds = (name: string) =>
  readdirSync(join(app.stateDir, 'revisions', name)).filter((key) => !key.endsWith('.json')).length

test(
  'an edit of one service’s code rolls that one, and what served before kept its files',
  { timeout: 60_000 },
  async () => {
    const [users, orders] = [await pid('users'), await pid('orders')]
    write('users', 'two')
    expect(await word('users')).toBe('one')
    await app.up()
    await until('the new code serves', async () => (await word('users')) === 'two')
    expect(await pid('users')).not.toBe(users)
    expect(await pid('orders')).toBe(orders)
    const again = await pid('users')
    await app.up()
    expect(await pid('users')).toBe(again)
    expect(readdirSync(app.file('users')).sort()).toEqual(['main.mjs', 'source.txt'])
  },
)

test('diff says what would change, masks what is secret, and changes nothing', { timeout: 60_000 }, async () => {
  expect((await app.run('diff')).stdout).toContain('Nothing would change')
  write('users', 'three')
  app.writeManifest(service('users').replace('hush', 'louder').replace('low', 'high') + service('orders'))
  const { stdout, code } = await app.run('diff')
  expect(code).toBe(0)
  expect(stdout).toContain('environment.LEVEL: "low" → "high"')
  expect(stdout).toContain('environment.API_TOKEN: **** → ****')
  expect(stdout).not.toContain('louder')
  expect(stdout).toContain('files: 1 changed')
  expect(stdout).not.toContain('orders')
  app.writeManifest(service('users') + service('orders'))
})

test('deploy rolls one service and touches no other; again, it changes nothing', { timeout: 60_000 }, async () => {
  const orders = await pid('orders')
  write('orders', 'two')
  const deployed = await app.run('deploy', 'users')
  expect(deployed).toMatchObject({ code: 0, stdout: expect.stringContaining('compiling') })
  expect(await word('users')).toBe('three')
  expect(await word('orders')).toBe('one')
  expect(await pid('orders')).toBe(orders)
  const before = await pid('users')
  const again = await app.run('deploy', 'users')
  expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing changes') })
  expect(await pid('users')).toBe(before)
  write('orders', 'one')
  expect((await app.run('deploy', 'user')).code).toBe(1)
})

test('rollback goes back without building again', { timeout: 60_000 }, async () => {
  const count = builds('users')
  expect((await history('users')).map(({ by, result }) => `${by} ${result}`)).toEqual([
    'deploy healthy',
    'up healthy',
    'up healthy',
  ])
  const back = await app.run('rollback', 'users')
  expect(back).toMatchObject({ code: 0 })
  await until('the older code serves', async () => (await word('users')) === 'two')
  expect(back.stdout).not.toContain('compiling')
  expect(builds('users')).toBe(count)
  const [newest, before] = await history('users')
  expect(newest).toMatchObject({ by: 'rollback', result: 'healthy' })
  expect(before).toMatchObject({ by: 'deploy', result: 'rolled_back' })
  const first = (await history('users')).at(-1)!.revision
  expect((await app.run('rollback', 'users', '--to', first)).code).toBe(0)
  await until('the first code serves', async () => (await word('users')) === 'one')
  expect((await app.run('rollback', 'users', '--to', 'nothing')).code).toBe(1)
  expect((await app.run('history')).stdout).toContain('rolled back')
})

test('a folder with a manifest of its own joins the app, and up leaves it there', { timeout: 60_000 }, async () => {
  write('extra', 'joined')
  writeFileSync(
    join(app.file('extra'), 'pando.yaml'),
    'services:\n  extra:\n    build: { context: ., command: cp source.txt word.txt }\n    command: exec node main.mjs\n    depends_on: [users]\n    routes: [/extra]\n',
  )
  const joined = await app.run('deploy', './extra')
  expect(joined).toMatchObject({ code: 0 })
  await until('the gateway routes to it', async () => (await word('extra')) === 'joined')
  const before = await pid('extra')
  await app.up()
  expect(await pid('extra')).toBe(before)
})

test(
  'remove takes what has joined out again, and refuses what the app’s manifest has',
  { timeout: 60_000 },
  async () => {
    const refused = await app.run('remove', 'users')
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toContain("users is in the app's own manifest")
    expect((await app.run('remove', 'extro')).stderr).toContain('did you mean "extra"?')
    const before = await pid('users')
    expect(await app.run('remove', 'extra')).toMatchObject({ code: 0, stdout: 'extra leaves the app\n' })
    await until('it is gone', async () => (await app.fetch('/extra')).status === 404)
    await app.up()
    expect((await app.run('ps')).stdout).not.toContain('extra')
    expect(await pid('users')).toBe(before)
    expect(await app.run('rollback')).toMatchObject({ code: 0 })
    await until('it is back', async () => (await app.fetch('/extra')).status === 200)
  },
)
