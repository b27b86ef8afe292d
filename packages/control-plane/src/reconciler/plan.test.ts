import { describe, expect, it } from 'vitest'
import { desiredOf, desiredService, healthRecord, instance, observedOf, revisionSpec } from './fixtures.suite.js'
import { plan } from './plan.js'
import type { Desired, Observed, SlotHistory } from './state.js'
import type { Step } from './step.js'

const second = 1000
const minute = 60 * second

/** Steps in short: `start web/0@A`, `drain web/0@A`, `stop web/0@A (never_healthy)`. */
function steps(desired: Desired, observed: Observed, now = 0): string[] {
  return plan(desired, observed, now).steps.map(inShort)
}

function inShort(step: Step): string {
  switch (step.kind) {
    case 'build':
      return `build ${step.service}@${step.revision}`
    case 'start':
      return `start ${step.service}/${step.slot}@${step.revision}`
    case 'stop':
      return `stop ${step.instance} (${step.reason.kind})`
    default:
      return `${step.kind} ${step.instance}`
  }
}

const failedOnce: SlotHistory = {
  failures: 1,
  notBefore: second,
  lastExit: { at: 0, reason: { kind: 'exit', code: 1 } },
  ended: null,
  of: { revision: 'A', generation: 1 },
}
const starting = { health: 'starting' } as const
const unhealthy = { health: 'unhealthy', detail: 'no answer' } as const
const draining = { drain: { since: 0, reason: { kind: 'stopped' } } } as const

const apiOnDb = (condition: 'service_started' | 'service_healthy' | 'service_completed_successfully') =>
  desiredOf(desiredService('db', { restart: 'no' }), desiredService('api', { dependsOn: { db: condition } }))

const dbEnded = (isSuccess: boolean, revision = 'A') =>
  observedOf([], {
    slots: new Map([['db/0', { ...failedOnce, ended: { revision, generation: 1, isSuccess } }]]),
  })
const webHeldUntil = (notBefore: number) =>
  observedOf([], { slots: new Map([['web/0', { ...failedOnce, notBefore }]]) })

const under = (...dependsOn: string[]) => ({ terms: { ...healthRecord().terms, dependsOn } })

describe('a service that should run', () => {
  it('is built before it is started', () => {
    const web = desiredOf(desiredService('web'))
    expect(steps(web, observedOf([], { builds: new Map() }))).toEqual(['build web@A'])
    expect(steps(web, observedOf([], { builds: new Map([['A', { kind: 'building' }]]) }))).toEqual([])
    expect(steps(web, observedOf([]))).toEqual(['start web/0@A'])
  })

  it('fills its lowest free slots', () => {
    const web = desiredOf(desiredService('web', { replicas: 4 }))
    expect(steps(web, observedOf([instance('web/1@A'), instance('web/3@A')]))).toEqual([
      'start web/0@A',
      'start web/2@A',
    ])
  })

  it('needs no step when everything wanted runs', () => {
    const web = desiredOf(desiredService('web', { replicas: 2 }))
    expect(plan(web, observedOf([instance('web/0@A'), instance('web/1@A')]), 0)).toEqual({
      steps: [],
      wakeAt: null,
      waiting: new Map(),
    })
  })

  it('waits with a failed build until it may be tried again, and holds nobody else up', () => {
    const app = desiredOf(desiredService('api', { revision: 'F' }), desiredService('web'))
    const failed = observedOf([], {
      builds: new Map([
        ['A', { kind: 'ready' }],
        ['F', { kind: 'failed', reason: 'no such module', retryAt: 4 * second }],
      ]),
    })
    const early = plan(app, failed, 0)
    expect(early.steps.map(inShort)).toEqual(['start web/0@A'])
    expect(early.wakeAt).toBe(4 * second)
    expect(early.waiting.get('api')?.text).toContain('no such module')
    expect(steps(app, failed, 4 * second)).toContain('build api@F')
  })
})

