import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from './clock.js'
import type { InstanceReport } from './drivers/driver.js'
import type { NewEvent } from './events/events.js'
import type { Reconciler } from './reconciler/loop.js'

/** What nobody answers for so long is left to a later control plane. */
const giveUpAfterMs = 10_000
const lookEveryMs = 1000

/** Instances that were left running because what runs them could not be reached: `<stateDir>/unstopped.json`. */
export const unstoppedFile = 'unstopped.json'

interface Reachable {
  list(): Promise<InstanceReport[]>
  /** Ids of the instances that run and can be told nothing now. */
  unreachable(): Promise<readonly string[]>
}

export interface TakeDownOptions {
  readonly stateDir: string
  readonly clock: Clock
  readonly reconciler: Pick<Reconciler, 'setDesired' | 'idle'>
  readonly jobs: { stopAll(): Promise<void> }
  readonly instances: Reachable
  readonly runs: Reachable
  readonly emit: (event: NewEvent) => void
}

/**
 * The way down: runs of jobs, then services. It ends when nothing is left, or when all that is left has been out of reach for ten
 * seconds, as containers are whose engine is away. That those are not wanted is durable by then, so the next control plane stops them, whatever
 * it was started for.
 */
export class TakeDown {
  readonly #options: TakeDownOptions

  constructor(options: TakeDownOptions) {
    this.#options = options
  }

  /** Resolves with the ids of what was left. */
  async run(): Promise<readonly string[]> {
    const { stateDir, emit, instances, jobs, reconciler, runs } = this.#options
    const unstopped = [...(await this.#untilEnded(jobs.stopAll(), runs))]
    reconciler.setDesired(new Map())
    unstopped.push(...(await this.#untilEnded(reconciler.idle(), instances)))
    if (unstopped.length > 0) {
      writeFileSync(join(stateDir, unstoppedFile), JSON.stringify({ instances: unstopped }))
      emit({
        kind: 'fault',
        message: `${unstopped.join(', ')} could not be stopped: the container engine does not answer`,
      })
    }
    return unstopped
  }

  async #untilEnded(ended: Promise<void>, of: Reachable): Promise<readonly string[]> {
    const { clock } = this.#options
    let isEnded = false
    const end = ended.then(() => void (isEnded = true))
    for (let since: number | null = null; ;) {
      const cancels: (() => void)[] = []
      const pause = new Promise<void>((wake) => void cancels.push(clock.after(lookEveryMs, wake)))
      await Promise.race([end, pause]).finally(() => cancels[0]?.())
      if (isEnded) return []
      const left = await leftOf(of)
      // One that can be told something is waited for, however long it takes.
      if (left === null) since = null
      else since ??= clock.now()
      if (left !== null && since !== null && clock.now() - since >= giveUpAfterMs) return left
    }
  }
}

/** Ids of all that runs, when none of it can be told anything; null otherwise. */
async function leftOf(of: Reachable): Promise<readonly string[] | null> {
  const away = new Set(await of.unreachable())
  const running = (await of.list()).flatMap(({ id, state }) => (state.kind === 'running' ? [id] : []))
  return running.length > 0 && running.every((id) => away.has(id)) ? running : null
}
