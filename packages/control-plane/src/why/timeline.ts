import type { Deployment, EventKind, Moment, PandoEvent } from '@pando/model'

const keptLines = 10
/** A deployment and the event that tells of it are written at once. */
const sameMs = 2_000

const leftOut: ReadonlySet<EventKind> = new Set(['build.output'])

export interface TimelineFacts {
  /** Oldest first. */
  readonly events: readonly PandoEvent[]
  readonly deployments: readonly Deployment[]
  /** The last lines of instances that failed, by id. */
  readonly lines: ReadonlyMap<string, readonly string[]>
  /** Unix time, ms; null: all. */
  readonly since: number | null
  readonly limit: number
}

/** Events as moments, oldest first, the newest `limit` of them; a build that failed has its output with it. */
export function timelineOf({ events, deployments, lines, since, limit }: TimelineFacts): Moment[] {
  const moments: Moment[] = []
  const output = new Map<string, string[]>()
  for (const event of events) {
    const { at, kind, service, instance, message } = event
    const of = service ?? ''
    if (kind === 'build.started') output.delete(of)
    if (kind === 'build.output') output.set(of, [...(output.get(of) ?? []), ...message.split('\n')].slice(-keptLines))
    if (leftOut.has(kind)) continue
    const own = kind === 'build.failed' ? output.get(of) : kind === 'instance.failed' ? lines.get(instance ?? '') : []
    moments.push({ at, kind, service, instance, text: message, lines: own ?? [] })
  }
  for (const deployment of deployments) {
    const { at, service } = deployment
    const isTold = events.some(
      (event) => event.service === service && event.kind.startsWith('deployment.') && Math.abs(event.at - at) < sameMs,
    )
    if (!isTold) moments.push({ at, kind: 'deployment', service, instance: null, text: textOf(deployment), lines: [] })
  }
  const shown = moments.filter(({ at }) => since === null || at >= since)
  // Stable: what has the same time stays in the order in which it was written.
  return limit === 0 ? [] : shown.sort((a, b) => a.at - b.at).slice(-limit)
}

function textOf({ revision, service, result, reason }: Deployment): string {
  const why = reason === '' ? '' : `: ${reason}`
  return `revision ${revision} of ${service} was deployed; its result is ${result.replace('_', ' ')}${why}`
}
