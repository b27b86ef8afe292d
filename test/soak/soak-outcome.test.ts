import { once } from 'node:events'
import { expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { until } from '../support/condition.js'
import { webSocketTo, type Open } from './conversation.js'
import { MessageLoad } from './message-load.js'
import { countsOf, soakOptions, soakSteps, stepsOf } from './soak-options.js'
import { outcomeOf } from './soak-outcome.js'
import { nothingDone } from './soak-run.js'
import type { Taken } from './soak-steps.js'

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
  closedProperly: 0,
  brokenByKill: 0,
  wrong: [],
}

const seen: Parameters<typeof outcomeOf>[0] = {
  options: soakOptions('{"seed":1,"rounds":3}'),
  isCutShort: false,
  tookMs: 1,
  done: nothingDone(),
  load,
  overHttp2: 1,
  overGrpc: 1,
  messages: { webSocket: messages, grpc: { ...messages, acknowledged: ['grpc-0-1'] } },
  processed: ['1', '2'],
  taken: ['0-1', '0-2', 'grpc-0-1'],
  wrongPosts: [],
  violations: [],
  before: footprint,
  after: footprint,
}

const outcome = (changes: Partial<typeof seen>): readonly string[] => outcomeOf({ ...seen, ...changes }).violations

test('what must hold and does not is named', () => {
  expect(outcome({})).toEqual([])
  expect(outcome({ load: { ...load, failedIdempotent: ['3: ECONNRESET'] } })).toEqual(['1 GETs failed: 3: ECONNRESET'])
  expect(outcome({ load: { ...load, failedIdempotent: ['3: 500 {"isBad":true}'] } })).toEqual([])
  expect(outcome({ load: { ...load, failedIdempotent: ['grpc-3: 13 {"isBad":true}'] } })).toEqual([])
  const begun =
    'grpc-3: 14 The service closed the connection before its answer was whole: a:1, in the middle of its answer: it broke.'
  expect(outcome({ load: { ...load, failedIdempotent: [begun] } })).toEqual([])
  const unbegun = begun.replace('in the middle of its answer', 'before it answered')
  expect(outcome({ load: { ...load, failedIdempotent: [unbegun] } })).toEqual([`1 GETs failed: ${unbegun}`])
  expect(outcome({ processed: ['1', '2', '1'] })).toEqual(['1 POSTs were processed twice: 1'])
  expect(outcome({ processed: ['1'] })).toEqual(['1 POSTs were acknowledged and are not there: 2'])
  expect(outcome({ taken: ['0-1'] })).toEqual(['2 messages were acknowledged and are not there: 0-2; grpc-0-1'])
  expect(outcome({ wrongPosts: ['4: 502'] })).toEqual(['1 POSTs failed although no instance died under them: 4: 502'])
})

const taken = (kind: string, tookMs: number): Taken => ({ kind, tookMs, serves: 'v1', deaths: 0 })

test('the times of a step are given by its kinds', () => {
  const done = { ...nothingDone(), deploy: [taken('rolling', 100), taken('blue-green', 900), taken('rolling', 300)] }
  const { rows } = outcomeOf({ ...seen, done })
  expect(rows.slice(0, 3)).toEqual([
    ['**deploys that went through**', '**3 of 3**'],
    ['– rolling', '2: 300 / 300 / 300 ms'],
    ['– blue-green', '1: 900 / 900 / 900 ms'],
  ])
})

const count = (list: readonly string[], step: string): number => list.filter((one) => one === step).length

test('the steps are spread, and all of them are there', () => {
  const steps = stepsOf(100)
  expect(Object.fromEntries(soakSteps.map((step) => [step, count(steps, step)]))).toEqual(countsOf(100))
  expect(countsOf(100)).toMatchObject({ deploy: 100, kill: 100, 'plane kill': 20, 'bad deploy': 20 })
  expect(count(steps.slice(0, steps.length / 2), 'bad deploy')).toBe(10)
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
  const client = new MessageLoad({
    kind: 'WebSocket',
    clients: [webSocketTo(`ws://127.0.0.1:${port}/`)],
    pauseMs: 5,
  })
  client.expectDeath('killed')
  await until('the last one has answered', () => client.count > 1)
  const result = await client.stop()
  server.close()
  expect(result).toMatchObject({ closedProperly: 1, brokenByKill: 1, sentAgain: 3 })
  expect(result.wrong).toEqual(['the WebSocket to broken ended with 1006, and nobody had killed it'])
  expect(result.acknowledged.slice(0, 2)).toEqual(['0-1', '0-2'])
})

test('the death of an instance excuses a break and no other end; what was refused before it began is told apart', async () => {
  const ends = [
    { greets: true, end: 'fault', how: '13 a fault' },
    { greets: true, end: 'break', how: '14 gone' },
    { greets: false, end: 'break', how: '14 nobody there' },
    { greets: true, end: 'leave', how: '0 OK' },
  ] as const
  let count = 0
  const open: Open = ({ heard, ended }) => {
    const { greets, end, how } = ends[Math.min(count++, 3)] as (typeof ends)[number]
    setImmediate(() => {
      if (greets) heard(JSON.stringify({ instance: 'killed' }))
      ended(end, how)
    })
    return { isOpen: false, send: () => {}, end: () => {}, breakOff: () => {} }
  }
  const load = new MessageLoad({ kind: 'stream', clients: [open], pauseMs: 1, prefix: 'grpc-' })
  load.expectDeath('killed')
  await until('all of them have been begun', () => count > ends.length)
  const result = await load.stop()
  expect(result).toMatchObject({ brokenByKill: 1 })
  expect(result.closedProperly).toBeGreaterThan(0)
  expect(result.wrong).toEqual(['the stream to killed ended with 13 a fault, and that is no way to die'])
  expect(load.refused).toEqual(['grpc-0-1: 14 nobody there'])
})
