import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { NumberedLoad } from '../support/numbered-load.js'
import { TemporaryApp } from '../support/temporary-app.js'

/** Its word is put into the program by the build: only what was built anew can answer with a new one. */
const program = (word: string) => `import { createServer } from 'node:http'
import { word } from './lib/word.mjs'
const instance = process.env.PANDO_INSTANCE
createServer((request, response) => {
  response.end(JSON.stringify({ number: request.headers['x-number'], instance, word: word + ' ${word}' }))
}).listen(process.env.PORT, process.env.HOST)
`

const service = (name: string, more = '') => `
  ${name}:
    build: { context: ./${name}, command: node --check main.mjs && echo built }
    command: exec node main.mjs
    rollout: { min_healthy_time: 0s }
    routes: [/${name}]${more}`

const both = service('users') + service('orders')

let app: TemporaryApp
let terminal: ReturnType<TemporaryApp['attach']>

beforeAll(async () => {
  app = await TemporaryApp.create(both)
  for (const name of ['users', 'orders']) {
    mkdirSync(app.file(`${name}/lib`), { recursive: true })
    save(name, 'one')
    writeFileSync(app.file(`${name}/lib/word.mjs`), "export const word = 'a'\n")
  }
  terminal = app.attach('up', '--watch')
  await until('all is ready', async () => (await word('users')) === 'a one' && (await word('orders')) === 'a one', {
    timeoutMs: 60_000,
  })
  await until('it watches', () => terminal.text().includes('Watching the manifest and users, orders'))
}, 120_000)

afterAll(() => app?.dispose(), 60_000)

/** As editors save: beside, then renamed. */
function save(name: string, text: string, file = 'main.mjs', content = program(text)): void {
  writeFileSync(app.file(`${name}/.#${file}`), content)
  renameSync(app.file(`${name}/.#${file}`), app.file(`${name}/${file}`))
}

const word = async (name: string) => (JSON.parse((await app.fetch(`/${name}`)).body) as { word: string }).word
const pids = async (name: string) => (await app.healthyInstances(name)).map((one) => one.pid).join()
const serves = (text: string) =>
  until(`it serves ${text}`, async () => (await word('users')) === text, { timeoutMs: 60_000 })
const builds = () => readdirSync(join(app.stateDir, 'revisions/users')).filter((key) => !key.endsWith('.json')).length
/** What the terminal has said since. */
const since = (mark: number) => terminal.text().slice(mark)

test('a save rolls its service alone, and no request fails', { timeout: 90_000 }, async () => {
  const orders = await pids('orders')
  const load = new NumberedLoad({
    port: app.gatewayPort,
    path: '/users',
    connections: 4,
    postEvery: 0,
    maxRequests: 1_000_000,
    pauseMs: 2,
  })
  save('users', 'two')
  await serves('a two')
  await app.settled('users', 1)
  const { failedIdempotent, succeeded } = await load.stop()
  expect(failedIdempotent).toEqual([])
  expect(succeeded).toBeGreaterThan(0)
  expect(await pids('orders')).toBe(orders)
  expect(terminal.text()).toContain('users users/main.mjs changed: deploying')
})

test('a folder that is deleted and made anew is watched anew', { timeout: 90_000 }, async () => {
  const mark = terminal.text().length
  rmSync(app.file('users/lib'), { recursive: true })
  mkdirSync(app.file('users/lib'))
  writeFileSync(app.file('users/lib/word.mjs'), "export const word = 'b'\n")
  await serves('b two')
  writeFileSync(app.file('users/lib/word.mjs'), "export const word = 'c'\n")
  await serves('c two')
  expect(since(mark)).toContain('users/lib/word.mjs')
})

test(
  'a build that fails is shown where it failed, the old one serves, and the next save tries again',
  {
    timeout: 90_000,
  },
  async () => {
    const before = await pids('users')
    const mark = terminal.text().length
    save('users', '', 'main.mjs', 'const = 3\n')
    await until('the error is shown', () => /users.*main\.mjs:1/.test(since(mark)), { timeoutMs: 30_000 })
    expect(await word('users')).toBe('c two')
    expect(await pids('users')).toBe(before)
    save('users', 'three')
    await serves('c three')
  },
)

test('a program that ends at its start shows its last lines, and the old one serves', { timeout: 90_000 }, async () => {
  const mark = terminal.text().length
  save('users', '', 'main.mjs', "throw new Error('boom ' + 7)\n")
  await until('its last lines are shown', () => since(mark).includes('users | Error: boom 7'), { timeoutMs: 30_000 })
  expect(await word('users')).toBe('c three')
  save('users', 'four')
  await serves('c four')
})

test('a save while the control plane is away is not lost', { timeout: 90_000 }, async () => {
  const { pid } = await app.status()
  process.kill(pid, 'SIGKILL')
  save('users', 'five')
  await serves('c five')
  expect((await app.status()).pid).not.toBe(pid)
})

test('many quick saves end in the last one with few builds', { timeout: 90_000 }, async () => {
  const before = builds()
  for (let number = 1; number <= 20; number++) {
    save('users', `quick ${number}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await serves('c quick 20')
  await app.settled('users', 1)
  expect(builds() - before).toBeLessThanOrEqual(5)
  expect(await word('users')).toBe('c quick 20')
})

test('a mistake in the manifest is shown with its line; its correction is applied', { timeout: 90_000 }, async () => {
  const users = await pids('users')
  let mark = terminal.text().length
  app.writeManifest(both.replace('routes: [/users]', 'rutes: [/users]'))
  await until('the mistake is shown', () => since(mark).includes('unknown key "rutes"'))
  expect(since(mark)).toMatch(/pando\.yaml:\d+:\d+/)
  expect(await pids('users')).toBe(users)
  mark = terminal.text().length
  app.writeManifest(both.replace('routes: [/users]', 'routes: [/users, /people]'))
  await until('the new route serves', async () => (await app.fetch('/people')).status === 200)
  expect(await pids('users')).toBe(users)
  save('users', 'after')
  await serves('c after')
})

test('a rule of the manifest restarts the service and rebuilds nothing', { timeout: 90_000 }, async () => {
  mkdirSync(app.file('settings'))
  const rule = `\n    develop: { watch: [{ action: restart, path: ./settings, include: "*.conf" }] }`
  app.writeManifest(service('users', rule) + service('orders'))
  await until('the rule is applied', async () => {
    writeFileSync(app.file('settings/a.txt'), String(Date.now()))
    writeFileSync(app.file('settings/a.conf'), String(Date.now()))
    return terminal.text().includes('settings/a.conf changed: restarting')
  })
  const count = builds()
  const before = await pids('users')
  writeFileSync(app.file('settings/a.conf'), 'new')
  await until('it is another process', async () => {
    const now = await pids('users')
    return now !== '' && now !== before
  })
  expect(builds()).toBe(count)
  expect(terminal.text()).not.toContain('a.txt')
})

test('refuses what it cannot do', { timeout: 30_000 }, async () => {
  const detached = await app.run('up', '-d', '--watch')
  expect(detached).toMatchObject({ code: 2 })
  const rule = `\n    develop: { watch: [{ action: sync, path: ./users, target: /app }] }`
  app.writeManifest(service('users', rule))
  const { code, stderr } = await app.run('config')
  expect(code).toBe(2)
  expect(stderr).toContain('develop.watch')
})
