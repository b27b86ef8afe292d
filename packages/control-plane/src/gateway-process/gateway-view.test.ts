import { expect, test } from 'vitest'
import { quietReport as report } from './gateway-report.suite.js'
import { GatewayView } from './gateway-view.js'

const address = { host: '127.0.0.1', port: 8080 }

test('a gateway is ready by its own report alone: not by that of the one before it, nor by an old one', () => {
  const view = new GatewayView()
  view.note(report, 1000)
  const state = (pid: number | null, now: number): string => view.status({ address, pid, now }).state
  expect(state(7, 2000)).toBe('ready')
  expect(state(null, 2000)).toBe('down')
  expect(state(8, 2000)).toBe('starting')
  expect(state(7, 12_000)).toBe('starting')
})

test('warnings are new once, and part of the status as long as they are reported', () => {
  const view = new GatewayView()
  const warned = { ...report, listenerWarnings: { 'edge/tls': ['it has expired'] } }
  expect(view.note(report, 1000).newWarnings).toEqual([])
  expect(view.note(warned, 1000).newWarnings).toEqual(['it has expired'])
  expect(view.note(warned, 1000).newWarnings).toEqual([])
  expect(view.status({ address, pid: 7, now: 1000 }).warnings).toEqual(['it has expired'])
  view.note(report, 1000)
  expect(view.status({ address, pid: 7, now: 1000 }).warnings).toBeUndefined()
})

test('what is amiss with authenticators is a warning that names them', () => {
  const view = new GatewayView()
  const warned = { ...report, authenticatorWarnings: { people: ['/run/people: there is no such file'] } }
  view.note(report, 1000)
  expect(view.note(warned, 1000).newWarnings).toEqual(['authenticator people: /run/people: there is no such file'])
})

test('a store that does not answer is a warning as long as it does not', () => {
  const view = new GatewayView()
  const away = 'the store of the rate limits does not answer (ECONNREFUSED)'
  view.note(report, 1000)
  expect(view.note({ ...report, storeWarnings: { rate_limit_store: [away] } }, 1000).newWarnings).toEqual([away])
  expect(view.status({ address, pid: 7, now: 1000 }).warnings).toEqual([away])
  view.note(report, 1000)
  expect(view.status({ address, pid: 7, now: 1000 }).warnings).toBeUndefined()
})

test('what is kept from a service is told as long as its gateway says so', () => {
  const view = new GatewayView()
  view.note({ ...report, ejected: { a: { service: 'web', error: 'a status of 503' } }, openCircuits: { web: 1 } }, 1000)
  expect(view.withheld('web', 7, 1000)).toEqual({
    ejected: [{ instance: 'a', error: 'a status of 503' }],
    openCircuits: 1,
    workers: 2,
  })
  expect(view.withheld('api', 7, 1000)).toBeNull()
  expect(view.withheld('web', 8, 1000)).toBeNull()
  expect(view.withheld('web', 7, 12_000)).toBeNull()
})

test('a gateway whose workers end as they start is not ready, with the reason, and what was over is a warning for a while', () => {
  const view = new GatewayView()
  const end = {
    number: 1,
    at: 1_000,
    worker: 1,
    workers: 1,
    how: 'ended with exit code 1',
    hasServed: false,
    inARow: 1,
  }
  const workerEnds = { count: 1, told: 0, recent: [{ ...end, pauseMs: 0, error: 'Error: boom', lines: [] }] }
  const text = 'worker 1 of 1 ended with exit code 1 before it served; started again: Error: boom'
  expect(view.note({ ...report, applied: -1, workers: 0, workerEnds }, 1_000)).toMatchObject({
    isNowReady: false,
    workerEnds: [text],
  })
  expect(view.status({ address, pid: 7, now: 1_000 })).toMatchObject({
    state: 'starting',
    errors: [`no worker serves: ${text}`],
  })
  expect(view.note({ ...report, workerEnds }, 2_000)).toMatchObject({ isNowReady: true, workerEnds: [] })
  expect(view.status({ address, pid: 7, now: 2_000 })).toMatchObject({ state: 'ready', errors: [], warnings: [text] })
  expect(view.note({ ...report, workerEnds }, 700_000).newWarnings).toEqual([])
  expect(view.status({ address, pid: 7, now: 700_000 }).warnings).toBeUndefined()
})
