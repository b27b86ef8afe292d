import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RequestExplanation, ServiceExplanation } from '@pando/model'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { TemporaryApp } from '../support/temporary-app.js'

let app: TemporaryApp

const services = `
  echo:
    command: exec node echo/echo.mjs
    routes: [/echo, /crash]
  paid:
    build: { context: ./paid, command: echo built }
    command: exec node main.mjs
    rollout: { min_healthy_time: 0s }
    routes: [/paid]
`
const broken = `
  db:
    command: 'echo "Error: no DATA_DIR"; exit 3'
  users:
    command: exec node echo/echo.mjs
    depends_on: { db: { condition: service_healthy } }
  web:
    command: exec node echo/echo.mjs
    depends_on: { users: { condition: service_healthy } }
`
const gateway = '  workers: 1\n  access_log: true'
const good = `import { createServer } from 'node:http'
createServer((request, response) => response.end('good')).listen(process.env.PORT, process.env.HOST)
`

function write(program: string): void {
  mkdirSync(app.file('paid'), { recursive: true })
  writeFileSync(join(app.file('paid'), 'main.mjs'), program)
}

const why = async (...args: string[]): Promise<ServiceExplanation> =>
  JSON.parse((await app.run('why', ...args, '--json')).stdout) as ServiceExplanation

beforeAll(async () => {
  app = await TemporaryApp.create(services, { gateway })
  write(good)
  await app.up()
}, 120_000)

afterAll(() => app?.dispose(), 60_000)

const whyRequest = async (id: string): Promise<RequestExplanation> =>
  JSON.parse((await app.run('why', id, '--request', '--json')).stdout) as RequestExplanation

test('a request that its instance died of is explained by its id', { timeout: 60_000 }, async () => {
  const [before] = await app.healthyInstances('echo')
  const answer = await app.fetch('/crash', { method: 'POST' })
  expect(answer.status).toBe(502)
  const { requestId } = JSON.parse(answer.body) as { requestId: string }
  const found = await until(
    'the crash is known',
    async () => {
      const explanation = await whyRequest(requestId)
      return explanation.verdict.includes('exit code 3') && explanation
    },
    { timeoutMs: 20_000, everyMs: 200 },
  )
  expect(found.request).toMatchObject({ reason: 'upstream_closed', service: 'echo', endpoint: before!.id })
  expect(found.verdict).toContain(`${before!.id} closed the connection before its answer was whole`)
  expect((await app.run('why', requestId)).stdout).toMatch(/^POST .*\/crash → 502 in \d+ ms/)
})

test('a success, a path without a route, and an id that is not known', { timeout: 60_000 }, async () => {
  await app.settled('echo', 1)
  expect((await app.fetch('/echo/1', { headers: { 'x-request-id': 'mine-1' } })).status).toBe(200)
  expect(await whyRequest('mine-1')).toMatchObject({ request: { status: 200, service: 'echo' }, next: '' })
  const lost = JSON.parse((await app.fetch('/ecco')).body) as { requestId: string }
  expect((await whyRequest(lost.requestId)).verdict).toContain('The nearest path that a route has now is /echo.')
  const missing = await app.run('why', 'f'.repeat(32))
  expect(missing.code).toBe(1)
  expect(missing.stderr).toContain('there is no request')
})

test('a bad deploy that went back says what it was', { timeout: 90_000 }, async () => {
  write(`console.error('Error: bad revision'); process.exit(9)\n`)
  await app.run('deploy', 'paid')
  const found = await until(
    'it went back',
    async () => {
      const explanation = await why('paid')
      return explanation.verdict.includes('so Pando went back to revision') && explanation
    },
    { timeoutMs: 60_000, everyMs: 300 },
  )
  const crash = found.timeline.find(({ kind, lines }) => kind === 'instance.failed' && lines.length > 0)
  expect(crash?.lines).toContain('Error: bad revision')
})

test('a crash loop and all that waits for it', { timeout: 90_000 }, async () => {
  app.writeManifest(services + broken, { gateway })
  const up = await app.run('up', '-d')
  expect(up.code).not.toBe(0)
  const db = await until(
    'db has failed',
    async () => {
      const explanation = await why('db')
      return explanation.verdict.includes('wrote: "Error: no DATA_DIR"') && explanation
    },
    { timeoutMs: 30_000, everyMs: 200 },
  )
  expect(db.since).not.toBeNull()
  const web = await why('web')
  expect(web.causes.map(({ service }) => service)).toEqual(['users', 'db'])
  expect(web.next).toContain('pando why db')
  const text = await app.run('why', 'db', '-n', '3')
  expect(text.stdout).toMatch(/^db .*exit code 3/)
  expect(text.stdout).toContain('│ Error: no DATA_DIR')
  expect((await app.run('why', 'webb')).stderr).toContain('web')
})
