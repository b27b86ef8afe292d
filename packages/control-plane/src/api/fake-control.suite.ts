import type {
  AppStatus,
  Deployment,
  LogLine,
  RequestExplanation,
  RouteStatus,
  ServiceExplanation,
  ServiceStatus,
} from '@pando/model'
import { PandoError } from '@pando/model'
import type { AppControl, ApplyRequest, ApplyResult, LogQuery } from './app-control.js'
import type { Deployed, DeployRequest, ServiceDiff } from './deployment-control.js'
import type { SyncedFile } from './sync-control.js'
import type { Pruned, PruneRequest } from './upkeep-control.js'
import type { WhyQuery } from './why-control.js'

/** A control plane of two services that does nothing and writes down what it was told. */
export class FakeControl implements AppControl {
  readonly calls: unknown[][] = []
  /** How many `logs` are being read now. */
  openLogs = 0
  /** What `logs` gives; when it has given all, it waits if it is to follow. */
  lines: Iterable<string> = ['one', 'two']
  /** Thrown by the next calls. */
  failure: Error | null = null

  async status(): Promise<AppStatus> {
    this.#fail()
    return {
      name: 'shop',
      manifest: '/shop/pando.yaml',
      pid: 1,
      startedAt: 5,
      state: 'running',
      gateway: { state: 'ready', address: { host: '127.0.0.1', port: 8080 }, pid: 2, workers: 2, errors: [] },
      api: { host: '127.0.0.1', port: 7700 },
      services: [service('users'), service('orders')],
    }
  }

  async apply(request: ApplyRequest): Promise<ApplyResult> {
    this.#note('apply', request)
    return { added: ['users'], changed: [], removed: [], unchanged: ['orders'] }
  }

  async down(): Promise<void> {
    this.#note('down')
  }

  async scale(name: string, replicas: number): Promise<void> {
    this.#note('scale', name, replicas)
  }

  async restart(name: string): Promise<void> {
    this.#note('restart', name)
  }

  async prune(request: PruneRequest): Promise<Pruned> {
    this.#note('prune', request)
    return { items: [{ kind: 'image', service: 'users', name: 'users:1', bytes: 5 }], notes: [] }
  }

  async sync(name: string, files: readonly SyncedFile[]): Promise<void> {
    this.#note('sync', name, files)
  }

  async stop(name: string): Promise<void> {
    this.#note('stop', name)
  }

  async start(name: string): Promise<void> {
    this.#note('start', name)
    throw new PandoError('not_found', `there is no service "${name}"`, { hint: 'did you mean "users"?' })
  }

  async history(service: string | null): Promise<readonly Deployment[]> {
    this.#note('history', service)
    return []
  }

  async deploy(request: DeployRequest): Promise<readonly Deployed[]> {
    this.#note('deploy', request)
    return request.services.map((name) => ({ service: name, revision: 'r', isNew: true }))
  }

  async rollback(name: string, to: string | null): Promise<Deployed> {
    this.#note('rollback', name, to)
    return { service: name, revision: to ?? 'r', isNew: true }
  }

  async rollbackApp(): Promise<readonly Deployed[]> {
    this.#note('rollbackApp')
    return []
  }

  async diff(request: ApplyRequest): Promise<readonly ServiceDiff[]> {
    this.#note('diff', request)
    return []
  }

  async remove(name: string): Promise<void> {
    this.#note('remove', name)
  }

  async promote(name: string): Promise<void> {
    this.#note('promote', name)
  }

  async abort(name: string): Promise<void> {
    this.#note('abort', name)
  }

  async whyService(name: string, query: WhyQuery): Promise<ServiceExplanation> {
    this.#note('whyService', name, query)
    return { service: name, verdict: `${name} is ready.`, since: 5, next: '', causes: [], timeline: [] }
  }

  async whyRequest(id: string): Promise<RequestExplanation> {
    this.#note('whyRequest', id)
    throw new PandoError('not_found', `there is no request ${id} in the access log`)
  }

  async routes(): Promise<readonly RouteStatus[]> {
    return [
      {
        route: {
          name: 'users/0',
          hosts: [],
          matches: [{ path: { type: 'prefix', value: '/users' }, method: null, headers: [], query: [] }],
          filters: [],
          backends: [{ service: 'users', weight: 1 }],
          timeouts: { requestMs: null, backendRequestMs: null },
        },
        healthy: 2,
      },
    ]
  }

  async *logs(query: LogQuery, signal: AbortSignal): AsyncGenerator<LogLine> {
    this.#note('logs', query)
    this.openLogs++
    try {
      for (const line of this.lines) {
        if (signal.aborted) return
        yield { service: 'users', instance: 'users-0', at: null, line }
        this.#fail()
      }
      if (!query.follow || signal.aborted) return
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    } finally {
      this.openLogs--
    }
  }

  async metrics(): Promise<string> {
    return '# TYPE up gauge\nup 1\n'
  }

  #note(...call: unknown[]): void {
    this.calls.push(call)
    this.#fail()
  }

  #fail(): void {
    if (this.failure !== null) throw this.failure
  }
}

function service(name: string): ServiceStatus {
  return {
    name,
    state: 'ready',
    reason: '',
    protocol: 'http',
    revision: 'r',
    replicas: 1,
    healthy: 1,
    address: null,
    routes: [],
    instances: [],
  }
}
