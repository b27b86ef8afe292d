import { describe, expect, it } from 'vitest'
import type { Figures } from './judge.js'
import { plan } from './plan.js'
import { advance, type Surroundings } from './rollout-advance.js'
import { rolloutHistoryOf } from './rollout-histories.suite.js'
import { World, type WorldOptions } from './simulation.suite.js'
import type { Desired, DesiredService } from './state.js'

const histories = Number(process.env.PANDO_ROLLOUT_SIMULATIONS ?? 500)
/** Where to begin, to play one history again or a part of many. */
const firstSeed = Number(process.env.PANDO_ROLLOUT_SEED ?? 1)

/** The first that goes wrong, and how; null when none does. */
async function firstViolation(limit: number, options: WorldOptions = {}, first = 1): Promise<string | null> {
  for (let seed = first; seed < first + limit; seed++) {
    const world = new World(seed, options)
    const violation = await world.play(rolloutHistoryOf(seed))
    if (violation !== null) return [`history ${seed}: ${violation}`, ...world.log].join('\n')
  }
  return null
}

// Each takes 4 ms of an idle processor, and many times that of one that others want as well.
const timeout = Math.max(600_000, 300 * histories)

it(`histories of rollouts hold every invariant (${histories} of them)`, { timeout }, async () => {
  expect(await firstViolation(histories, {}, firstSeed)).toBeNull()
})

it('the histories meet every end of a rollout', { timeout: 120_000 }, async () => {
  const missing = new Set([
    'all of it is healthy',
    'goes back to revision',
    'rollout.paused',
    'gets all requests',
    'promote was taken',
    'abort was taken',
    'no further instance became healthy',
    'its instances failed',
    'control plane dies',
    'the disk is full',
    'is mended',
    'long enough to be gone back to',
    'judged worse',
    'unjudged',
    'without figures',
  ])
  for (let seed = 1; seed <= 500 && missing.size > 0; seed++) {
    const world = new World(seed)
    await world.play(rolloutHistoryOf(seed))
    const log = world.log.join('\n')
    for (const what of missing) if (log.includes(what)) missing.delete(what)
  }
  expect([...missing]).toEqual([])
})

const withRollout = (desired: Desired, changes: Partial<NonNullable<DesiredService['rollout']>>): Desired =>
  new Map(
    [...desired].map(([name, one]) => [
      name,
      one.rollout === undefined ? one : { ...one, rollout: { ...one.rollout, ...changes } },
    ]),
  )

const withFresh = (around: Surroundings, change: (fresh: Figures) => Figures): Surroundings => {
  const { figures } = around
  return figures === null ? around : { ...around, figures: { ...figures, fresh: change(figures.fresh) } }
}

/** One mistake each, and the invariant that it breaks. The histories are worth something only if they catch every one of them. */
const mistakes: Record<string, { options: WorldOptions; caughtAs: RegExp }> = {
  'does not wait for min_healthy_time': {
    options: { plan: (desired, ...seen) => plan(withRollout(desired, { minHealthyMs: 0 }), ...seen) },
    caughtAs: /was healthy and drained/,
  },
  'takes more down than may be missing': {
    options: { plan: (desired, ...seen) => plan(withRollout(desired, { maxUnavailable: { percent: 100 } }), ...seen) },
    caughtAs: /was healthy and drained/,
  },
  'takes the good ones down before the switch': {
    options: {
      plan: (desired, observed, now) => {
        const rollouts = new Map([...(observed.rollouts ?? [])].map(([name, r]) => [name, { ...r, switchedAt: 1 }]))
        return plan(desired, { ...observed, rollouts }, now)
      },
    },
    caughtAs: /before the traffic had gone from it/,
  },
  'never fails by its deadline': {
    options: {
      advance: (...given) => {
        const next = advance(...given)
        return next?.result?.reason.startsWith('no further instance') === true ? null : next
      },
    },
    caughtAs: /still waits for/,
  },
  'never goes back': {
    options: {
      advance: (...given) => {
        const next = advance(...given)
        return next?.back == null ? next : null
      },
    },
    caughtAs: /still waits for|did not converge/,
  },
  'takes one that was replaced early for good at once': {
    options: {
      advance: (view, before, around) => {
        const [early] = before?.unproven ?? []
        if (before === undefined || early === undefined) return advance(view, before, around)
        const rollout = { ...before, good: early, unproven: [] }
        return { rollout, back: null, result: null, events: [], proven: early.revision }
      },
    },
    caughtAs: /was taken for good with/,
  },
  'never takes one that was replaced early for good': {
    options: {
      advance: (view, before, around) =>
        advance(view, before === undefined ? before : { ...before, unproven: [] }, around),
    },
    caughtAs: /stays with a bad revision, though/,
  },
  'judges without a look at errors': {
    options: {
      advance: (view, before, around) =>
        advance(
          view,
          before,
          withFresh(around, (fresh) => ({ ...fresh, errors: 0 })),
        ),
    },
    caughtAs: /passed a step with/,
  },
  'judges without a look at durations': {
    options: {
      advance: (view, before, around) =>
        advance(
          view,
          before,
          withFresh(around, (fresh) => ({ ...fresh, durations: [] })),
        ),
    },
    caughtAs: /passed a step with/,
  },
  'judges every canary worse': {
    options: {
      advance: (view, before, around) =>
        advance(
          view,
          before,
          withFresh(around, (fresh) => ({ ...fresh, errors: fresh.requests })),
        ),
    },
    caughtAs: /was judged worse without a fault/,
  },
  'goes back with what was wanted before in all else, too': {
    options: {
      advance: (view, before, around) => {
        const next = advance(view, before, around)
        return next?.back == null ? next : { ...next, back: { ...next.back, replicas: 1 } }
      },
    },
    caughtAs: /is not wanted as it was/,
  },
}

describe('the histories of rollouts', () => {
  it.each(Object.entries(mistakes))('catch one that %s', { timeout: 120_000 }, async (_, { options, caughtAs }) => {
    expect((await firstViolation(1000, options))?.split('\n')[0]).toMatch(caughtAs)
  })
})
