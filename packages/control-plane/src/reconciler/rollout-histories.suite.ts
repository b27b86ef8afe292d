import type { RolloutSpec } from '@pando/model'
import { seededRandom } from './simulated-clock.suite.js'
import { service, type DesiredChange } from './simulated-app.suite.js'
import type { Act, Event, History, StartFault } from './simulated-history.suite.js'

const faults: StartFault[] = ['rejected', 'unready', 'slow', 'lost', 'rejected_but_runs', 'exits', 'ignores_stop']
const changes: DesiredChange[] = [
  'revision',
  'revision',
  'bad_revision',
  'bad_revision',
  'faulty_revision',
  'restart',
  'scale',
]

/**
 * A random history of rollouts, the same for the same seed: every strategy and order, good revisions and bad ones, promoted and
 * aborted at any time, while programs, disks and control planes fail. Mostly the first revision is whole before anything happens, so
 * that there is one to go back to; otherwise another may come before its time is over.
 */
export function rolloutHistoryOf(seed: number): History {
  const random = seededRandom(seed)
  const below = (limit: number): number => Math.floor(random() * limit)
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!
  const rollout = (): RolloutSpec => {
    const strategy = pick(['rolling', 'rolling', 'canary', 'blue-green'] as const)
    const maxUnavailable = pick([{ count: 0 }, { count: 1 }, { percent: 50 }])
    return {
      strategy,
      order: strategy === 'rolling' && random() < 0.3 ? 'stop-first' : 'start-first',
      maxSurge: pick([{ count: 1 }, { count: 2 }, { percent: 100 }]),
      maxUnavailable,
      minHealthyMs: pick([2000, 4000]),
      progressDeadlineMs: pick([12_000, 30_000]),
      steps:
        strategy === 'canary'
          ? [
              { weight: 10, pauseMs: pick([1000, 5000]) },
              { weight: 50, pauseMs: 2000 },
            ]
          : [],
      judge: { minRequests: 20, maxErrorIncrease: 1, maxP99Ratio: 3 },
      autoPromote: true,
    }
  }
  const names = random() < 0.5 ? ['web'] : ['api', 'web']
  const acts: (() => Act)[] = [
    () => ({ do: 'crash', which: below(10) }),
    () => ({ do: 'next_start', how: pick(faults) }),
    () => ({ do: 'next_build_fails' }),
    () => ({ do: 'die', after: below(12), downMs: pick([0, 500, 20_000]), again: pick([null, null, 1 + below(10)]) }),
    () => ({ do: 'gateway', isStuck: random() < 0.5 }),
    () => ({ do: 'disk', isFull: random() < 0.5 }),
    () => ({ do: 'promote', which: below(10) }),
    () => ({ do: 'promote', which: below(10) }),
    () => ({ do: 'abort', which: below(10) }),
    ...Array.from({ length: 5 }, () => (): Act => ({
      do: 'want',
      change: pick(changes),
      which: below(10),
      to: below(10),
    })),
  ]
  const events: Event[] = [{ act: { do: 'recover', which: 0 }, thenMs: pick([30_000, 30_000, 3000, 900]) }]
  const length = 2 + below(10)
  while (events.length < length) {
    events.push({ act: pick(acts)(), thenMs: pick([0, 300, 1000, 4000, 12_000, 40_000]) })
  }
  const services = names.map((name) => {
    const one = service(name, 1 + below(3), [])
    // With the longer one only the deadline finds out that nothing comes.
    const healthcheck = { ...one.spec.healthcheck, startupMs: pick([8000, 90_000]) }
    return { ...one, spec: { ...one.spec, healthcheck }, rollout: rollout() }
  })
  const traffic = {
    requestsPerSecond: pick([0, 2, 10, 30]),
    errorRate: pick([0, 0.1, 0.5]),
    seconds: pick([0.1, 2.5]),
  }
  return { seed, services, events, ...(random() < 0.8 ? { traffic } : {}) }
}
