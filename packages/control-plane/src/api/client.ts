import { request as send } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { PandoError } from '@pando/model'
import type {
  ApiKeyInfo,
  MadeApiKey,
  NewApiKey,
  AppStatus,
  Deployment,
  Endpoint,
  JobRun,
  JobsStatus,
  Lease,
  LogLine,
  PandoEvent,
  Problem,
  Registration,
  RequestExplanation,
  RouteStatus,
  ServiceExplanation,
  ServiceStatus,
  WatchMessage,
} from '@pando/model'
import type { ApplyRequest, ApplyResult, LogQuery } from './app-control.js'
import type { Deployed, DeployRequest, ServiceDiff } from './deployment-control.js'
import { socketAddressOf } from './socket-path.js'
import type { SyncedFile } from './sync-control.js'
import type { Pruned, PruneRequest } from './upkeep-control.js'
import type { WhyQuery } from './why-control.js'

/** Where the control API is: its unix socket, or loopback TCP with a token. */
export type ControlAddress =
  | { readonly socketPath: string }
  | { readonly host: string; readonly port: number; readonly token: string }

export interface EventQuery {
  /** Only events behind this number; null: the newest `limit`. */
  readonly after: number | null
  readonly limit: number
  readonly service: string | null
  readonly follow: boolean
}

const answerTimeoutMs = 30_000
/** Images may share much, and folders may be large. */
const pruneTimeoutMs = 600_000
const maxAnswerBytes = 16 * 1_024 * 1_024

/**
 * The control API, typed. Calls reject with the API's own errors, `unavailable` when nobody listens, `timeout` when there is no answer within
 * 30 s (ten minutes for `prune`). Streams end without an error when their `signal` aborts. Each call is a connection of its own: nothing is left open.
 */
export class ControlClient {
  readonly #address: ControlAddress

  constructor(address: ControlAddress) {
    this.#address = address
  }

  status(): Promise<AppStatus> {
    return this.#call('GET', '/v1/app')
  }

  apply(request: ApplyRequest): Promise<ApplyResult> {
    return this.#call('PUT', '/v1/app', request)
  }

  down(): Promise<void> {
    return this.#call('DELETE', '/v1/app')
  }

  services(): Promise<ServiceStatus[]> {
    return this.#call('GET', '/v1/services')
  }

  service(name: string): Promise<ServiceStatus> {
    return this.#call('GET', servicePath(name))
  }

  scale(service: string, replicas: number): Promise<void> {
    return this.#call('POST', `${servicePath(service)}/scale`, { replicas })
  }

  restart(service: string): Promise<void> {
    return this.#call('POST', `${servicePath(service)}/restart`)
  }

  sync(service: string, files: readonly SyncedFile[]): Promise<void> {
    return this.#call('POST', `${servicePath(service)}/sync`, { files })
  }

  stop(service: string): Promise<void> {
    return this.#call('POST', `${servicePath(service)}/stop`)
  }

  start(service: string): Promise<void> {
    return this.#call('POST', `${servicePath(service)}/start`)
  }

  deployments(service: string | null): Promise<Deployment[]> {
    return this.#call('GET', `/v1/deployments${service === null ? '' : `?${new URLSearchParams({ service })}`}`)
  }

  deploy(request: DeployRequest): Promise<Deployed[]> {
    return this.#call('POST', '/v1/deployments', request)
  }

  rollback(service: string, to: string | null): Promise<Deployed> {
    return this.#call('POST', `${servicePath(service)}/rollback`, { to })
  }

  rollbackApp(): Promise<Deployed[]> {
    return this.#call('POST', '/v1/app/rollback')
  }

  diff(request: ApplyRequest): Promise<ServiceDiff[]> {
    return this.#call('POST', '/v1/app/diff', request)
  }

  prune(request: PruneRequest): Promise<Pruned> {
    return this.#call('POST', '/v1/app/prune', request, pruneTimeoutMs)
  }

  remove(service: string): Promise<void> {
    return this.#call('DELETE', servicePath(service))
  }

  promote(service: string): Promise<void> {
    return this.#call('POST', `${servicePath(service)}/promote`)
  }

  abort(service: string): Promise<void> {
    return this.#call('POST', `${servicePath(service)}/abort`)
  }