describe('scaling', () => {
  it('drains the highest slots first', () => {
    const web = desiredOf(desiredService('web', { replicas: 1 }))
    const three = [instance('web/0@A'), instance('web/1@A'), instance('web/2@A')]
    expect(steps(web, observedOf(three))).toEqual(['drain web/2@A', 'drain web/1@A'])
  })

  it('gives up what is not healthy before what is', () => {
    const web = desiredOf(desiredService('web', { replicas: 1 }))
    expect(steps(web, observedOf([instance('web/0@A', starting), instance('web/1@A')]))).toEqual(['drain web/0@A'])
  })

  it('gives up an older revision before the wanted one', () => {
    const web = desiredOf(desiredService('web', { replicas: 1, revision: 'B' }))
    expect(steps(web, observedOf([instance('web/0@A'), instance('web/1@B')]))).toEqual(['drain web/0@A'])
  })
})

describe('leaving', () => {
  const none = desiredOf()

  it('drains, stops, kills and buries, each when its time has come', () => {
    expect(steps(none, observedOf([instance('web/0@A')]))).toEqual(['drain web/0@A'])
    const drain = observedOf([instance('web/0@A', draining)])
    expect(plan(none, drain, 14_999)).toMatchObject({ steps: [], wakeAt: 15_000 })
    expect(steps(none, drain, 15_000)).toEqual(['stop web/0@A (stopped)'])
    expect(steps(none, observedOf([instance('web/0@A', draining, { isDrained: true })]))).toEqual([
      'stop web/0@A (stopped)',
    ])
    const stop = (killedAt: number | null) =>
      observedOf([instance('web/0@A', { ...draining, stop: { since: 0, reason: { kind: 'stopped' }, killedAt } })])
    expect(plan(none, stop(null), 9999)).toMatchObject({ steps: [], wakeAt: 10_000 })
    expect(steps(none, stop(null), 10_000)).toEqual(['kill web/0@A'])
    expect(steps(none, stop(10_000), 14_999)).toEqual([])
    expect(steps(none, stop(10_000), 15_000)).toEqual(['kill web/0@A'])
    const exited = { exited: { at: 0, reason: { kind: 'exit', code: 0 } } } as const
    expect(steps(none, observedOf([instance('web/0@A', {}, exited)]))).toEqual(['bury web/0@A'])
  })

  it('waits no longer than it should after the clock was set back', () => {
    const drain = observedOf([instance('web/0@A', { drain: { since: 90 * minute, reason: { kind: 'stopped' } } })])
    expect(plan(none, drain, 0).wakeAt).toBe(15_000)
  })

  it('stops dependents before what they depend on', () => {
    const down = desiredOf(
      desiredService('db', { isStopped: true }),
      desiredService('api', { isStopped: true, dependsOn: { db: 'service_healthy' } }),
      desiredService('web', { isStopped: true, dependsOn: { api: 'service_started' } }),
    )
    const [db, api, web] = [instance('db/0@A'), instance('api/0@A'), instance('web/0@A')]
    expect(steps(down, observedOf([db, api, web]))).toEqual(['drain web/0@A'])
    expect(steps(down, observedOf([db, api, instance('web/0@A', draining)]))).toEqual([])
    expect(steps(down, observedOf([db, api]))).toEqual(['drain api/0@A'])
    expect(steps(down, observedOf([db]))).toEqual(['drain db/0@A'])
  })

  it('keeps that order when nothing of them is wanted any more, by what their instances were started under', () => {
    const [db, api, web] = [instance('db/0@A'), instance('api/0@A', under('db')), instance('web/0@A', under('api'))]
    expect(steps(none, observedOf([db, api, web]))).toEqual(['drain web/0@A'])
    expect(steps(none, observedOf([db, api]))).toEqual(['drain api/0@A'])
    expect(steps(none, observedOf([db]))).toEqual(['drain db/0@A'])
    const inCircle = [instance('db/0@A', under('web')), api, web]
    expect(steps(none, observedOf(inCircle))).toEqual(['drain api/0@A', 'drain db/0@A', 'drain web/0@A'])
  })

  it('stops one service at once when its dependents stay', () => {
    const app = desiredOf(
      desiredService('db', { isStopped: true }),
      desiredService('api', { dependsOn: { db: 'service_healthy' } }),
    )
    expect(steps(app, observedOf([instance('db/0@A'), instance('api/0@A')]))).toEqual(['drain db/0@A'])
  })
})

