import type { RolloutSpec } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { Alarm } from './alarm.js'
import { endpointsOf } from './endpoints.js'
import { desiredOf, desiredService, instance, observedOf } from './fixtures.suite.js'
import type { Comparison } from './judge.js'
import { plan } from './plan.js'
import { aborted, advance, promoted, type Advance } from './rollout-advance.js'
import { waitsForPromote } from './rollout-state.js'
import { viewServices } from './service-view.js'
import type { DesiredService, ObservedInstance, Rollout, SlotHistory } from './state.js'

const rolling: RolloutSpec = {
  strategy: 'rolling',
  order: 'start-first',
  maxSurge: { count: 1 },
  maxUnavailable: { count: 0 },
  minHealthyMs: 1000,
  progressDeadlineMs: 50_000,
  steps: [],
  judge: { minRequests: 20, maxErrorIncrease: 1, maxP99Ratio: 3 },
  autoPromote: true,
}
const canary: RolloutSpec = { ...rolling, strategy: 'canary', steps: [{ weight: 10, pauseMs: 30_000 }] }
const good = desiredService('web', { replicas: 3 })
const wanted = (rollout: RolloutSpec, revision = 'B'): DesiredService => ({ ...good, revision, rollout })
const old = [instance('web/0@A'), instance('web/1@A'), instance('web/2@A')]
const slots = (failures: number, revision = 'B'): Map<string, SlotHistory> =>
  new Map([['web/3', { failures, notBefore: 0, lastExit: null, ended: null, of: { revision, generation: 1 } }]])

/** Asked until nothing changes any more. */
function settle(
  service: DesiredService,
  before: Rollout | undefined,
  instances: ObservedInstance[],
  now: number,
  more: {
    slots?: Map<string, SlotHistory>
    figures?: Comparison | null
    mayProve?: (revision: string) => boolean
  } = {},
): { rollout: Rollout; steps: Advance[] } {
  const observed = observedOf(instances, more.slots === undefined ? {} : { slots: more.slots })
  const steps: Advance[] = []
  let rollout = before
  for (let round = 0; round < 20; round++) {
    const last = steps.at(-1)
    if (last?.back != null) break
    const views = viewServices(desiredOf(service), observed)
    const figures = more.figures ?? null
    const { mayProve = () => true } = more
    const next = advance(views.get('web')!, rollout, { views, observed, alarm: new Alarm(now), figures, mayProve })
    if (next === null) break
    steps.push(next)
    rollout = next.rollout
  }
  return { rollout: rollout!, steps }
}

const begunFrom = (rollout: RolloutSpec, instances = old): Rollout =>
  settle(wanted(rollout), settle(good, undefined, old, 0).rollout, instances, 10_000).rollout
const back = (steps: Advance[]) => steps.at(-1)?.back?.revision ?? null

describe('a rolling rollout', () => {
  it('has its first revision for good when all of it is well', () => {
    expect(settle(good, undefined, old, 0).rollout).toMatchObject({ state: 'succeeded', good: { revision: 'A' } })
  })

  it('goes back when nothing becomes healthy in time, and not before', () => {
    const sick = [...old, instance('web/3@B', { health: 'starting' })]
    const begun = begunFrom(rolling, sick)
    expect(back(settle(wanted(rolling), begun, sick, 59_999).steps)).toBeNull()
    const { rollout, steps } = settle(wanted(rolling), begun, sick, 60_000)
    expect(back(steps)).toBe('A')
    expect(rollout).toMatchObject({ isRollback: true, revision: 'A' })
    expect(rollout.reason).toContain('50 s')
  })

  it('goes back from a crash loop', () => {
    const begun = begunFrom(rolling)
    expect(back(settle(wanted(rolling), begun, old, 11_000, { slots: slots(2) }).steps)).toBeNull()
    expect(back(settle(wanted(rolling), begun, old, 11_000, { slots: slots(3) }).steps)).toBe('A')
  })

  it('stays with a first revision that fails, and with one that it went back to', () => {
    const first = settle(wanted(rolling), undefined, [], 0, { slots: slots(3) })
    expect(first.rollout).toMatchObject({ state: 'failed', isRollback: false })
    expect(back(first.steps)).toBeNull()
    const reverted = { ...begunFrom(rolling), isRollback: true }
    expect(back(settle(wanted(rolling), reverted, [], 11_000, { slots: slots(3) }).steps)).toBeNull()
  })

  it('counts an instance only when it has been healthy for long enough', () => {
    const observed = observedOf([...old, instance('web/3@B', { since: 9500 })])
    const drains = (now: number) =>
      plan(desiredOf(wanted(rolling)), observed, now).steps.filter((step) => step.kind === 'drain').length
    expect(drains(10_000)).toBe(0)
    expect(drains(10_500)).toBe(1)
  })

  it('keeps to its surge and to what may be missing', () => {
    const few = { ...rolling, maxSurge: { count: 0 }, maxUnavailable: { percent: 50 } }
    const { steps } = plan(desiredOf(wanted(few)), observedOf(old), 10_000)
    expect(steps.map((step) => step.kind)).toEqual(['drain'])
    const many = { ...rolling, maxSurge: { percent: 100 } }
    expect(plan(desiredOf(wanted(many)), observedOf(old), 10_000).steps.map((step) => step.kind)).toEqual([
      'start',
      'start',
      'start',
    ])
  })
})