  whyService(service: string, { since, limit }: WhyQuery): Promise<ServiceExplanation> {
    const parameters = new URLSearchParams({ limit: String(limit) })
    if (since !== null) parameters.set('since', String(since))
    return this.#call('GET', `${servicePath(service)}/why?${parameters}`)
  }

  whyRequest(id: string): Promise<RequestExplanation> {
    return this.#call('GET', `/v1/requests/${encodeURIComponent(id)}/why`)
  }

  jobs(service: string | null): Promise<JobsStatus> {
    return this.#call('GET', `/v1/runs${service === null ? '' : `?${new URLSearchParams({ service })}`}`)
  }

  run(service: string, command: readonly string[] | null): Promise<JobRun> {
    return this.#call('POST', `${servicePath(service)}/runs`, { command })
  }

  getRun(id: string): Promise<JobRun> {
    return this.#call('GET', `/v1/runs/${encodeURIComponent(id)}`)
  }

  stopRun(id: string): Promise<void> {
    return this.#call('POST', `/v1/runs/${encodeURIComponent(id)}/stop`)
  }

  /** Ends with the run. */
  runOutput(id: string, signal: AbortSignal): AsyncGenerator<LogLine, void, undefined> {
    return this.#lines(`/v1/runs/${encodeURIComponent(id)}/output`, signal)
  }

  keys(): Promise<ApiKeyInfo[]> {
    return this.#call('GET', '/v1/keys')
  }

  createKey(wish: NewApiKey): Promise<MadeApiKey> {
    return this.#call('POST', '/v1/keys', wish)
  }

  revokeKey(name: string): Promise<void> {
    return this.#call('DELETE', `/v1/keys/${encodeURIComponent(name)}`)
  }

  routes(): Promise<RouteStatus[]> {
    return this.#call('GET', '/v1/routes')
  }

  events(query: EventQuery, signal: AbortSignal): AsyncGenerator<PandoEvent, void, undefined> {
    const parameters = new URLSearchParams({ limit: String(query.limit), follow: String(query.follow) })
    if (query.after !== null) parameters.set('after', String(query.after))
    if (query.service !== null) parameters.set('service', query.service)
    return this.#lines(`/v1/events?${parameters}`, signal)
  }

  logs(query: LogQuery, signal: AbortSignal): AsyncGenerator<LogLine, void, undefined> {
    const parameters = new URLSearchParams({ follow: String(query.follow) })
    for (const service of query.services) parameters.append('service', service)
    if (query.since !== null) parameters.set('since', String(query.since))
    if (query.tail !== null) parameters.set('tail', String(query.tail))
    return this.#lines(`/v1/logs?${parameters}`, signal)
  }

  registryServices(): Promise<{ readonly name: string; readonly endpoints: number; readonly healthy: number }[]> {
    return this.#call('GET', '/v1/registry/services')
  }

  endpoints(service: string): Promise<Endpoint[]> {
    return this.#call('GET', `/v1/registry/services/${encodeURIComponent(service)}`)
  }

  register(service: string, id: string, registration: Registration): Promise<Lease> {
    return this.#call('PUT', endpointPath(service, id), registration)
  }

  renew(service: string, id: string): Promise<Lease> {
    return this.#call('POST', `${endpointPath(service, id)}/renew`)
  }

  deregister(service: string, id: string): Promise<void> {
    return this.#call('DELETE', endpointPath(service, id))
  }

  /** `since`: EPOCH:VERSION to go on from. Heartbeats are among the messages. */
  watchRegistry(
    query: { readonly service?: string; readonly since?: string },
    signal: AbortSignal,
  ): AsyncGenerator<WatchMessage, void, undefined> {
    return this.#lines(`/v1/registry/watch?${new URLSearchParams(query)}`, signal)
  }

  /** Prometheus text format. */
  async metrics(): Promise<string> {
    return this.#text('GET', '/metrics')
  }

  health(): Promise<{ readonly status: string; readonly version: string }> {
    return this.#call('GET', '/healthz')
  }