describe('dependencies', () => {
  it('gate a start until they have started', () => {
    expect(steps(apiOnDb('service_started'), observedOf([]))).toEqual(['start db/0@A'])
    expect(steps(apiOnDb('service_started'), observedOf([instance('db/0@A', starting, { pid: null })]))).toEqual([])
    expect(steps(apiOnDb('service_started'), observedOf([instance('db/0@A', starting)]))).toEqual(['start api/0@A'])
  })

  it('gate a start until they are healthy', () => {
    const before = plan(apiOnDb('service_healthy'), observedOf([instance('db/0@A', starting)]), 0)
    expect(before.steps).toEqual([])
    expect(before.waiting.get('api')).toEqual({
      for: { kind: 'service', service: 'db' },
      text: 'waits for db, which is not healthy',
    })
    expect(steps(apiOnDb('service_healthy'), observedOf([instance('db/0@A')]))).toEqual(['start api/0@A'])
  })

  it('gate a start until they have completed', () => {
    const completed = apiOnDb('service_completed_successfully')
    expect(steps(completed, observedOf([instance('db/0@A')]))).toEqual([])
    expect(steps(completed, dbEnded(true))).toEqual(['start api/0@A'])
    expect(plan(completed, dbEnded(false), 0).steps).toEqual([])
    expect(plan(completed, dbEnded(false), 0).waiting.get('api')).toMatchObject({
      text: 'waits for db, which has failed',
    })
    expect(steps(completed, dbEnded(true, 'old'), second)).toEqual(['start db/0@A'])
  })

  it('never stop what runs', () => {
    const sick = observedOf([instance('db/0@A', unhealthy), instance('api/0@A')])
    expect(steps(apiOnDb('service_healthy'), sick)).toEqual([])
  })
})

describe('a rolling replacement', () => {
  const web = desiredOf(desiredService('web', { revision: 'B', replicas: 2 }))

  it('starts a successor in the next free slot, and waits for it to be healthy', () => {
    const old = [instance('web/0@A'), instance('web/1@A')]
    expect(steps(web, observedOf(old))).toEqual(['start web/2@B'])
    expect(steps(web, observedOf([...old, instance('web/2@B', starting)]))).toEqual([])
    expect(steps(web, observedOf([...old, instance('web/2@B')]))).toEqual(['drain web/1@A'])
  })

  it('starts the next one while the last one drains', () => {
    const half = [instance('web/0@A'), instance('web/1@A', draining), instance('web/2@B')]
    expect(steps(web, observedOf(half))).toEqual(['start web/3@B'])
    expect(steps(web, observedOf([half[0], half[2]]))).toEqual(['start web/1@B'])
  })

  it('keeps the old ones while the new revision crashes again and again', () => {
    const crashing = observedOf([instance('web/0@A'), instance('web/1@A', unhealthy)], {
      slots: new Map([
        ['web/2', { ...failedOnce, failures: 9, notBefore: minute, of: { revision: 'B', generation: 1 } }],
      ]),
    })
    expect(plan(web, crashing, 0)).toMatchObject({ steps: [], wakeAt: minute })
    expect(steps(web, crashing, minute)).toEqual(['start web/2@B'])
  })

  it('replaces an older generation in the same way', () => {
    const restarted = desiredOf(desiredService('web', { generation: 2 }))
    expect(steps(restarted, observedOf([instance('web/0@A')]))).toEqual(['start web/1@A'])
    const both = [instance('web/0@A'), instance('web/1@A', {}, { generation: 2 })]
    expect(steps(restarted, observedOf(both))).toEqual(['drain web/0@A'])
  })

  it('stops first where the port is fixed, and only when the successor is built', () => {
    const fixed = desiredOf(desiredService('web', { revision: 'B', spec: revisionSpec('web', { port: 5432 }) }))
    expect(steps(fixed, observedOf([instance('web/0@A')], { builds: new Map([['B', { kind: 'building' }]]) }))).toEqual(
      [],
    )
    expect(steps(fixed, observedOf([instance('web/0@A')]))).toEqual(['drain web/0@A'])
    expect(steps(fixed, observedOf([instance('web/0@A', draining)]))).toEqual([])
    expect(steps(fixed, observedOf([]))).toEqual(['start web/0@B'])
  })
})

