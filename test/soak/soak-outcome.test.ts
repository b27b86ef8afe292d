import { once } from 'node:events'
import { expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { until } from '../support/condition.js'
import { MessageLoad } from './message-load.js'
import { soakOptions, stepsOf } from './soak-options.js'
import { outcomeOf } from './soak-outcome.js'

const footprint = { planeMiB: 80, planeFiles: 20, gatewayFiles: 20, snapshots: 1 }
const load = {
  sent: 4,
  succeeded: 3,
  failedIdempotent: [] as string[],
  failedOther: [],
  acknowledged: new Set(['1', '2']),
  servedBy: new Map(),
  slowestMs: 1,
  latenciesMs: [1, 1, 1],
}
const messages = {
  acknowledged: ['0-1', '0-2'],
  sentAgain: 0,
  connections: 1,
  closedProperly: 0,
  brokenByKill: 0,
  wrong: [],
}

const outcome = (changes: Partial<Parameters<typeof outcomeOf>[0]>): readonly string[] =>
  outcomeOf({
    options: soakOptions('{"seed":1}'),
    isCutShort: false,
    tookMs: 1,
    done: new Map(),
    rollbacksMs: new Map(),
    deploysMs: [],
    load,
    messages,
    processed: ['1', '2'],
    taken: ['0-1', '0-2'],
    wrongPosts: [],
    violations: [],
    before: footprint,
    after: footprint,
    ...changes,
  }).violations

test('what must hold and does not is named', () => {
  expect(outcome({})).toEqual([])
  expect(outcome({ load: { ...load, failedIdempotent: ['3: ECONNRESET'] } })).toEqual(['1 GETs failed: 3: ECONNRESET'])
  expect(outcome({ load: { ...load, failedIdempotent: ['3: 500 {"isBad":true}'] } })).toEqual([])
  expect(outcome({ processed: ['1', '2', '1'] })).toEqual(['1 POSTs were processed twice: 1'])
  expect(outcome({ processed: ['1'] })).toEqual(['1 POSTs were acknowledged and are not there: 2'])
  expect(outcome({ taken: ['0-1'] })).toEqual(['1 messages were acknowledged and are not there: 0-2'])
  expect(outcome({ wrongPosts: ['4: 502'] })).toEqual(['1 POSTs failed although no instance was killed: 4: 502'])
})

test('the steps are spread, and all of them are there', () => {
  const steps = stepsOf({ ...soakOptions('{"seed":1}'), deploys: 10, kills: 10, planeKills: 2, badDeploys: 2 })
  expect(steps).toHaveLength(24)
  expect(steps.slice(0, 12).filter((step) => step === 'bad deploy')).toHaveLength(1)
})

test('a WebSocket that breaks is wrong unless its instance was killed; a proper close is not', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  let count = 0
  server.on('connection', (client) => {
    const name = ['proper', 'killed', 'broken'][count++] ?? 'last'
    client.send(JSON.stringify({ instance: name }))
    client.on('message', (data) => {
      if (name === 'last') return client.send(JSON.stringify({ number: String(data) }))
      return name === 'proper' ? client.close(1001) : client.terminate()
    })
  })
  const { port } = server.address() as { port: number }
  const client = new MessageLoad({ url: `ws://127.0.0.1:${port}/`, clients: 1 })
  client.expectDeath('killed')
  await until('the last one has answered', () => client.count > 1)
  const result = await client.stop()
  server.close()
  expect(result).toMatchObject({ closedProperly: 1, brokenByKill: 1, sentAgain: 3 })
  expect(result.wrong).toEqual(['the WebSocket to broken ended with 1006, and nobody had killed it'])
  expect(result.acknowledged.slice(0, 2)).toEqual(['0-1', '0-2'])
})
