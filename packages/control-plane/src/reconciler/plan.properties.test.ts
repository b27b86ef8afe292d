import { canonicalJson } from '@pando/model'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { desiredService, instance, observedOf, revisionSpec } from './fixtures.suite.js'
import { trusted } from './backoff.js'
import { plan } from './plan.js'
import type { BuildState, DesiredService, Observed, ObservedInstance, SlotHistory } from './state.js'

// Any state that can be seen, sensible or not: a plan must be sound for all of them.
const services = ['db', 'api', 'web']
const revision = fc.constantFrom('A', 'B')
const time = fc.integer({ min: 0, max: 120_000 })
const reason = fc.constantFrom({ kind: 'stopped' } as const, { kind: 'unhealthy', detail: 'x' } as const)
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null, freq: 2 })

const service = (name: string): fc.Arbitrary<DesiredService> =>
  fc
    .record({
      revision,
      generation: fc.integer({ min: 1, max: 2 }),
      replicas: fc.integer({ min: 0, max: 3 }),
      isStopped: fc.boolean(),
      restart: fc.constantFrom('always', 'on-failure', 'no'),
      hasPort: fc.boolean(),
      dependsOn: fc.dictionary(
        fc.constantFrom(...services.slice(0, services.indexOf(name)), 'absent'),
        fc.constantFrom('service_started', 'service_healthy', 'service_completed_successfully'),
        { maxKeys: 2 },
      ),
    })
    .map(({ hasPort, ...rest }) =>
      desiredService(name, {
        ...rest,
        spec: revisionSpec(name, { port: hasPort ? 5000 : null }),
      } as Partial<DesiredService>),
    )

const desired = fc
  .tuple(...services.map((name) => maybe(service(name))))
  .map((list) => new Map(list.filter((s) => s !== null).map((s) => [s.name, s])))

const run: fc.Arbitrary<ObservedInstance> = fc
  .record({
    service: fc.constantFrom(...services, 'gone'),
    slot: fc.integer({ min: 0, max: 4 }),
    revision,
    generation: fc.integer({ min: 1, max: 2 }),
    health: fc.constantFrom('starting', 'healthy', 'unhealthy'),
    since: time,
    drain: maybe(fc.record({ since: time, reason })),
    stop: maybe(fc.record({ since: time, reason, killedAt: maybe(time) })),
    exited: maybe(fc.record({ at: time, reason: fc.constant({ kind: 'exit' as const, code: 1 }) })),
    isDrained: fc.boolean(),
  })
  .map(({ health, since, drain, stop, ...rest }) =>
    instance(`${rest.service}/${rest.slot}@${rest.revision}`, { health, since, drain, stop } as never, rest),
  )

const history: fc.Arbitrary<SlotHistory> = fc.record({
  failures: fc.integer({ min: 0, max: 5 }),
  notBefore: fc.integer({ min: 0, max: 600_000 }),
  lastExit: fc.constant(null),
  ended: maybe(fc.record({ revision, generation: fc.integer({ min: 1, max: 2 }), isSuccess: fc.boolean() })),
  of: fc.record({ revision, generation: fc.integer({ min: 1, max: 2 }) }),
})

const build: fc.Arbitrary<BuildState> = fc.oneof(
  fc.constant({ kind: 'ready' } as const),
  fc.constant({ kind: 'building' } as const),
  fc.record({ kind: fc.constant('failed' as const), reason: fc.constant('no'), retryAt: time }),
)

const observed: fc.Arbitrary<Observed> = fc
  .record({
    instances: fc.uniqueArray(run, { maxLength: 8, selector: (i) => `${i.service}/${i.slot}` }),
    builds: fc.dictionary(revision, build),
    slots: fc.dictionary(
      fc.tuple(fc.constantFrom(...services), fc.nat(3)).map(([s, slot]) => `${s}/${slot}`),
      history,
    ),
  })
  .map(({ instances, builds, slots }) =>
    observedOf(instances, { builds: new Map(Object.entries(builds)), slots: new Map(Object.entries(slots)) }),
  )

