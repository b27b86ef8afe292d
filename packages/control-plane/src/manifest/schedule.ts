import type { ScheduleSpec } from '@pando/model'
import { cronMistake } from '../cron.js'
import type { ServiceInput } from './schema.js'
import { mistake, type ServiceContext } from './service-context.js'
import { formatDuration, isMistake, parseDuration, quote } from './units.js'

/** Null for a service that is simply there. What a service with a schedule cannot have is reported. */
export function readSchedule(input: ServiceInput, context: ServiceContext): ScheduleSpec | null {
  const { schedule } = input
  if (schedule === undefined) return null
  const isShort = typeof schedule === 'string'
  const written: Exclude<typeof schedule, string> = isShort ? { cron: schedule } : schedule
  const timeZone = written.time_zone ?? null
  const message = cronMistake(written.cron, timeZone)
  if (message !== null) {
    const isZone = message.includes('time zone')
    const path = isShort ? ['schedule'] : ['schedule', isZone ? 'time_zone' : 'cron']
    const what = isZone ? `${quote(timeZone ?? '')}: ${message}` : `${quote(written.cron)} is no time: ${message}`
    mistake(context, path, 'value', what, isZone ? 'write for example Europe/Zurich' : 'write for example "0 3 * * *"')
  }
  for (const key of ['routes', 'replicas', 'listen', 'autoscale', 'restart'] as const) {
    if (input[key] === undefined || (key === 'restart' && input.restart === 'no')) continue
    const what = `a service with a schedule has no ${key}: it runs to its end and is not there in between`
    mistake(context, [key], 'key', what, `take out "${key}" or "schedule"`)
  }
  return {
    cron: written.cron,
    timeZone,
    concurrency: written.concurrency_policy ?? 'forbid',
    startingDeadlineMs: millisecondsOf(written.starting_deadline, 300_000),
    history: Number(written.history ?? 10),
    isSuspended: String(written.suspend) === 'true',
    retries: Number(written.retries ?? 0),
    timeoutMs: written.timeout === undefined ? null : millisecondsOf(written.timeout, 0) || null,
  }
}

/** As it would be written. */
export function renderSchedule(schedule: ScheduleSpec): object {
  return {
    cron: schedule.cron,
    ...(schedule.timeZone === null ? {} : { time_zone: schedule.timeZone }),
    concurrency_policy: schedule.concurrency,
    starting_deadline: formatDuration(schedule.startingDeadlineMs),
    history: schedule.history,
    suspend: schedule.isSuspended,
    retries: schedule.retries,
    ...(schedule.timeoutMs === null ? {} : { timeout: formatDuration(schedule.timeoutMs) }),
  }
}

function millisecondsOf(text: string | number | undefined, fallback: number): number {
  const ms = text === undefined ? fallback : parseDuration(text)
  return isMistake(ms) ? fallback : ms
}
