import type { GatewayReport } from '@pando/model'
import { expect, test } from 'vitest'
import { ejectionEvents } from './ejection-events.js'

const report = (ejected: readonly string[]): GatewayReport => ({
  gateway: 'gateway',
  pid: 7,
  epoch: 'e',
  applied: 1,
  workers: 2,
  draining: {},
  listenerErrors: {},
  ejected: Object.fromEntries(ejected.map((id) => [id, { service: 'web', error: 'a status of 503' }])),
})

const told = (before: GatewayReport | null, now: GatewayReport): string[] =>
  ejectionEvents(before, now).map(({ kind, service, instance }) => `${kind} ${service} ${instance}`)

test('each ejection is told once, and its end', () => {
  expect(told(null, report(['a']))).toEqual(['endpoint.ejected web a'])
  expect(told(report(['a']), report(['a', 'b']))).toEqual(['endpoint.ejected web b'])
  expect(told(report(['a', 'b']), report(['b']))).toEqual(['endpoint.readmitted web a'])
  expect(told(report([]), report([]))).toEqual([])
})

test('it says what the last error was', () => {
  expect(ejectionEvents(null, report(['a']))[0]?.message).toContain('the last one a status of 503')
})