function holds(property: (wanted: Map<string, DesiredService>, seen: Observed, now: number) => void): void {
  fc.assert(fc.property(desired, observed, time, property), { numRuns: 3000 })
}

describe('every plan', () => {
  it('is the same for the same input, in whatever order the instances are listed', () => {
    holds((wanted, seen, now) => {
      const reversed = { ...seen, instances: seen.instances.toReversed() }
      expect(plan(wanted, reversed, now)).toEqual(plan(wanted, seen, now))
    })
  })

  it('has no step for what is unknown, and at most one for an instance, a slot and a revision', () => {
    holds((wanted, seen, now) => {
      const touched: string[] = []
      const unknown = plan(wanted, seen, now).steps.filter((step) => {
        if (step.kind === 'start') {
          touched.push(`slot ${step.service}/${step.slot}`)
          const want = wanted.get(step.service)
          return (
            want?.revision !== step.revision ||
            want.generation !== step.generation ||
            seen.builds.get(step.revision)?.kind !== 'ready' ||
            seen.instances.some((i) => i.service === step.service && i.slot === step.slot)
          )
        }
        if (step.kind === 'build') {
          touched.push(`build ${step.service}`)
          return wanted.get(step.service)?.revision !== step.revision
        }
        touched.push(step.instance)
        return !seen.instances.some((i) => i.id === step.instance)
      })
      expect(unknown).toEqual([])
      expect(new Set(touched).size).toBe(touched.length)
    })
  })

  it('takes down a healthy instance only when healthy ones enough remain, but where the port is fixed', () => {
    holds((wanted, seen, now) => {
      const steps = plan(wanted, seen, now).steps
      const told = new Set(steps.flatMap((s) => (s.kind === 'drain' || s.kind === 'stop' ? [s.instance] : [])))
      const active = seen.instances.filter(
        (i) => i.exited === null && i.record.drain === null && i.record.stop === null,
      )
      for (const [name, want] of wanted) {
        const healthy = active.filter((i) => i.service === name && i.record.health === 'healthy')
        const hasEnded = [...seen.slots].some(([key, slot]) => key.startsWith(`${name}/`) && slot.ended !== null)
        const goes = healthy.filter((i) => told.has(i.id))
        if (want.isStopped || hasEnded || want.spec.port !== null || goes.length === 0) continue
        expect(healthy.length - goes.length).toBeGreaterThanOrEqual(want.replicas)
      }
    })
  })

  it('stays the same until wakeAt, and changes then', () => {
    holds((wanted, seen, now) => {
      const first = plan(wanted, seen, now)
      const wakeAt = first.wakeAt ?? Infinity
      expect(wakeAt).toBeGreaterThan(now)
      // A time that lies ahead is corrected by whoever keeps it, so it moves with the clock here; see Alarm.passed.
      const isAhead = seen.instances.some(({ record: { since, drain, stop } }) =>
        [since, drain?.since, stop?.since, stop?.killedAt].some((at) => at != null && at > now),
      )
      // A backoff that is not trusted for its length comes to be trusted once the clock is nearer; the start was made by then.
      const isTooFar = [
        ...[...seen.slots.values()].map((slot) => slot.notBefore),
        ...[...seen.builds.values()].map((state) => (state.kind === 'failed' ? state.retryAt : 0)),
      ].some((at) => trusted(at, now) !== at)
      if (isAhead || isTooFar) return
      expect(plan(wanted, seen, Math.min(wakeAt, now + 1e9) - 1).steps).toEqual(first.steps)
      const isChanged =
        canonicalJson(plan(wanted, seen, Math.min(wakeAt, now + 1e9)).steps) !== canonicalJson(first.steps)
      expect(isChanged).toBe(first.wakeAt !== null)
    })
  })
})