const young = (since: number) => (one: ObservedInstance) => instance(one.id, { since })

/** A began with nothing before it, and B came at 9,200. */
const early = (since: number, count = 3) => {
  const begun = settle(wanted(rolling, 'A'), undefined, old.slice(0, count).map(young(since)), since).rollout
  return settle(wanted(rolling), begun, old.slice(0, count).map(young(since)), since + 200).rollout
}

describe('a revision that was replaced before its time was over', () => {
  const crashed = { slots: slots(3) }

  it('is gone back to when its instances, which serve on, have been well for long enough', () => {
    const rollout = early(9000)
    expect(rollout).toMatchObject({ good: null, unproven: [{ revision: 'A' }] })
    const its = old.map(young(9000))
    const { rollout: after, steps } = settle(wanted(rolling), rollout, its, 10_000, crashed)
    expect(steps.map(({ proven }) => proven)).toEqual(['A', undefined])
    expect(back(steps)).toBe('A')
    expect(after).toMatchObject({ isRollback: true, reason: expect.stringContaining('failed 3 times') })
  })

  it('is waited for with the judgement of the next one, as long as it is well', () => {
    const wait = settle(wanted(rolling), early(9000), old.map(young(9000)), 9900, crashed)
    expect(wait.rollout.state).toBe('progressing')
    const sick = [instance('web/0@A', { health: 'unhealthy' }), ...old.slice(1).map(young(9000))]
    expect(settle(wanted(rolling), early(9000), sick, 9900, crashed).rollout.state).toBe('failed')
  })

  it('is gone back to late, too, by one that has failed already', () => {
    const starting = old.map(({ id }) => instance(id, { health: 'starting' }))
    const failed = settle(wanted(rolling), early(9000), starting, 9300, crashed).rollout
    expect(failed.state).toBe('failed')
    const { steps } = settle(wanted(rolling), failed, old.map(young(20_000)), 21_000, crashed)
    expect(steps.at(-1)).toMatchObject({ proven: 'A', back: { revision: 'A' }, result: { result: 'failed' } })
  })

  it('is not gone back to with fewer instances than it takes, nor when somebody has rolled it back', () => {
    const two = settle(wanted(rolling), early(9000), old.slice(1).map(young(9000)), 10_000, crashed)
    expect([two.rollout.state, back(two.steps)]).toEqual(['failed', null])
    const its = old.map(young(9000))
    const given = settle(wanted(rolling), early(9000), its, 10_000, { ...crashed, mayProve: () => false })
    expect([given.rollout.state, back(given.steps)]).toEqual(['failed', null])
  })

  it('is remembered beyond the next ones that are replaced as early, but for those that have failed', () => {
    const its = old.map(young(9000))
    const second = settle(wanted(rolling, 'C'), early(9000), its, 9400).rollout
    expect(second.unproven?.map(({ revision }) => revision)).toEqual(['B', 'A'])
    expect(back(settle(wanted(rolling, 'C'), second, its, 10_000, { slots: slots(3, 'C') }).steps)).toBe('A')
    const failed = { ...early(9000), state: 'failed' } as const
    expect(settle(wanted(rolling, 'C'), failed, its, 9400).rollout.unproven).toMatchObject([{ revision: 'A' }])
  })

  it('is forgotten when the good one is gone back to, and when another has taken over', () => {
    const rollout = { ...early(9000), good }
    expect(settle(good, rollout, old.map(young(9000)), 9400).rollout.unproven).toBeUndefined()
    const all = ['web/3@B', 'web/4@B', 'web/5@B'].map((id) => instance(id, { since: 9300 }))
    const over = settle(wanted(rolling), early(9000), all, 11_000).rollout
    expect([over.state, over.unproven]).toEqual(['succeeded', undefined])
  })
})

