import { describe, expect, it } from 'vitest'
import { historyOf } from './histories.suite.js'
import { plan } from './plan.js'
import type { History } from './simulated-history.suite.js'
import { World, type WorldOptions } from './simulation.suite.js'
import type { Desired, Observed } from './state.js'
import type { Plan, Step } from './step.js'

const histories = Number(process.env.PANDO_SIMULATIONS ?? 10_000)
/** Set to replay one history. */
const onlySeed = process.env.PANDO_SEED === undefined ? null : Number(process.env.PANDO_SEED)

async function violationOf(history: History): Promise<string | null> {
  return new World(history.seed).play(history)
}

/** Leaves out what is not needed for a violation, one event at a time. */
async function shrunk(history: History): Promise<History> {
  for (let index = history.events.length - 1; index >= 0; index--) {
    const shorter = { ...history, events: history.events.filter((_, i) => i !== index) }
    if ((await violationOf(shorter)) !== null) return shrunk(shorter)
  }
  return history
}

async function explain(seed: number): Promise<string> {
  const history = await shrunk(historyOf(seed))
  const world = new World(seed)
  const violation = await world.play(history)
  const services = history.services.map(({ name, replicas, dependsOn }) => ({ name, replicas, dependsOn }))
  return [`PANDO_SEED=${seed}: ${violation}`, JSON.stringify(services), ...world.log].join('\n')
}

describe('fault histories', () => {
  it(`hold every invariant (${histories} of them)`, { timeout: 600_000 }, async () => {
    const first = onlySeed ?? 1
    const last = onlySeed ?? histories
    let failed: number | null = null
    for (let seed = first; seed <= last && failed === null; seed++) {
      if ((await violationOf(historyOf(seed))) !== null) failed = seed
    }
    expect(failed === null ? null : await explain(failed)).toBeNull()
  })
})

/** What happens somewhere in the first histories: without it they would say little. */
const met = [
  'build.failed',
  'instance.adopted',
  'instance.draining',
  'instance.exited',
  'instance.failed',
  'instance.killed',
  'instance.unhealthy',
  'could not start',
  'never became healthy',
  'unhealthy for too long',
  'ended while unwatched',
  'a restart replaces it',
  'control plane dies',
]

it('the fault histories meet everything that can go wrong', { timeout: 120_000 }, async () => {
  const missing = new Set(met)
  for (let seed = 1; seed <= 1000 && missing.size > 0; seed++) {
    const world = new World(seed)
    await world.play(historyOf(seed))
    const log = world.log.join('\n')
    for (const what of missing) if (log.includes(what)) missing.delete(what)
  }
  expect([...missing]).toEqual([])
})

type Broken = (desired: Desired, observed: Observed, now: number) => Plan

const withSteps = (
  change: (steps: readonly Step[], observed: Observed, desired: Desired) => readonly Step[],
): Broken => {
  return (desired, observed, now) => {
    const sound = plan(desired, observed, now)
    return { ...sound, steps: change(sound.steps, observed, desired) }
  }
}

/** Plans with one mistake each. The histories above are worth something only if they catch every one of them. */
const mistakes = {
  'never buries': withSteps((steps) => steps.filter((step) => step.kind !== 'bury')),
  'never kills': withSteps((steps) => steps.filter((step) => step.kind !== 'kill')),
  'stops without a drain': withSteps((steps) =>
    steps.map((step) =>
      step.kind === 'drain' ? { kind: 'stop', instance: step.instance, reason: step.reason } : step,
    ),
  ),
  'stops what drains at once': withSteps((steps, { instances }) => [
    ...steps.filter((step) => step.kind !== 'stop'),
    ...instances
      .filter(({ record, exited }) => record.drain !== null && record.stop === null && exited === null)
      .map(({ id }): Step => ({ kind: 'stop', instance: id, reason: { kind: 'stopped' } })),
  ]),
  'drains the old before the new is healthy': withSteps((steps, { instances }, desired) => [
    ...steps,
    ...instances
      .filter(({ service: name, revision, record, exited, id }) => {
        const isOld = desired.has(name) && desired.get(name)!.revision !== revision
        const isTold = steps.some((step) => 'instance' in step && step.instance === id)
        return isOld && !isTold && record.drain === null && record.stop === null && exited === null
      })
      .map(({ id }): Step => ({ kind: 'drain', instance: id, reason: { kind: 'stopped' }, why: 'in a hurry' })),
  ]),
  'does not see that a slot is taken': (desired, observed, now) => {
    const seen = {
      ...observed,
      instances: observed.instances.filter((i) => i.record.stop === null || i.exited !== null),
    }
    const blind = plan(desired, seen, now)
    return { ...blind, steps: [...blind.steps, ...plan(desired, observed, now).steps.filter((s) => s.kind === 'kill')] }
  },
  'restarts what is well': withSteps((steps, { instances }) => {
    const victim = instances.find((i) => i.record.health === 'healthy' && i.record.drain === null && i.exited === null)
    const isFree = steps.length === 0 && victim !== undefined
    return isFree ? [{ kind: 'drain', instance: victim.id, reason: { kind: 'stopped' }, why: 'a whim' }] : steps
  }),
  'forgets services that are gone': (desired, observed, now) =>
    plan(desired, { ...observed, instances: observed.instances.filter((i) => desired.has(i.service)) }, now),
  'gives up after a failure': (desired, observed, now) =>
    plan(
      desired,
      {
        ...observed,
        slots: new Map([...observed.slots].map(([k, h]) => [k, h.failures > 0 ? { ...h, notBefore: now + 1000 } : h])),
      },
      now,
    ),
} satisfies Record<string, Broken>

/** By which invariant each is caught: by another one would mean that its own is never looked at. */
const caughtAs: Record<keyof typeof mistakes, RegExp> = {
  'never buries': /did not converge/,
  'never kills': /did not converge/,
  'stops without a drain': /left the table while healthy/,
  'stops what drains at once': /before its drain was over/,
  'drains the old before the new is healthy': /was healthy and drained/,
  'does not see that a slot is taken': /two live instances/,
  'restarts what is well': /was healthy and drained/,
  'forgets services that are gone': /runs and is not wanted/,
  'gives up after a failure': /did not converge/,
}

async function firstViolation(options: WorldOptions): Promise<string | null> {
  for (let seed = 1; seed <= 500; seed++) {
    const violation = await new World(seed, options).play(historyOf(seed))
    if (violation !== null) return violation
  }
  return null
}

describe('the invariants', () => {
  it.each(Object.entries(mistakes))('catch a plan that %s', { timeout: 120_000 }, async (name, broken) => {
    expect(await firstViolation({ plan: broken })).toMatch(caughtAs[name as keyof typeof mistakes])
  })

  it('catch a store that loses the desired state', { timeout: 120_000 }, async () => {
    expect(await firstViolation({ loses: 'desired' })).toMatch(/acknowledged desired state was lost/)
  })

  it('catch a store that loses what is known of instances', { timeout: 120_000 }, async () => {
    expect(await firstViolation({ loses: 'health' })).not.toBeNull()
  })
})
