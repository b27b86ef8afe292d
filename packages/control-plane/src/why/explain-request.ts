import type { LoggedRequest, Moment, RequestExplanation, RouteStatus, ServiceStatus } from '@pando/model'
import { nearest } from '../manifest/nearest.js'

export interface RequestFacts {
  readonly request: LoggedRequest
  /** What its service went through around it, oldest first. */
  readonly timeline: readonly Moment[]
  /** As it is now; null when there is none of that name, or none was chosen. */
  readonly service: ServiceStatus | null
  readonly routes: readonly RouteStatus[]
}

/** Before and after the request. */
export const aroundMs = 10_000
/** An answer that took longer is called slow. */
const slowMs = 1_000

/** Why a request was answered as it was. Pure; what merely happened at the same time is said to have done just that. */
export function explainRequest(facts: RequestFacts): RequestExplanation {
  const { request, service, timeline } = facts
  const { what, next } = judgementOf(facts)
  // Lines that were written before the log had it are of instances that may still be there.
  const known = service?.instances.find(({ id }) => id === request.endpoint)?.revision
  const revision = request.revision === '' ? (known ?? null) : request.revision
  const sentences = [what, revisionSentence(request, service), retrySentence(request), coincidence(request, timeline)]
  return { request, revision, verdict: sentences.filter((text) => text !== '').join(' '), next, timeline }
}

/** Of a call of gRPC in its own words: over HTTP nearly all of them are answered with 200. */
function answerOf({ status, grpcStatus }: LoggedRequest): string {
  return grpcStatus === '' ? String(status) : grpcStatus
}

interface Judgement {
  readonly what: string
  readonly next: string
}

function judgementOf({ request, routes }: RequestFacts): Judgement {
  const { service, endpoint, status, durationMs, reason } = request
  const answer = answerOf(request)
  const took = `${Math.round(durationMs)} ms`
  const asked = endpoint === '' ? service : endpoint
  if (request.isCut) {
    return {
      what: `The answer (${answer}) broke off after its head had gone out, after ${took}; the log does not say which side ended it.`,
      next: `Run "pando logs ${service}" to see whether ${asked} ended in the middle of it.`,
    }
  }
  if (reason !== '') return byReason(request, routes, { took, asked })
  if (status === 0) {
    return { what: `No answer was sent: the connection to the client ended first, after ${took}.`, next: '' }
  }
  const speed =
    durationMs >= slowMs ? ` That is slow: it took ${took} from the request's head to the answer's end.` : ''
  const logs = `Run "pando logs ${service}" to see what it did in that time.`
  return {
    what: `${asked} itself answered ${answer}; the gateway passed that on after ${took}.${speed}`,
    next: status >= 500 || speed !== '' ? logs : '',
  }
}

function byReason(
  request: LoggedRequest,
  routes: readonly RouteStatus[],
  { took, asked }: { readonly took: string; readonly asked: string },
): Judgement {
  const { service, host, method, path, reason, route } = request
  const answer = answerOf(request)
  const why = `Run "pando why ${service}" to see what keeps it.`
  switch (reason) {
    case 'no_route':
      return noRoute(`${method} ${host}${path}`, path, routes)
    case 'connect_failed':
      return {
        what: `No connection to ${asked} could be opened, so the gateway answered ${answer} after ${took}.`,
        next: why,
      }
    case 'no_healthy_endpoint':
      return {
        what: `No instance of ${service} was healthy, so the gateway answered ${answer} after ${took}.`,
        next: why,
      }
    case 'upstream_closed':
      return {
        what: `${asked} closed the connection before its answer was whole, so the gateway answered ${answer} after ${took}.`,
        next: why,
      }
    case 'upstream_timeout':
      return {
        what: `${asked} did not answer in the time that route and gateway give it, so the gateway answered ${answer} after ${took}.`,
        next: `Run "pando logs ${service}" to see what it did, or raise the route's timeout.`,
      }
    case 'upstream_invalid':
      return {
        what: `${asked} answered with something that is not HTTP, so the gateway answered ${answer}.`,
        next: `Check the \`protocol\` of ${service} in the manifest.`,
      }
    case 'unauthenticated':
      return {
        what: `The route ${route} needs a credential${asksFor(route, routes)}, and the request had none that is taken, so the gateway answered ${answer}.`,
        next: 'The detail of that answer says what was wrong with the credential: an expired token, another issuer, a revoked key.',
      }
    case 'forbidden':
      return {
        what: `It was clear who asked, and that was not enough for the route ${route}${asksFor(route, routes)}, so the gateway answered ${answer}.`,
        next: 'Compare the scopes and claims of the credential with `auth` of the route; a key may be for other services ("pando key list").',
      }
    case 'overloaded':
      return {
        what: `Too many requests waited for ${service}, so the gateway answered ${answer} after ${took}.`,
        next: `Give it more replicas: "pando scale ${service}=N".`,
      }
    default: {
      const by = service === '' ? '' : ` for ${service}`
      return {
        what: `The gateway answered ${answer}${by} by itself after ${took}, for the reason ${reason}.`,
        next: 'docs/gateway.md lists every reason and what to do about it.',
      }
    }
  }
}

