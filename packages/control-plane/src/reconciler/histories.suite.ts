import { seededRandom } from './simulated-clock.suite.js'
import { service, type DesiredChange } from './simulated-app.suite.js'
import type { Act, Event, History, StartFault } from './simulated-history.suite.js'

const startFaults: StartFault[] = [
  'rejected',
  'unready',
  'slow',
  'lost',
  'rejected_but_runs',
  'exits',
  'ignores_stop',
  'begins_late',
]
const changes: DesiredChange[] = ['scale', 'scale', 'revision', 'revision', 'restart', 'stop', 'start', 'remove', 'add']

/** A random history, the same for the same seed. */
export function historyOf(seed: number): History {
  const random = seededRandom(seed)
  const below = (limit: number): number => Math.floor(random() * limit)
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]
  const names = ['db', 'api', 'web', 'job'].filter(() => random() < 0.5)
  if (names.length === 0) names.push('api')
  const acts: (() => Act)[] = [
    () => ({ do: 'crash', which: below(10) }),
    () => ({ do: 'hang', which: below(10) }),
    () => ({ do: 'recover', which: 0 }),
    () => ({ do: 'next_start', how: pick(startFaults) }),
    () => ({ do: 'next_start', how: pick(startFaults) }),
    () => ({ do: 'next_call_fails', method: pick(['stop', 'kill', 'remove', 'list']) }),
    () => ({ do: 'next_build_fails' }),
    () => ({ do: 'clock', ms: pick([60_000, 3_600_000, -30_000, -3_600_000]) }),
    () => ({ do: 'die', after: below(12), downMs: pick([0, 500, 20_000]), again: null }),
    () => ({ do: 'die', after: below(12), downMs: 500, again: pick([null, 1 + below(10)]) }),
    () => ({ do: 'gateway', isStuck: random() < 0.5 }),
    () => ({ do: 'want', change: pick(changes), which: below(10), to: below(10) }),
    () => ({ do: 'want', change: pick(changes), which: below(10), to: below(10) }),
    () => ({ do: 'want', change: pick(changes), which: below(10), to: below(10) }),
  ]
  const events: Event[] = [{ act: { do: 'recover', which: 0 }, thenMs: pick([0, 1000, 3000]) }]
  const length = 2 + below(14)
  while (events.length < length) events.push({ act: pick(acts)(), thenMs: pick([0, 0, 20, 300, 1000, 4000, 12_000]) })
  return { seed, services: names.map((name, i) => service(name, 1 + below(3), names.slice(0, i))), events }
}
