import { describe, expect, it } from 'vitest'
import { desiredOf, desiredService, instance, observedOf } from './fixtures.suite.js'
import { plan } from './plan.js'
import type { DesiredService, Observed } from './state.js'
import { statusOf } from './status.js'

const facts = () => ({ address: { host: '127.0.0.1', port: 7801 }, routes: ['web/0'] })
const history = {
  failures: 3,
  notBefore: 9000,
  lastExit: { at: 0, reason: { kind: 'exit', code: 2 } },
  ended: null,
} as const
const starting = { health: 'starting', detail: 'connection refused' } as const

const usageOf = (id: string) => (id === 'web/0@A' ? { memoryBytes: 5, cpuSeconds: 1 } : null)

function stateOf(wish: Partial<DesiredService>, observed: Observed, ...others: DesiredService[]) {
  const desired = desiredOf(desiredService('web', wish), ...others)
  const statuses = statusOf({ desired, observed, plan: plan(desired, observed, 1000), now: 1000, facts })
  const { state, reason } = statuses.find(({ name }) => name === 'web')!
  return `${state}: ${reason}`
}

describe('the status of a service', () => {
  it.each<[string, Partial<DesiredService>, Observed]>([
    ['ready: ', { replicas: 2 }, observedOf([instance('web/0@A'), instance('web/1@A')])],
    ['ready: ', {}, observedOf([instance('web/0@A'), instance('web/1@B')])],
    [
      'degraded: 1 of 2 instances is healthy: connection refused.',
      { replicas: 2 },
      observedOf([instance('web/0@A'), instance('web/1@A', starting)]),
    ],
    ['starting: 0 of 1 instances are healthy: connection refused.', {}, observedOf([instance('web/0@A', starting)])],
    [
      'starting: 0 of 1 instances of the new revision are healthy: connection refused.',
      {},
      observedOf([instance('web/0@B'), instance('web/1@A', starting)]),
    ],
    ['building: It is being built.', {}, observedOf([], { builds: new Map([['A', { kind: 'building' }]]) })],
    [
      'failed: It waits to be built again after a failed build: no pip.',
      {},
      observedOf([], { builds: new Map([['A', { kind: 'failed', reason: 'no pip', retryAt: 5000 }]]) }),
    ],
    [
      'degraded: It waits to be built again after a failed build: no pip.',
      {},
      observedOf([instance('web/0@B')], {
        builds: new Map([['A', { kind: 'failed', reason: 'no pip', retryAt: 5000 }]]),
      }),
    ],
    [
      'failed: It has failed 3 times in a row (exit code 2) and waits 4 s to be started again.',
      {},
      observedOf([], { slots: new Map([['web/0', history]]) }),
    ],
    [
      'waiting: It waits for db, which is not part of the app.',
      { dependsOn: { db: 'service_healthy' } },
      observedOf([]),
    ],
    ['stopped: It was stopped and its instances are leaving.', { isStopped: true }, observedOf([instance('web/0@A')])],
    ['stopped: It was stopped.', { isStopped: true }, observedOf([])],
    [
      'completed: It ran to its end.',
      { restart: 'no' },
      observedOf([], {
        slots: new Map([['web/0', { ...history, ended: { revision: 'A', generation: 1, isSuccess: true } }]]),
      }),
    ],
    [
      'failed: It has ended and is not started again: exit code 2.',
      { restart: 'no' },
      observedOf([], {
        slots: new Map([['web/0', { ...history, ended: { revision: 'A', generation: 1, isSuccess: false } }]]),
      }),
    ],
  ])('is %s', (expected, wish, observed) => {
    expect(stateOf(wish, observed)).toBe(expected)
  })

  it('shows a service that is gone while its instances leave', () => {
    const observed = observedOf([instance('web/0@A', { drain: { since: 0, reason: { kind: 'stopped' } } })])
    const [status] = statusOf({ desired: new Map(), observed, plan: plan(new Map(), observed, 0), now: 0, facts })
    expect(status).toMatchObject({ name: 'web', state: 'stopped', replicas: 0, instances: [{ phase: 'draining' }] })
  })

  it('shows of an instance what the last failed check said, or how the last run in its slot ended', () => {
    const observed = observedOf(
      [instance('web/0@A', { since: 1000 }), instance('web/1@A', { ...starting, since: 1000 })],
      {
        slots: new Map([['web/0', history]]),
      },
    )
    const desired = desiredOf(desiredService('web', { replicas: 2 }))
    const [{ instances }] = statusOf({
      desired,
      observed,
      plan: plan(desired, observed, 2000),
      now: 2000,
      facts,
      usage: usageOf,
    })
    expect(instances).toMatchObject([
      { phase: 'healthy', restarts: 3, detail: 'last exit: exit code 2', memoryBytes: 5, cpuSeconds: 1 },
      { phase: 'starting', restarts: 0, detail: 'connection refused', memoryBytes: null },
    ])
    const later = statusOf({ desired, observed, plan: plan(desired, observed, 2000), now: 11 * 60_000, facts })
    expect(later[0].instances[0].restarts).toBe(0)
  })
})