describe('failures', () => {
  const web = desiredOf(desiredService('web'))

  it('are followed by a wait', () => {
    const failed = observedOf([], { slots: new Map([['web/0', failedOnce]]) })
    expect(plan(web, failed, 999)).toMatchObject({ steps: [], wakeAt: 1000 })
    expect(plan(web, failed, 999).waiting.get('web')).toEqual({
      for: { kind: 'restart' },
      text: 'has failed (exit code 1) and waits 1 s to be started again',
    })
    expect(steps(web, failed, 1000)).toEqual(['start web/0@A'])
  })

  it('do not start a successor in another slot instead', () => {
    const exited = { exited: { at: 0, reason: { kind: 'exit', code: 1 } } } as const
    expect(steps(web, observedOf([instance('web/0@A', {}, exited)]))).toEqual(['bury web/0@A'])
    const stop = { since: 0, reason: { kind: 'never_healthy', detail: '' }, killedAt: null } as const
    expect(steps(web, observedOf([instance('web/0@A', { ...starting, stop })]))).toEqual([])
  })

  it('do not hold back another revision or generation', () => {
    const failed = observedOf([], { slots: new Map([['web/0', { ...failedOnce, notBefore: minute }]]) })
    expect(steps(desiredOf(desiredService('web', { revision: 'B' })), failed)).toEqual(['start web/0@B'])
    expect(steps(desiredOf(desiredService('web', { generation: 2 })), failed)).toEqual(['start web/0@A'])
  })

  it('are not waited for longer than the longest backoff, whatever the clock did', () => {
    expect(plan(web, webHeldUntil(5 * minute), 0)).toMatchObject({ steps: [], wakeAt: 5 * minute })
    expect(steps(web, webHeldUntil(5 * minute + 1))).toEqual(['start web/0@A'])
  })

  it('include never becoming healthy', () => {
    const slow = observedOf([instance('web/0@A', { ...starting, detail: 'refused' })])
    expect(plan(web, slow, 19_999)).toMatchObject({ steps: [], wakeAt: 20_000 })
    expect(plan(web, slow, 20_000).steps).toEqual([
      { kind: 'stop', instance: 'web/0@A', reason: { kind: 'never_healthy', detail: 'refused' } },
    ])
  })

  it('include staying unhealthy, but one instance at a time', () => {
    const two = desiredOf(desiredService('web', { replicas: 2 }))
    const sick = [instance('web/0@A', unhealthy), instance('web/1@A', unhealthy)]
    expect(plan(two, observedOf(sick), 99_999)).toMatchObject({ steps: [], wakeAt: 100_000 })
    expect(steps(two, observedOf(sick), 100_000)).toEqual(['drain web/0@A'])
    const first = instance('web/0@A', {
      ...unhealthy,
      drain: { since: 99_000, reason: { kind: 'unhealthy', detail: '' } },
    })
    expect(steps(two, observedOf([first, sick[1]]), 100_000)).toEqual([])
  })

  it('end a run for good under the policy "no", until its policy, revision or generation changes', () => {
    const ended = observedOf([], {
      slots: new Map([['web/0', { ...failedOnce, ended: { revision: 'A', generation: 1, isSuccess: false } }]]),
    })
    const job = (changes: object) =>
      steps(desiredOf(desiredService('web', { restart: 'no', ...changes })), ended, minute)
    expect(job({})).toEqual([])
    expect(job({ restart: 'on-failure' })).toEqual(['start web/0@A'])
    expect(job({ revision: 'B' })).toEqual(['start web/0@B'])
    expect(job({ generation: 2 })).toEqual(['start web/0@A'])
    expect(job({ replicas: 2 })).toEqual(['start web/1@A'])
  })
})
