import { readFileSync } from 'node:fs'
import type { InstanceStatus } from '@pando/model'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { type HttpAnswer, TemporaryApp } from '../support/temporary-app.js'

const service = (name: string, more: string, route: string): string => `
  ${name}:
    build: ./echo
    command: exec node echo.mjs
    healthcheck: /healthz
    replicas: 3
    ${more}
    routes:
      - path: /${name}
        ${route}`

let app: TemporaryApp

beforeAll(async () => {
  app = await TemporaryApp.create('  none: { command: "true" }')
  const processed = `environment: { PROCESSED: ${app.file('processed')} }`
  app.writeManifest(
    service('plain', 'ejection: { time: 2s, max_time: 2s }', 'method: GET') +
      service('retried', 'ejection: false', 'retry: { backoff: 0, attempts: 4 }') +
      service('keyed', `ejection: false\n    ${processed}`, 'retry: { backoff: 0, idempotency_key: true }') +
      service('hedged', 'retry_budget: { percent: 100 }', 'hedge: { delay: 50ms }'),
  )
  await app.up()
}, 120_000)

afterAll(() => app?.dispose(), 60_000)

const instanceOf = (answer: HttpAnswer): string => (JSON.parse(answer.body) as { instance: string }).instance

/** How many requests the instances of the service have had. */
async function asked(instances: readonly InstanceStatus[]): Promise<number> {
  const counts = await Promise.all(
    instances.map(async (one) => Number((await app.fetch('/asked', { port: one.address?.port ?? 0 })).body)),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}

test('an instance that answers with errors is left alone, and comes back', async () => {
  const [victim] = await app.healthyInstances('plain')
  const headers = { 'x-fail': victim?.id ?? '' }
  const statuses: number[] = []
  for (let turn = 0; turn < 30; turn++) statuses.push((await app.fetch('/plain', { headers })).status)
  // Five are the price; were the machine so slow that it came back meanwhile, five more would be.
  const failed = statuses.filter((status) => status === 503).length
  expect(failed).toBeGreaterThanOrEqual(5)
  expect(failed % 5).toBe(0)
  expect(failed).toBeLessThan(30 / 3)
  const why = await until('pando why tells of it', async () => {
    const { stdout } = await app.run('why', 'plain')
    return stdout.includes('gets requests again') && stdout
  })
  expect(why).toContain(
    `sends ${victim?.id} no requests for a while: too many errors in a row, the last one a status of 503`,
  )
  await until('it answers again', async () => instanceOf(await app.fetch('/plain')) === victim?.id)
}, 60_000)

test('when everything fails, what is sent again stays within the budget', async () => {
  const instances = await app.healthyInstances('retried')
  const before = await asked(instances)
  const requests = 100
  const headers = { 'x-fail': '*' }
  const answers = await Promise.all(Array.from({ length: requests }, () => app.fetch('/retried', { headers })))
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 503))
  const sent = (await asked(instances)) - before
  expect(sent).toBeGreaterThan(requests)
  expect(sent).toBeLessThanOrEqual(requests * 1.2 + 3)
}, 60_000)

test('a POST is sent again when it has an Idempotency-Key, and only then', async () => {
  const instances = await app.healthyInstances('keyed')
  const headers = { 'x-fail': instances[0]?.id ?? '' }
  const post = (number: string, more: Record<string, string>) =>
    app.fetch('/keyed', { method: 'POST', body: 'order', headers: { ...headers, ...more, 'x-number': number } })
  for (let turn = 0; turn < 6; turn++) {
    const answer = await post(`keyed-${turn}`, { 'idempotency-key': `key-${turn}` })
    expect(answer.status).toBe(200)
    expect((JSON.parse(answer.body) as { body: string }).body).toBe('order')
  }
  const plain: number[] = []
  for (let turn = 0; turn < 6; turn++) plain.push((await post(`plain-${turn}`, {})).status)
  expect(plain.toSorted()).toEqual([200, 200, 200, 200, 503, 503])
  const numbers = readFileSync(app.file('processed'), 'utf8').trim().split('\n')
  expect(numbers).toHaveLength(6 + 4)
  expect(new Set(numbers).size).toBe(numbers.length)
}, 60_000)

test('a slow instance is not waited for by reads', async () => {
  const [slow] = await app.healthyInstances('hedged')
  const headers = { 'x-slow': slow?.id ?? '' }
  for (let turn = 0; turn < 9; turn++) {
    const answer = await app.fetch('/hedged', { headers })
    expect(answer.status).toBe(200)
    expect(instanceOf(answer)).not.toBe(slow?.id)
  }
}, 60_000)
