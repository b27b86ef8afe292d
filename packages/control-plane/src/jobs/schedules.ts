import type { AppSpec, JobsStatus, ScheduleSpec, ServiceStatus } from '@pando/model'

/** By service. */
export function schedulesOf(app: AppSpec | null): ReadonlyMap<string, ScheduleSpec> {
  return new Map(
    Object.values(app?.services ?? {}).flatMap(({ name, schedule }) =>
      schedule === undefined ? [] : [[name, schedule] as const],
    ),
  )
}

/** A service with a schedule, as its status shows it: it has no instances that stay, and a next run. */
export function withSchedule(service: ServiceStatus, { schedules, runs }: JobsStatus): ServiceStatus {
  const schedule = schedules.find((one) => one.service === service.name)
  if (schedule === undefined || service.replicas > 0) return service
  const { isSuspended, nextAt } = schedule
  const next = isSuspended
    ? 'Its schedule is suspended'
    : nextAt === null
      ? 'Its schedule names no further time'
      : `Its next run is at ${new Date(nextAt).toISOString()}`
  const last = runs.find((run) => run.service === service.name)
  const how =
    last === undefined
      ? ''
      : last.endedAt === null
        ? `; ${last.id} runs`
        : `; its last run ${last.result === 'missed' || last.result === 'stopped' ? 'was' : 'has'} ${last.result}${last.reason === '' ? '' : ` (${last.reason})`}`
  return { ...service, state: isSuspended ? 'stopped' : 'completed', reason: `${next}${how}.` }
}
