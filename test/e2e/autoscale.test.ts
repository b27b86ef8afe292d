import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { isAlive } from '../support/processes.js'
import { TemporaryApp } from '../support/temporary-app.js'

// Requests to `caller` are passed on to `sleeper` through the mesh.
const caller = `
import { createServer, get } from 'node:http'
createServer((request, response) => {
  if (request.url === '/healthz') return void response.end()
  get(process.env.SLEEPER_URL + request.url, (inner) => inner.pipe(response.writeHead(inner.statusCode)))
}).listen(process.env.PORT, process.env.HOST)
`

const services = (directory: string): string => `
  busy:
    build: ./echo
    command: exec node echo.mjs
    healthcheck: { http: /healthz, interval: 200ms }
    environment: { WORK_MS: 300 }
    routes: [/busy]
    autoscale: { max: 3, concurrency: 4, scale_up: { period: 1s }, scale_down: { stabilization: 3s, period: 1s } }
  sleeper:
    build: ./echo
    command: exec node echo.mjs
    healthcheck: { http: /healthz, interval: 200ms }
    environment: { PROCESSED: ${directory}/processed }
    routes: [/sleeper]
    replicas: 0
    autoscale: { min: 0, max: 2, concurrency: 200, idle: 2s }
  caller:
    build: ./caller
    command: exec node caller.mjs
    healthcheck: { http: /healthz, interval: 200ms }
    depends_on: { sleeper: { condition: service_healthy } }
    routes: [/call]`

let app: TemporaryApp

beforeAll(async () => {
  app = await TemporaryApp.create('  none: { build: ./echo, command: node echo.mjs }')
  mkdirSync(app.file('caller'))
  writeFileSync(app.file('caller/caller.mjs'), caller)
  app.writeManifest(services(app.directory))
  await app.up()
}, 120_000)

afterAll(() => app?.dispose(), 60_000)

async function asleep(): Promise<void> {
  await until(
    'the service sleeps',
    async () => {
      const { replicas, instances } = await app.service('sleeper')
      return replicas === 0 && instances.length === 0
    },
    { timeoutMs: 40_000, everyMs: 150 },
  )
}

test('a request wakes a service that sleeps, and it goes to sleep again', async () => {
  await asleep()
  expect((await app.fetch('/sleeper/first')).status).toBe(200)
  expect((await app.service('sleeper')).autoscale).toEqual({ min: 0, max: 2 })
  await asleep()
}, 90_000)

test('50 first requests at once are answered by one start, and each is processed once', async () => {
  await asleep()
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, number) =>
      app.fetch('/sleeper/many', { method: 'POST', headers: { 'x-number': String(number) }, body: 'x' }),
    ),
  )
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200))
  const bodies = answers.map(({ body }) => JSON.parse(body) as { instance: string })
  expect(new Set(bodies.map(({ instance }) => instance)).size).toBe(1)
  const processed = readFileSync(app.file('processed'), 'utf8').trim().split('\n')
  expect(processed.map(Number).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, number) => number))
}, 90_000)

test('a call from another service wakes it, and so does a WebSocket', async () => {
  await asleep()
  expect((await app.fetch('/call/inner')).status).toBe(200)
  await asleep()
  const first = await new Promise<string>((resolve, reject) => {
    const socket = connect(app.gatewayPort, '127.0.0.1', () => {
      socket.write('GET /sleeper/socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
    })
    socket.once('data', (bytes: Buffer) => {
      resolve(bytes.toString('latin1').split('\r\n')[0] ?? '')
      socket.destroy()
    })
    socket.once('error', reject)
  })
  expect(first).toContain('101')
}, 120_000)

test('a request that comes while the control plane is dead is answered after its return', async () => {
  await asleep()
  const { pid } = await app.status()
  process.kill(pid, 'SIGKILL')
  await until('the control plane is dead', () => !isAlive(pid))
  const answer = app.fetch('/sleeper/orphan')
  await app.up()
  expect((await answer).status).toBe(200)
}, 120_000)

test('stopped by hand it is not woken, and it cannot be scaled by hand', async () => {
  const scaled = await app.run('scale', 'sleeper=2')
  expect(scaled.code).toBe(1)
  expect(scaled.stderr).toContain('scaled by its load')
  expect((await app.run('stop', 'sleeper')).code).toBe(0)
  await asleepOrStopped()
  const answer = await app.fetch('/sleeper/stopped')
  expect(answer.status).toBe(503)
  expect(JSON.parse(answer.body)).toMatchObject({ reason: 'no_healthy_endpoint' })
  expect((await app.run('start', 'sleeper')).code).toBe(0)
  expect((await app.fetch('/sleeper/started')).status).toBe(200)
}, 120_000)

async function asleepOrStopped(): Promise<void> {
  await until('nothing of it runs', async () => (await app.service('sleeper')).instances.length === 0, {
    timeoutMs: 40_000,
  })
}

test('load raises the count to the most, another up keeps it, and it falls when the load is gone', async () => {
  const load = new AbortController()
  const client = async (): Promise<void> => {
    while (!load.signal.aborted) expect((await app.fetch('/busy')).status).toBe(200)
  }
  const clients = Array.from({ length: 16 }, client)
  const reached = (count: number) =>
    until(`busy has ${count}`, async () => (await app.service('busy')).healthy === count, { timeoutMs: 60_000 })
  await reached(3)
  await app.up()
  expect((await app.service('busy')).replicas).toBe(3)
  load.abort()
  await Promise.all(clients)
  await reached(1)
  const { stdout } = await app.run('events', '--json')
  expect(stdout).toContain('in flight, 4 an instance')
  expect((await app.run('ps')).stdout).toContain('1/1–3')
}, 180_000)
