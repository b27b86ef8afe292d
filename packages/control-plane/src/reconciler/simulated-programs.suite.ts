import { PandoError } from '@pando/model'
import type { Builder } from '../build/builder.js'
import type { Clock } from '../clock.js'
import type { StartOrder } from '../drivers/driver.js'
import type { FakeBehaviour } from '../drivers/fake-driver.js'
import { isBad, type StartFault } from './simulated-history.suite.js'

const badBehaviours: readonly FakeBehaviour[] = [
  { healthyAfterMs: null },
  { healthyAfterMs: null, exitsAfterMs: 700, exit: { kind: 'exit', code: 1 } },
  // Healthy, but not for as long as a rollout asks for.
  { healthyAfterMs: 0, exitsAfterMs: 1500, exit: { kind: 'exit', code: 1 } },
]

/** How the program of a start behaves. A fault is taken only for one that would be well. */
export function behaviourOf(order: StartOrder, nextFault: () => StartFault | undefined): FakeBehaviour {
  const isJob = order.service === 'job'
  const well = isJob ? { exitsAfterMs: 1500, exit: { kind: 'exit', code: 0 } as const } : { healthyAfterMs: 300 }
  if (isBad(order.revision)) return badBehaviours[order.slot % badBehaviours.length]!
  switch (nextFault()) {
    case 'rejected':
      return { reject: new PandoError('internal', 'no'), beginsAfterMs: 50 }
    case 'unready':
      return isJob ? well : { healthyAfterMs: null }
    case 'slow':
      return { ...well, healthyAfterMs: 6000 }
    case 'lost':
      return { ...well, resolvesAfterMs: null }
    case 'exits':
      return { healthyAfterMs: 0, exitsAfterMs: 700, exit: { kind: 'exit', code: 1 } }
    case 'ignores_stop':
      return { ...well, stopsAfterMs: null }
    case 'begins_late':
      return { ...well, beginsAfterMs: 2000, resolvesAfterMs: 500 }
    default:
      return { ...well, stopsAfterMs: 200 }
  }
}

/** Builds take 200 ms. `isFailing` is asked once for each. */
export function builderOn(clock: Clock, isFailing: () => boolean): Builder {
  return {
    build: (order) =>
      new Promise((resolve, reject) => {
        const fails = isFailing()
        clock.after(200, () =>
          fails
            ? reject(new PandoError('build_failed', 'it does not compile'))
            : resolve({ command: ['serve'], workdir: order.workdir, environment: {}, path: [] }),
        )
      }),
  }
}
