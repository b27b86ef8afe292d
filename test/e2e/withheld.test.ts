import { execFileSync } from 'node:child_process'
import { renameSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { join, resolve } from 'node:path'
import type { ServiceExplanation } from '@pando/model'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { TemporaryApp } from '../support/temporary-app.js'

/** What the gateway knows, an operator must see where they look: in `pando ps` and `pando why`. */

const cli = resolve(import.meta.dirname, '../../packages/cli/dist/main.js')

const services = `
  broken:
    build: ./echo
    command: exec node echo.mjs
    healthcheck: /healthz
    routes: [/broken]
    ejection: false
    circuit_breaker: { failures: { rate: 50%, min_requests: 5, window: 10s, open: 3s } }
  spotty:
    build: ./echo
    command: exec node echo.mjs
    healthcheck: /healthz
    replicas: 2
    routes: [/spotty]
    ejection: { consecutive_errors: 3, time: 3s }
  tools:
    build: ./echo
    command: exec node echo.mjs
    routes: [{ path: /tools, auth: people }]`

const gateway = `  workers: 1
  authenticators:
    people: { basic: { file: ./passwords } }`

let app: TemporaryApp

beforeAll(async () => {
  app = await TemporaryApp.create(services, { gateway })
  const line = execFileSync(process.execPath, [cli, 'key', 'hash-password', 'ann'], { input: 'se cret\n' })
  writeFileSync(app.file('passwords'), line)
  await app.up()
}, 120_000)

afterAll(() => app?.dispose(), 60_000)

const ps = async (): Promise<string> => (await app.run('ps')).stdout
const why = async (service: string): Promise<string> =>
  (JSON.parse((await app.run('why', service, '--json')).stdout) as ServiceExplanation).verdict
const events = async (): Promise<string> => (await app.run('events', '-n', '200')).stdout

test('an open circuit breaker is seen, and that it has closed again', async () => {
  for (let i = 0; i < 10; i++) await app.fetch('/broken', { headers: { 'x-fail': '*' } })
  expect((await app.fetch('/broken')).body).toContain('circuit_open')
  await until('ps shows it', async () => {
    // It closes by itself after a while, and is opened again.
    await app.fetch('/broken', { headers: { 'x-fail': '*' } })
    return /broken: its circuit breaker is open in 1 of 1 workers/.test(await ps())
  })
  await until('why shows it', async () => {
    await app.fetch('/broken', { headers: { 'x-fail': '*' } })
    return (await why('broken')).includes('The circuit breaker of broken is open in 1 of 1 workers')
  })
  expect(await events()).toContain('the circuit breaker of broken has opened')
  await until('requests that succeed close it', async () => {
    await app.fetch('/broken')
    return (await app.service('broken')).withheld === undefined
  })
  expect(await events()).toContain('the gateway sends requests to broken again')
}, 90_000)

test('an ejected instance is seen, with its last error', async () => {
  const { body } = await app.fetch('/spotty')
  const { instance } = JSON.parse(body) as { instance: string }
  const eject = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) await app.fetch('/spotty', { method: 'POST', headers: { 'x-fail': instance } })
  }
  await until('ps shows it', async () => {
    await eject()
    return (await ps()).includes(`spotty: ${instance} is ejected and gets no requests for a while: a status of 503`)
  })
  await until('why shows it', async () => {
    await eject()
    return (await why('spotty')).includes(`The gateway has ejected ${instance}`)
  })
  expect(await events()).toContain(`the gateway sends ${instance} no requests for a while`)
}, 90_000)

test('a file of an authenticator that is gone is seen, and that it is back', async () => {
  renameSync(app.file('passwords'), app.file('elsewhere'))
  const warning = `authenticator people: ${app.file('passwords')}: there is no such file`
  await until('ps shows it', async () => (await ps()).includes(warning))
  expect(await events()).toContain(warning)
  renameSync(app.file('elsewhere'), app.file('passwords'))
  await until('it is over', async () => (await app.status()).gateway.warnings === undefined)
}, 60_000)

test('a worker that is killed is seen, and how many there were', async () => {
  await killWorker()
  const killed = 'worker 1 of 1 ended by SIGKILL; started again'
  await until('ps shows it', async () => (await ps()).includes(killed))
  await until('events show it', async () => (await events()).includes(killed))
  await killWorker()
  const second = /worker 1 of 1 ended by SIGKILL; started again.* \(2nd end of a worker since the gateway started\)/
  await until('events show the second', async () => second.test(await events()))
  expect((await events()).split(killed)).toHaveLength(3)
  expect((await app.run('why', 'tools')).stdout).toMatch(second)
}, 60_000)

test('that no worker serves is seen, and that one does again', async () => {
  const wereReady = (await events()).match(readyAgain)?.length ?? 0
  await until('ps shows it', async () => {
    await killAll()
    return /no worker serves: worker 1 of 1 ended by SIGKILL.*; started again after .* time in a row/.test(await ps())
  })
  await until('why shows it', async () => {
    await killAll()
    return (await why('tools')).includes('The gateway cannot serve everything: no worker serves')
  })
  await until('it is over', async () => (await app.status()).gateway.state === 'ready')
  expect((await app.fetch('/tools')).status).toBe(401)
  await until('events show that', async () => ((await events()).match(readyAgain)?.length ?? 0) > wereReady)
}, 120_000)

const readyAgain = /gateway +is ready/g

async function killAll(): Promise<void> {
  for (const pid of (await readiness()).pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended by itself meanwhile.
    }
  }
}

async function killWorker(): Promise<void> {
  const [pid] = (await readiness()).pids
  process.kill(pid as number, 'SIGKILL')
  await until('another serves', async () => {
    const { ready, pids } = await readiness()
    return ready && !pids.includes(pid as number)
  })
}

function readiness(): Promise<{ readonly ready: boolean; readonly pids: readonly number[] }> {
  return new Promise((fulfil, reject) => {
    get({ socketPath: join(app.stateDir, 'gateway.sock'), path: '/ready', agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => (body += text))
      response.on('end', () => fulfil(JSON.parse(body)))
    }).on('error', reject)
  })
}
