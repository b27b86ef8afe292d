import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { TemporaryApp } from '../support/temporary-app.js'

/** What comes back before somebody looks must be told by the exit code, or a pipeline goes on with the old revision. */

const program = (word: string): string => `import { createServer } from 'node:http'
createServer((request, response) => response.end('${word}')).listen(process.env.PORT, process.env.HOST)
`
const manifest = (rollout: string): string => `
  users:
    build: ./users
    command: exec node main.mjs
    rollout: ${rollout}
    routes: [/users]
  orders:
    build: ./echo
    command: exec node echo.mjs
    routes: [/orders]`

let app: TemporaryApp

const write = (text: string): void => writeFileSync(join(app.file('users'), 'main.mjs'), text)
const answer = async (): Promise<string> => (await app.fetch('/users')).body

beforeAll(async () => {
  app = await TemporaryApp.create(manifest('{ min_healthy_time: 1s }'))
  mkdirSync(app.file('users'))
  write(program('one'))
  await app.up()
}, 120_000)

afterAll(() => app?.dispose(), 60_000)

test('up -d ends with 1 when what it applied was gone back from, with the reason and what to type', async () => {
  write("console.error('no such table'); process.exit(3)")
  const { code, stdout, stderr } = await app.run('up', '-d')
  expect(stderr).toMatch(/^failed: users: revision \w+ failed: its instances failed 3 times: exit code 3/)
  expect(stderr).toContain('next: pando why users')
  expect(stdout).toMatch(/users +ready +1\/1/)
  expect(code).toBe(1)
  expect(await answer()).toBe('one')
}, 60_000)

test('and with --json, whose one document is the status', async () => {
  write("console.error('no such table'); process.exit(4)")
  const { code, stdout, stderr } = await app.run('up', '-d', '--json')
  expect(code).toBe(1)
  expect(JSON.parse(stdout)).toMatchObject({ state: 'running' })
  expect(stderr).toContain('exit code 4')
}, 60_000)

test('up -d does not call a revision good that ends within its min_healthy_time', async () => {
  write(`${program('two')}setTimeout(() => process.exit(5), 300)`)
  const { code, stderr } = await app.run('up', '-d')
  expect(stderr).toContain('exit code 5')
  expect(code).toBe(1)
  expect(await answer()).toBe('one')
}, 90_000)

test('deploy ends with 1, too, and says what to type', async () => {
  write("console.error('no such table'); process.exit(6)")
  const { code, stderr } = await app.run('deploy', 'users')
  expect(code).toBe(1)
  expect(stderr).toMatch(/^failed: users: revision \w+ failed: its instances failed 3 times: exit code 6/)
  expect(stderr).toContain('next: pando why users')
}, 60_000)

test('up -d ends with 0 once all of the new revision is well, and its rollout has ended', async () => {
  write(program('three'))
  const { code, stderr } = await app.run('up', '-d')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect((await app.service('users')).rollout).toMatchObject({ state: 'succeeded' })
  expect(await answer()).toBe('three')
}, 60_000)

test('up -d that is given less time than the rollout takes ends with 1, and says what has not ended', async () => {
  app.writeManifest(manifest('{ min_healthy_time: 30s }'))
  write(program('four'))
  const { code, stdout } = await app.run('up', '-d', '--timeout', '5s')
  expect(code).toBe(1)
  expect(stdout).toContain('The rollout of users has not ended.')
  expect((await app.run('abort', 'users')).code).toBe(0)
  await until('it has gone back', async () => (await answer()) === 'three')
}, 60_000)

test('a canary that waits for somebody’s word is as far as a pipeline can bring it', async () => {
  app.writeManifest(manifest('{ strategy: canary, min_healthy_time: 200ms, steps: [{ weight: 20 }] }'))
  write(program('five'))
  const up = await app.run('up', '-d')
  expect(up.stderr).toMatch(/^paused: users: revision \w+ waits with 20 % of the requests/)
  expect(up.stderr).toContain('next: pando promote users, or pando abort users')
  expect(up.code).toBe(0)
  expect((await app.run('promote', 'users')).code).toBe(0)
  await until('all of it is new', async () => (await app.service('users')).rollout?.state === 'succeeded')
  write(program('six'))
  const deploy = await app.run('deploy', 'users')
  expect(deploy.stderr).toMatch(/^paused: users/)
  expect(deploy.code).toBe(0)
}, 90_000)
