/** What a change leads to. `apply` is the manifest's, whose key is empty; the others are a service's. */
export type Action = 'apply' | 'rebuild' | 'restart' | 'sync' | 'sync+restart'

export interface Job {
  readonly key: string
  readonly action: Action
  /** What has changed: the first `mostKept` of them. */
  readonly paths: readonly string[]
  /** How many changes there were in all; a file that is saved tells several. */
  readonly count: number
}

interface Pending {
  action: Action
  firstAt: number
  lastAt: number
  paths: Set<string>
  count: number
}

/** Saving many files, or a checkout of another branch, is one change: it is over when nothing more has come for so long. */
export const quietMs = 150
/** What never becomes quiet is acted upon all the same. */
export const longestMs = 2_000
const mostKept = 50
/** Of two actions that wait, the one that does more is done. */
const weights: Readonly<Record<Action, number>> = { sync: 0, 'sync+restart': 1, restart: 1, rebuild: 2, apply: 2 }

/**
 * Changes and time to jobs; pure. Of one key at most one job is under way, and at most one waits: whatever changes while a job runs is
 * one more job after it. A rebuild takes the place of a restart, as it replaces the instances too, and a restart that of a sync.
 */
export class Schedule {
  readonly #pending = new Map<string, Pending>()
  readonly #running = new Set<string>()

  change(key: string, action: Action, path: string, now: number): void {
    const before = this.#pending.get(key)
    if (before === undefined) {
      this.#pending.set(key, { action, firstAt: now, lastAt: now, paths: new Set([path]), count: 1 })
      return
    }
    if (weights[action] >= weights[before.action]) before.action = action
    before.lastAt = now
    before.count += 1
    if (before.paths.size < mostKept) before.paths.add(path)
  }

  /** The jobs to begin now; each is under way until `done` is called with its key. */
  take(now: number): Job[] {
    const jobs: Job[] = []
    for (const [key, pending] of this.#pending) {
      if (this.#running.has(key) || dueAt(pending) > now) continue
      this.#pending.delete(key)
      this.#running.add(key)
      jobs.push({ key, action: pending.action, paths: [...pending.paths], count: pending.count })
    }
    return jobs
  }

  done(key: string): void {
    this.#running.delete(key)
  }

  /** When there may be something to take; null: not before another change, or the end of a job. */
  nextAt(): number | null {
    const times = [...this.#pending].flatMap(([key, pending]) => (this.#running.has(key) ? [] : [dueAt(pending)]))
    return times.length === 0 ? null : Math.min(...times)
  }
}

function dueAt({ firstAt, lastAt }: Pending): number {
  return Math.min(lastAt + quietMs, firstAt + longestMs)
}
