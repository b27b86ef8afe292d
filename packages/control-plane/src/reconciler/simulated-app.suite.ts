import { desiredService, healthcheck, revisionSpec } from './fixtures.suite.js'
import type { Desired, DesiredService } from './state.js'

const check = { ...healthcheck, intervalMs: 5000, timeoutMs: 1000, startupMs: 8000, rise: 1, fall: 2 }
export const drainTimeoutMs = 6000
const stopGracePeriodMs = 3000

export type DesiredChange =
  | 'scale'
  | 'revision'
  | 'restart'
  | 'stop'
  | 'start'
  | 'remove'
  | 'add'
  | 'bad_revision'
  | 'faulty_revision'

/** The services of all histories: a fixed port, a chain of dependencies, a job. */
export function service(name: string, replicas: number, seen: Iterable<string>): DesiredService {
  const isThere = new Set(seen)
  const dependsOn: Record<string, DesiredService['dependsOn'][string]> = {}
  if (name === 'api' && isThere.has('db')) dependsOn.db = 'service_healthy'
  if (name === 'web' && isThere.has('api')) dependsOn.api = 'service_started'
  if (name === 'web' && isThere.has('job')) dependsOn.job = 'service_completed_successfully'
  const isJob = name === 'job'
  const spec = revisionSpec(name, {
    healthcheck: isJob ? { ...check, probe: { kind: 'none' } } : check,
    stopGracePeriodMs,
    protocol: isJob ? 'none' : 'http',
    port: name === 'db' ? 5432 : null,
  })
  return desiredService(name, {
    revision: `${name}-1`,
    spec,
    replicas: name === 'db' || isJob ? 1 : replicas,
    restart: isJob ? 'on-failure' : 'always',
    dependsOn,
    drainTimeoutMs,
  })
}

export interface Wish {
  readonly change: DesiredChange
  readonly which: number
  readonly to: number
}

/** The desired state after one change to it. Nothing is changed that would leave something waiting for ever. */
export function changed(desired: Desired, { change, which, to }: Wish): Desired {
  const next = new Map(desired)
  const names = [...desired.keys()]
  if (change === 'add') {
    const absent = ['db', 'api', 'web', 'job'].filter((name) => !desired.has(name))
    const name = absent[which % Math.max(1, absent.length)]
    const up = names.filter((other) => desired.get(other)?.isStopped === false)
    if (name !== undefined) next.set(name, service(name, 1 + (to % 3), up))
    return next
  }
  const target = desired.get(names[which % Math.max(1, names.length)] ?? '')
  if (target === undefined) return next
  const isDependedOn = [...desired.values()].some((other) => target.name in other.dependsOn)
  switch (change) {
    case 'scale':
      if (target.name === 'api' || target.name === 'web') next.set(target.name, { ...target, replicas: 1 + (to % 3) })
      break
    case 'revision':
      next.set(target.name, { ...target, revision: `${target.name}-${1 + (to % 4)}` })
      break
    case 'bad_revision':
      next.set(target.name, { ...target, revision: `${target.name}-${1 + (to % 4)}-bad` })
      break
    case 'faulty_revision':
      next.set(target.name, { ...target, revision: `${target.name}-${1 + (to % 4)}-faulty` })
      break
    case 'restart':
      next.set(target.name, { ...target, generation: target.generation + 1 })
      break
    case 'stop':
      // What others wait for stays, or they would wait for ever.
      if (!isDependedOn) next.set(target.name, { ...target, isStopped: true })
      break
    case 'start':
      next.set(target.name, { ...target, isStopped: false })
      break
    case 'remove':
      if (!isDependedOn) next.delete(target.name)
  }
  return next
}