  async #call<T>(method: string, path: string, body?: unknown, timeoutMs = answerTimeoutMs): Promise<T> {
    const text = await this.#text(method, path, body, timeoutMs)
    return (text === '' ? undefined : JSON.parse(text)) as T
  }

  async #text(method: string, path: string, body?: unknown, timeoutMs = answerTimeoutMs): Promise<string> {
    const signal = AbortSignal.timeout(timeoutMs)
    try {
      return await readAll(await this.#open(method, path, signal, body))
    } catch (error) {
      throw this.#asPandoError(error, timeoutMs)
    }
  }

  async *#lines<T>(path: string, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
    if (signal.aborted) return
    try {
      const response = await this.#open('GET', path, signal)
      for await (const line of splitLines(response)) yield readLine<T>(line)
    } catch (error) {
      if (!signal.aborted) throw this.#asPandoError(error)
    }
  }

  async #open(method: string, path: string, signal: AbortSignal, body?: unknown): Promise<IncomingMessage> {
    const address = this.#address
    const text = body === undefined ? undefined : JSON.stringify(body)
    const where =
      'socketPath' in address
        ? { socketPath: socketAddressOf(address.socketPath) }
        : { host: address.host, port: address.port }
    const headers: Record<string, string | number> = {}
    if ('token' in address) headers['authorization'] = `Bearer ${address.token}`
    else headers['host'] = 'localhost'
    if (text !== undefined) {
      headers['content-type'] = 'application/json'
      headers['content-length'] = Buffer.byteLength(text)
    }
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = send({ ...where, agent: false, method, path, signal, headers }, resolve)
      // Stays on after the answer has begun: aborting then is an error of the request as well.
      request.on('error', reject)
      request.end(text)
    })
    const status = response.statusCode ?? 0
    if (status < 300) return response
    throw problemOf(status, await readAll(response))
  }

  #asPandoError(thrown: unknown, timeoutMs = answerTimeoutMs): PandoError {
    if (thrown instanceof PandoError) return thrown
    const { name, code } = thrown as NodeJS.ErrnoException
    const address = this.#address
    const where = 'socketPath' in address ? address.socketPath : `${address.host}:${address.port}`
    if (name === 'AbortError' || name === 'TimeoutError') {
      return new PandoError('timeout', `the control plane on ${where} did not answer within ${timeoutMs / 1_000} s`, {
        cause: thrown,
      })
    }
    if (code === 'EACCES' || code === 'EPERM') {
      return new PandoError('forbidden', `the control plane’s socket ${where} is another user’s`, { cause: thrown })
    }
    if (code === 'ECONNRESET' || code === 'ECONNREFUSED' || code === 'ENOENT' || code === 'EPIPE') {
      return new PandoError('unavailable', `no control plane answers on ${where}`, {
        hint: 'Start it with `pando up`.',
        cause: thrown,
      })
    }
    return PandoError.from(thrown)
  }
}

function servicePath(name: string): string {
  return `/v1/services/${encodeURIComponent(name)}`
}

function endpointPath(service: string, id: string): string {
  return `/v1/registry/services/${encodeURIComponent(service)}/endpoints/${encodeURIComponent(id)}`
}

function readLine<T>(line: string): T {
  const value = JSON.parse(line) as T
  // A stream that fails under way ends with its problem, as its status had been sent.
  const problem = (value as { readonly problem?: Problem }).problem
  if (problem !== undefined) throw PandoError.fromProblem(problem)
  return value
}

async function* splitLines(response: IncomingMessage): AsyncGenerator<string, void, undefined> {
  response.setEncoding('utf8')
  let rest = ''
  for await (const chunk of response as AsyncIterable<string>) {
    const lines = chunk.split('\n')
    lines[0] = rest + lines[0]!
    rest = lines.pop()!
    if (rest.length > maxAnswerBytes)
      throw new PandoError('internal', 'the control plane sent a line of more than 16 MiB')
    for (const line of lines) if (line !== '') yield line
  }
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxAnswerBytes) throw new PandoError('internal', 'the control plane answered with more than 16 MiB')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function problemOf(status: number, text: string): PandoError {
  try {
    const problem = JSON.parse(text) as Partial<Problem>
    if (typeof problem.code === 'string' && typeof problem.title === 'string')
      return PandoError.fromProblem(problem as Problem)
  } catch {
    // Not a problem document: said below.
  }
  return new PandoError('internal', `the control plane answered ${status}: ${text.slice(0, 200)}`)
}
