import type { GatewayReport, WorkerEnd } from '@pando/model'
import { expect, test } from 'vitest'
import { quietReport } from './gateway-report.suite.js'
import { describeWorkerEnd, workerEndEvents } from './worker-end-events.js'

const killed: WorkerEnd = {
  number: 1,
  at: 1_000,
  worker: 2,
  workers: 2,
  how: 'ended by SIGKILL',
  hasServed: true,
  inARow: 0,
  pauseMs: 0,
  error: '',
  lines: [],
}

function reportOf(recent: readonly WorkerEnd[], told = 0): GatewayReport {
  return { ...quietReport, workerEnds: { count: recent.at(-1)?.number ?? 0, told, recent } }
}

test('an end says which worker, how, what is done, how many there were, and what it wrote', () => {
  expect(describeWorkerEnd(killed)).toBe('worker 2 of 2 ended by SIGKILL; started again')
  expect(describeWorkerEnd({ ...killed, number: 12 })).toBe(
    'worker 2 of 2 ended by SIGKILL; started again (12th end of a worker since the gateway started)',
  )
  const how = 'ended with exit code 1'
  const crashed = { ...killed, how, hasServed: false, number: 5, inARow: 5, pauseMs: 1_640, error: 'Error: boom' }
  expect(describeWorkerEnd({ ...crashed, lines: ['Error: boom', '    at main.js:3:7', 'Node.js v20.20.0'] })).toBe(
    'worker 2 of 2 ended with exit code 1 before it served; started again after 1.6 s, the 5th time in a row ' +
      '(5th end of a worker since the gateway started): Error: boom [its last lines: at main.js:3:7 | Node.js v20.20.0]',
  )
  expect(describeWorkerEnd({ ...killed, pauseMs: null })).toContain('the one that it was to replace serves on')
})

test('an end is told once: not in the next report, nor to a control plane that starts anew', () => {
  const first = reportOf([killed])
  expect(workerEndEvents(null, quietReport)).toEqual([])
  expect(workerEndEvents(quietReport, first)).toHaveLength(1)
  expect(workerEndEvents(first, first)).toEqual([])
  const second = reportOf([killed, { ...killed, number: 2 }])
  expect(workerEndEvents(first, second)).toEqual([expect.stringContaining('2nd end')])
  expect(workerEndEvents(null, reportOf([killed], 1))).toEqual([])
  expect(workerEndEvents(second, { ...first, pid: 8 })).toHaveLength(1)
})

test('of a worker that never starts, fewer and fewer ends are told', () => {
  const ends = Array.from({ length: 40 }, (_, index) => ({ ...killed, number: index + 1, inARow: index + 1 }))
  const told = workerEndEvents(null, reportOf(ends)).map((text) => / (\d+)\w\w time in a row/.exec(text)?.[1] ?? '1')
  expect(told).toEqual(['1', '2', '4', '8', '16', '32'])
})
