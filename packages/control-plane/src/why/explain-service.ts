import type { Cause, Deployment, EventKind, PandoEvent, ServiceExplanation, ServiceStatus } from '@pando/model'
import { timelineOf, type TimelineFacts } from './timeline.js'

export interface ServiceFacts extends TimelineFacts {
  readonly service: ServiceStatus
  /** Every service of the app, by name. */
  readonly services: ReadonlyMap<string, ServiceStatus>
  /** What the gateway says that it cannot do. */
  readonly gatewayErrors: readonly string[]
}

const longestChain = 16
const failures: ReadonlySet<EventKind> = new Set(['instance.failed', 'build.failed'])

/** Why a service is as it is. Pure; says nothing that the facts do not. */
export function explainService(facts: ServiceFacts): ServiceExplanation {
  const { service, gatewayErrors } = facts
  const causes = causesOf(facts)
  const root = causes.at(-1)
  const sentences = [
    stateSentence(service),
    ...causes.map(({ text }) => text),
    lastWords(facts),
    deploymentSentence(facts),
    ...withheldSentences(service),
    gatewayErrors.length === 0 || service.routes.length === 0
      ? ''
      : `The gateway cannot serve everything: ${gatewayErrors.join('; ')}.`,
  ]
  return {
    service: service.name,
    verdict: sentences.filter((sentence) => sentence !== '').join(' '),
    since: sinceOf(facts),
    next:
      root === undefined
        ? nextFor(facts)
        : `Run "pando why ${root.service}": ${service.name} goes on by itself after that.`,
    causes,
    timeline: timelineOf(facts),
  }
}

function stateSentence({ name, state, reason, healthy, replicas, revision }: ServiceStatus): string {
  const of = `${healthy} of ${replicas} ${replicas === 1 ? 'instance is' : 'instances are'} healthy`
  if (state === 'ready') return `${name} is ready: ${of}, on revision ${revision}.`
  const words = state === 'completed' ? 'has completed' : state === 'failed' ? 'has failed' : `is ${state}`
  return `${name} ${words}${state === 'degraded' ? ` (${of})` : ''}: ${reason || of + '.'}`
}

/** Follows what it waits for, as long as that waits itself. */
function causesOf({ service, services }: ServiceFacts): Cause[] {
  const causes: Cause[] = []
  const seen = new Set([service.name])
  let at = service
  while (causes.length < longestChain) {
    if (at.waitsFor?.kind !== 'service' || seen.has(at.waitsFor.service)) return causes
    seen.add(at.waitsFor.service)
    const dependency = services.get(at.waitsFor.service)
    if (dependency === undefined) return causes
    causes.push({ service: dependency.name, text: stateSentence(dependency) })
    at = dependency
  }
  return causes
}

/** What the instance that failed last wrote last. */
function lastWords({ service, events, lines }: ServiceFacts): string {
  if (service.state !== 'failed' && service.state !== 'degraded') return ''
  const failed = events.findLast(({ kind }) => kind === 'instance.failed')
  if (failed === undefined || failed.instance === null) return ''
  const said = lines.get(failed.instance) ?? []
  const line = said.findLast((one) => /error|exception|panic|fatal|EADDRINUSE|already in use/i.test(one)) ?? said.at(-1)
  if (line === undefined) return `${failed.instance} wrote nothing before it ended.`
  return `Before it ended, ${failed.instance} wrote: "${line.trim().slice(0, 300)}".`
}

function deploymentSentence({ service, deployments }: ServiceFacts): string {
  const { rollout } = service
  const [newest, before] = deployments
  if (newest?.by === 'automatic_rollback' && before !== undefined) {
    return `Revision ${before.revision} was deployed before and failed${because(before)}, so Pando went back to revision ${newest.revision}.`
  }
  if (rollout?.state === 'progressing' && rollout.from !== null) {
    const reason = rollout.reason === '' ? '' : `: ${rollout.reason}`
    return `A rollout from revision ${rollout.from} to ${rollout.to} is under way${reason}.`
  }
  return newest?.result === 'failed' ? `The deployment of revision ${newest.revision} failed${because(newest)}.` : ''
}

/** What a service that is healthy by its own word does not get. */
function withheldSentences({ name, withheld }: ServiceStatus): string[] {
  if (withheld === undefined) return []
  const { ejected, openCircuits, workers } = withheld
  return [
    ...(openCircuits === 0
      ? []
      : [`The circuit breaker of ${name} is open in ${openCircuits} of ${workers} workers of the gateway.`]),
    ...ejected.map(({ instance, error }) => `The gateway has ejected ${instance}, whose last error was ${error}.`),
  ]
}

function because({ reason, revision }: Deployment): string {
  // The sentence around it names the revision already.
  const [line = ''] = reason.replace(`revision ${revision} failed: `, '').split('\n')
  return line === '' ? '' : ` (${line.replace(/\.$/, '')})`
}

/** When what is now began, as far as the events tell. */
function sinceOf({ service, events }: ServiceFacts): number | null {
  switch (service.state) {
    case 'ready':
      return last(events, 'instance.healthy')
    case 'waiting':
      return last(events, 'service.waiting')
    case 'building':
      return last(events, 'build.started')
    case 'starting':
      return last(events, 'instance.started')
    case 'stopped': {
      const ordered = events.findLast(({ kind }) => kind === 'service.stopped' || kind === 'service.started')
      return ordered?.kind === 'service.stopped' ? ordered.at : last(events, 'instance.exited')
    }
    case 'completed':
      return last(events, 'instance.exited')
    case 'degraded':
    case 'failed': {
      const healthy = events.findLastIndex(({ kind }) => kind === 'instance.healthy')
      const after = events.slice(healthy + 1)
      const first = after.find(({ kind }) => failures.has(kind) || kind === 'instance.unhealthy')
      return first?.at ?? events.findLast(({ kind }) => failures.has(kind))?.at ?? null
    }
  }
}

function last(events: readonly PandoEvent[], wanted: EventKind): number | null {
  return events.findLast(({ kind }) => kind === wanted)?.at ?? null
}

function nextFor({ service, events, lines, deployments }: ServiceFacts): string {
  const { name, state, replicas, waitsFor } = service
  if (state === 'stopped') {
    if (waitsFor?.kind === 'request') return `The next request to ${name} wakes it.`
    return replicas === 0 ? `Run "pando scale ${name}=1" to have it run.` : `Run "pando start ${name}" to have it run.`
  }
  if (state === 'failed' || state === 'degraded') {
    const failed = events.findLast(({ kind }) => failures.has(kind))
    if (failed?.kind === 'build.failed') return `Mend what the build complains of, then run "pando deploy ${name}".`
    const said = lines.get(failed?.instance ?? '') ?? []
    if (said.some((line) => /EADDRINUSE|address already in use/i.test(line))) {
      return `Another program has the address that it wants: let it listen on $HOST and $PORT; "pando doctor" names holders of ports.`
    }
    return `Run "pando logs ${name}" for all that it wrote; mend it and run "pando deploy ${name}".`
  }
  if (service.withheld !== undefined)
    return `Run "pando logs ${name}" to see what it answers errors for; the gateway tries it again by itself.`
  if (deployments[0]?.by === 'automatic_rollback')
    return `Mend the revision that failed, then run "pando deploy ${name}".`
  if (state === 'waiting') return `It goes on by itself when that is over.`
  return ''
}