describe('a canary', () => {
  const one = [...old, instance('web/3@B', { since: 9000 })]
  const bad: Comparison = {
    fresh: { requests: 40, errors: 20, durations: [] },
    old: { requests: 400, errors: 0, durations: [] },
  }

  const fine: Comparison = { fresh: { requests: 40, errors: 0, durations: [] }, old: bad.old }

  it('gives the new revision its share whatever the counts are', () => {
    const rollout = begunFrom(canary, one)
    const weights = endpointsOf(
      { ...observedOf(one), rollouts: new Map([['web', rollout]]) },
      desiredOf(wanted(canary)),
    ).map(({ weight }) => weight)
    const share = weights[3]! / weights.reduce((sum, weight) => sum + weight, 0)
    expect(share).toBeCloseTo(0.1, 2)
  })

  it('takes nothing old down and starts no more than its step needs', () => {
    const rollouts = new Map([['web', begunFrom(canary, one)]])
    expect(plan(desiredOf(wanted(canary)), observedOf(one, { rollouts }), 20_000).steps).toEqual([])
  })

  it('that waits for promote lets go of old ones that are not wanted any more, and of no others', () => {
    const manual: RolloutSpec = { ...canary, steps: [{ weight: 10, pauseMs: null }] }
    const rollout = settle(wanted(manual), begunFrom(manual, one), one, 12_000).rollout
    expect(waitsForPromote(wanted(manual), rollout)).toBe(true)
    expect(waitsForPromote(wanted(canary), begunFrom(canary, one))).toBe(false)
    const rollouts = new Map([['web', rollout]])
    const drained = (replicas: number, instances = one): string[] =>
      plan(desiredOf({ ...wanted(manual), replicas }), observedOf(instances, { rollouts }), 20_000).steps.flatMap(
        (step) => (step.kind === 'drain' ? [step.instance] : []),
      )
    expect(drained(3)).toEqual([])
    expect(drained(1)).toEqual(['web/2@A', 'web/1@A'])
    const sick = [instance('web/0@A', { health: 'unhealthy' }), ...one.slice(1)]
    expect(drained(2, sick)).toEqual(['web/0@A'])
    expect(drained(3, sick)).toEqual([])
  })

  it('goes back as soon as it is judged worse, with the numbers', () => {
    const { rollout, steps } = settle(wanted(canary), begunFrom(canary, one), one, 12_000, { figures: bad })
    expect(back(steps)).toBe('A')
    expect(rollout.reason).toContain('50 % of 40 requests failed')
  })

  it('goes on after its pause, to the end only when all new ones are there', () => {
    const passed = settle(wanted(canary), begunFrom(canary, one), one, 40_000, { figures: fine }).rollout
    expect(passed).toMatchObject({ step: 1, stepSince: null, switchedAt: null })
    const all = [...one, instance('web/4@B', { since: 41_000 }), instance('web/5@B', { since: 41_000 })]
    const switched = settle(wanted(canary), passed, all, 50_000).rollout
    expect(switched.switchedAt).toBe(50_000)
    const rollouts = new Map([['web', switched]])
    const drains = (now: number) => plan(desiredOf(wanted(canary)), observedOf(all, { rollouts }), now).steps.length
    expect([drains(54_999), drains(55_000)]).toEqual([0, 3])
    expect(settle(wanted(canary), switched, all.slice(3), 56_000).rollout).toMatchObject({
      state: 'succeeded',
      good: { revision: 'B' },
    })
  })

  it('waits ten seconds for figures that the gateway does not give, and says that it had none', () => {
    const [first, second, third] = [40_000, 49_999, 50_000].map((now) =>
      settle(wanted(canary), begunFrom(canary, one), one, now, { figures: null }),
    )
    expect([first, second, third].map((at) => at?.rollout.step)).toEqual([0, 0, 1])
    const told = (third?.steps ?? []).flatMap(({ events }) => events.map(({ message }) => message))
    expect(told.some((message) => message.includes('without figures'))).toBe(true)
  })

  it('is not judged any more once somebody has promoted it', () => {
    const on = promoted(wanted(canary), begunFrom(canary, one))!.rollout
    const all = [...one, instance('web/4@B', { since: 9000 }), instance('web/5@B', { since: 9000 })]
    const { rollout, steps } = settle(wanted(canary), on, all, 20_000, { figures: bad })
    expect(back(steps)).toBeNull()
    expect(rollout).toMatchObject({ state: 'progressing', switchedAt: 20_000 })
  })

  it('is promoted and aborted by hand', () => {
    const rollout = begunFrom(canary, one)
    expect(promoted(wanted(canary), rollout)?.rollout).toMatchObject({ step: 1, isPromoted: true })
    expect(aborted(wanted(canary), rollout, 12_000)?.back?.revision).toBe('A')
    expect(promoted(wanted(rolling), rollout)).toBeNull()
    expect(aborted(good, settle(good, undefined, old, 0).rollout, 1)).toBeNull()
  })
})

it('a blue-green rollout gives the new revision nothing until all of it is there, and then all', () => {
  const green: RolloutSpec = { ...canary, strategy: 'blue-green', steps: [], autoPromote: false }
  const all = [...old, ...[3, 4, 5].map((slot) => instance(`web/${slot}@B`, { since: 9000 }))]
  const weights = (rollout: Rollout) =>
    endpointsOf({ ...observedOf(all), rollouts: new Map([['web', rollout]]) }, desiredOf(wanted(green))).map(
      ({ weight }) => weight,
    )
  const waiting = settle(wanted(green), begunFrom(green, all), all, 100_000).rollout
  expect(weights(waiting)).toEqual([1000, 1000, 1000, 0, 0, 0])
  const on = promoted(wanted(green), waiting)!.rollout
  expect(weights(settle(wanted(green), on, all, 100_000).rollout)).toEqual([0, 0, 0, 1000, 1000, 1000])
})
