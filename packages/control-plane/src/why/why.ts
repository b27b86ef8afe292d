import {
  PandoError,
  type AppStatus,
  type Deployment,
  type PandoEvent,
  type RequestExplanation,
  type RouteStatus,
  type ServiceExplanation,
} from '@pando/model'
import type { WhyQuery } from '../api/why-control.js'
import type { Clock } from '../clock.js'
import type { Events } from '../events/events.js'
import type { InstanceLogs } from '../logs/instance-logs.js'
import { findRequest } from './access-log-search.js'
import { aroundMs, explainRequest } from './explain-request.js'
import { explainService } from './explain-service.js'
import { timelineOf } from './timeline.js'

export interface WhyOptions {
  /** Absolute path of the gateway's access log. */
  readonly accessLog: string
  readonly clock: Clock
  readonly events: Pick<Events, 'list'>
  readonly logs: Pick<InstanceLogs, 'read'>
  readonly status: () => Promise<AppStatus>
  readonly routes: () => readonly RouteStatus[]
  /** Newest first. */
  readonly history: (service: string) => readonly Deployment[]
  /** Whether the gateway writes a line a request. */
  readonly isLogged: () => boolean
}

const readEvents = 2_000
const readLines = 10
/** Instances whose last lines are read. */
const readInstances = 3
/** The gateway writes its lines every 100 ms. */
const flushMs = 300
const newestBytes = 1024 * 1024

/** Reads what is known of a service or a request, and has it explained. */
export class Why {
  readonly #options: WhyOptions

  constructor(options: WhyOptions) {
    this.#options = options
  }

  /** The name is known to be a service's. */
  async service(name: string, { since, limit }: WhyQuery): Promise<ServiceExplanation> {
    const { history, status } = this.#options
    const app = await status()
    const services = new Map(app.services.map((one) => [one.name, one]))
    const service = services.get(name)
    if (service === undefined) throw new PandoError('not_found', `there is no service ${name}`)
    const events = this.#events(name)
    const lines = await this.#lastLines(name, events)
    const deployments = history(name)
    const gatewayErrors = app.gateway.errors
    return explainService({ service, services, gatewayErrors, events, deployments, lines, since, limit })
  }

  async request(id: string): Promise<RequestExplanation> {
    const { accessLog, routes, status } = this.#options
    const request = (await findRequest(accessLog, id)) ?? (await this.#findAgain(id))
    if (request === null) throw this.#unknown(id)
    const { services } = await status()
    const service = services.find(({ name }) => name === request.service) ?? null
    const from = request.at - request.durationMs - aroundMs
    const events = this.#events(request.service).filter(({ at }) => at >= from && at <= request.at + aroundMs)
    const lines = await this.#lastLines(request.service, events)
    const timeline = timelineOf({ events, deployments: [], lines, since: null, limit: 100 })
    return explainRequest({ request, timeline, service, routes: routes() })
  }

  /** Its line may still be in the gateway's buffer. */
  async #findAgain(id: string): ReturnType<typeof findRequest> {
    await new Promise<void>((resolve) => void this.#options.clock.after(flushMs, resolve))
    return findRequest(this.#options.accessLog, id, newestBytes)
  }

  /** Of the service, and of the gateway and the app around it. */
  #events(service: string): PandoEvent[] {
    const { events } = this.#options
    const own = service === '' ? [] : events.list({ after: null, limit: readEvents, service })
    const common = events
      .list({ after: null, limit: readEvents })
      .filter((event) => event.service === null && event.kind !== 'fault')
    return [...own, ...common].sort((a, b) => a.seq - b.seq)
  }

  async #lastLines(service: string, events: readonly PandoEvent[]): Promise<Map<string, string[]>> {
    const failed = events.flatMap(({ kind, instance }) =>
      kind === 'instance.failed' && instance !== null ? [instance] : [],
    )
    const instances = [...new Set(failed)].slice(-readInstances)
    const lines = new Map(instances.map((instance): [string, string[]] => [instance, []]))
    if (instances.length === 0) return lines
    const query = { services: [service], instances, since: null, tail: readLines, follow: false }
    for await (const { instance, line } of this.#options.logs.read(query, new AbortController().signal)) {
      lines.get(instance)?.push(line.slice(0, 1_000))
    }
    return lines
  }

  #unknown(id: string): PandoError {
    if (!this.#options.isLogged()) {
      return new PandoError('not_found', `nothing is known of the request ${id}: the access log is off`, {
        hint: 'set `gateway: { access_log: true }` in the manifest and run `pando up`; requests from then on are kept',
      })
    }
    return new PandoError('not_found', `there is no request ${id} in the access log`, {
      hint: 'only the last 64 MiB are searched, and a request whose head could not be read (400, 408, 414, 431) has no line',
    })
  }
}