function asksFor(name: string, routes: readonly RouteStatus[]): string {
  const auth = routes.find(({ route }) => route.name === name)?.route.auth
  if (auth === undefined || auth === null) return ''
  const wanted = [...auth.scopes, ...auth.claims.map(({ claim, values }) => `${claim}=${values.join('|')}`)]
  return ` (${[auth.anyOf.join(' or '), ...wanted].join(', ')})`
}

function noRoute(what: string, path: string, routes: readonly RouteStatus[]): Judgement {
  const paths = [...new Set(routes.flatMap(({ route }) => route.matches.map((match) => match.path.value)))]
  const first = `/${path.split('/')[1] ?? ''}`
  const near = nearest(path, paths) ?? nearest(first, paths) ?? paths.find((one) => one === first) ?? null
  const hint = near === null ? '' : ` The nearest path that a route has now is ${near}.`
  return {
    what: `No route matched ${what}, so the gateway answered by itself.${hint}`,
    next: 'Run "pando routes" to see which hosts, paths and methods lead where.',
  }
}

/** Only where it tells something: that the service runs another one by now. */
function revisionSentence({ endpoint, revision }: LoggedRequest, service: ServiceStatus | null): string {
  if (revision === '' || service === null || service.revision === revision) return ''
  return `${endpoint} ran revision ${revision}; ${service.name} is at ${service.revision} now.`
}

function retrySentence({ retries }: LoggedRequest): string {
  if (retries === 0) return ''
  return `It was sent ${retries + 1} times in all: earlier attempts failed.`
}

const telling: readonly Moment['kind'][] = [
  'instance.failed',
  'instance.killed',
  'instance.unhealthy',
  'instance.draining',
  'instance.stopping',
  'deployment.started',
  'deployment.failed',
  'build.failed',
  'service.waiting',
]

/** The most telling thing that happened around it, first of the instance, then of the service. */
function coincidence({ at, endpoint, status }: LoggedRequest, timeline: readonly Moment[]): string {
  if (status > 0 && status < 500) return ''
  const own = timeline.filter(({ instance }) => endpoint !== '' && instance === endpoint)
  for (const moments of [own, timeline]) {
    for (const kind of telling) {
      const found = moments
        .filter((moment) => moment.kind === kind)
        .sort((a, b) => Math.abs(a.at - at) - Math.abs(b.at - at))[0]
      if (found === undefined) continue
      const seconds = (Math.abs(found.at - at) / 1_000).toFixed(1)
      const line = found.lines.at(-1)
      const said = line === undefined ? '' : ` Its last line was "${line.trim().slice(0, 300)}".`
      return `${seconds} s ${found.at <= at ? 'before' : 'after'} it ended: ${found.text}.${said}`
    }
  }
  return ''
}
