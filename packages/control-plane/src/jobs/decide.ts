import type { JobRun, ScheduleSpec } from '@pando/model'

/** More are not under way at once, of one schedule. */
const mostAtOnce = 10

export interface Due {
  /** When it was due; everything up to then is dealt with. Unix time, ms. */
  readonly at: number
  readonly action: 'start' | 'replace' | 'miss' | 'pass'
  /** Why it is not started; empty. */
  readonly why: string
}

/**
 * What a schedule asks for now. Of the times that have gone by since `since` only the last one counts: what was missed is
 * caught up with once, when it is not too late for that. Pure. `next` gives the next time after another.
 */
export function decide(options: {
  readonly schedule: ScheduleSpec
  /** Up to then everything is dealt with. */
  readonly since: number
  readonly now: number
  /** Those of the schedule that go on. */
  readonly active: readonly JobRun[]
  readonly next: (after: number) => number | null
}): Due | null {
  const { schedule, since, now, active, next } = options
  const at = lastDue(since, now, next)
  if (at === null) return null
  if (schedule.isSuspended) return { at, action: 'pass', why: '' }
  if (now - at > schedule.startingDeadlineMs) {
    return { at, action: 'miss', why: `nobody was there to start it in ${schedule.startingDeadlineMs / 1000} s` }
  }
  if (active.length === 0) return { at, action: 'start', why: '' }
  if (schedule.concurrency === 'replace') return { at, action: 'replace', why: '' }
  if (schedule.concurrency === 'forbid') return { at, action: 'miss', why: `${active[0]?.id} still ran` }
  if (active.length >= mostAtOnce) return { at, action: 'miss', why: `${active.length} runs were under way` }
  return { at, action: 'start', why: '' }
}

/** When a run that has failed so often is tried again: 1 s, doubled each time, at most 5 minutes. */
export function retryDelayMs(tries: number): number {
  return Math.min(1000 * 2 ** (tries - 1), 300_000)
}

/** Looks back in growing stretches, so that neither a second's schedule nor a year's takes many steps. */
function lastDue(since: number, now: number, next: (after: number) => number | null): number | null {
  if (now <= since) return null
  for (let stretch = 60_000; ; stretch *= 60) {
    const from = Math.max(since, now - stretch)
    let last: number | null = null
    for (let at = next(from); at !== null && at <= now; at = next(at)) last = at
    if (last !== null || from === since) return last
  }
}
