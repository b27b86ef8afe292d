import type { GatewayReport } from '@pando/model'
import { expect, test } from 'vitest'
import { quietReport } from './gateway-report.suite.js'
import { withheldEvents } from './withheld-events.js'

const report = (ejected: readonly string[]): GatewayReport => ({
  ...quietReport,
  ejected: Object.fromEntries(ejected.map((id) => [id, { service: 'web', error: 'a status of 503' }])),
})

const told = (before: GatewayReport | null, now: GatewayReport): string[] =>
  withheldEvents(before, now).map(({ kind, service, instance }) => `${kind} ${service} ${instance}`)

test('each ejection is told once, and its end', () => {
  expect(told(null, report(['a']))).toEqual(['endpoint.ejected web a'])
  expect(told(report(['a']), report(['a', 'b']))).toEqual(['endpoint.ejected web b'])
  expect(told(report(['a', 'b']), report(['b']))).toEqual(['endpoint.readmitted web a'])
  expect(told(report([]), report([]))).toEqual([])
})

test('it says what the last error was', () => {
  expect(withheldEvents(null, report(['a']))[0]?.message).toContain('the last one a status of 503')
})

test('tells once that a circuit breaker has opened, in however many workers, and that it is closed', () => {
  const open = { ...report([]), openCircuits: { users: 1 } }
  expect(withheldEvents(report([]), open)).toMatchObject([{ kind: 'circuit.opened', service: 'users' }])
  expect(withheldEvents(open, { ...open, openCircuits: { users: 2 } })).toEqual([])
  expect(withheldEvents(open, report([]))).toMatchObject([{ kind: 'circuit.closed', service: 'users' }])
})
