import { defaultRollout } from '@pando/model'
import { expect, it } from 'vitest'
import { appOf, listed } from './reading.suite.js'

const rolloutOf = (written: string, more = '') =>
  appOf(`services:\n  a:\n    build: a\n    command: serve\n${more}    rollout: ${written}\n`).services['a']?.rollout

const mistakes = (written: string, more = '') =>
  listed(`services:\n  a:\n    build: a\n    command: serve\n${more}    rollout: ${written}\n`)

it('reads every key of a rollout', () => {
  const written =
    '{ strategy: canary, max_surge: 50%, max_unavailable: 2, min_healthy_time: 5s, progress_deadline: 2m, ' +
    'steps: [{ weight: 5, pause: 1m }, { weight: 60 }], min_requests: 7, max_error_increase: 2.5, max_p99_ratio: 4, auto_promote: false }'
  expect(rolloutOf(written)).toEqual({
    strategy: 'canary',
    order: 'start-first',
    maxSurge: { percent: 50 },
    maxUnavailable: { count: 2 },
    minHealthyMs: 5000,
    progressDeadlineMs: 120_000,
    steps: [
      { weight: 5, pauseMs: 60_000 },
      { weight: 60, pauseMs: null },
    ],
    judge: { minRequests: 7, maxErrorIncrease: 2.5, maxP99Ratio: 4 },
    autoPromote: false,
  })
})

it('has a default for each, which looks at strategy, port and healthcheck', () => {
  expect(rolloutOf('{}')).toEqual(defaultRollout)
  expect(rolloutOf('{ strategy: canary }')?.steps.length).toBeGreaterThan(0)
  expect(rolloutOf('{ strategy: blue-green }')?.steps).toEqual([])
  expect(rolloutOf('{}', '    port: 5432\n')?.order).toBe('stop-first')
  expect(rolloutOf('{}', '    healthcheck: { http: /healthz, startup: 2m }\n')?.progressDeadlineMs).toBe(130_000)
})

it.each([
  ['{ strategy: canery }', '5:26 services.a.rollout.strategy', 'canary'],
  ['{ max_surge: -1 }', '5:27 services.a.rollout.max_surge', 'a percentage such as 25%'],
  ['{ max_unavailable: 101% }', '5:33 services.a.rollout.max_unavailable', 'a percentage such as 25%'],
  ['{ max_surge: 0 }', '5:27 services.a.rollout.max_surge', 'nothing could ever change'],
  ['{ min_healthy_time: soon }', '5:34 services.a.rollout.min_healthy_time', ''],
  ['{ progress_deadline: 10ms }', '5:35 services.a.rollout.progress_deadline', ''],
  ['{ steps: [{ weight: 10 }] }', '5:16 services.a.rollout.steps', 'steps are for a canary'],
  ['{ strategy: canary, steps: [] }', 'services.a.rollout.steps', ''],
  ['{ strategy: canary, steps: [{ weight: 101 }] }', 'services.a.rollout.steps[0].weight', ''],
  ['{ strategy: blue-green, order: stop-first }', 'services.a.rollout.strategy', 'needs both revisions at once'],
  ['{ max_unavailible: 1 }', '5:16 services.a.rollout', 'max_unavailable'],
])('refuses %s', (written, place, what) => {
  const found = mistakes(written)
  expect(found).toHaveLength(1)
  expect(found[0]).toContain(place)
  expect(found[0]).toContain(what)
})

it.each([
  ['{ order: start-first }', 'two instances cannot share a port'],
  ['{ strategy: canary }', 'needs both revisions at once'],
])('refuses %s for a program that insists on its port', (written, what) => {
  expect(mistakes(written, '    port: 5432\n')).toEqual([expect.stringContaining(what)])
})
