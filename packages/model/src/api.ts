import type { Address, Endpoint } from './endpoint.js'
import type { InstancePhase } from './instance.js'
import type { RolloutStatus } from './rollout.js'
import type { RouteSpec } from './route.js'
import type { Protocol } from './service.js'

/** What the control API answers. Times are milliseconds since the epoch (Unix time). */
export interface AppStatus {
  readonly name: string
  readonly manifest: string
  readonly pid: number
  readonly startedAt: number
  /** `stopping` after `pando down`. */
  readonly state: 'running' | 'stopping'
  /** What runs services that do not say it themselves, as `pando up` was told; absent: it was not. */
  readonly driver?: 'process' | 'container'
  readonly gateway: GatewayStatus
  readonly api: Address
  readonly services: readonly ServiceStatus[]
  /** What is wrong with the control plane itself, each with what to do. Absent: nothing. */
  readonly faults?: readonly string[]
}

export interface GatewayStatus {
  readonly state: 'starting' | 'ready' | 'down'
  readonly address: Address
  readonly pid: number | null
  readonly workers: number
  readonly errors: readonly string[]
  /** What stops nothing and should be seen to. Absent: nothing. */
  readonly warnings?: readonly string[]
  /** Where it is reached encrypted. Absent: it is not. */
  readonly tls?: Address
}

/** What a service waits for: another service, its own build, the time at which it is started again, or, asleep, a request. */
export type WaitsFor =
  | { readonly kind: 'service'; readonly service: string }
  | { readonly kind: 'build' | 'restart' | 'request' }

export interface ServiceStatus {
  readonly name: string
  /**
   * `ready`: all that is wanted is healthy; `degraded`: some of it; `failed`: nothing runs and the last tries failed;
   * `building`, `waiting` (for a dependency), `starting`, `stopped`, `completed` (a service that ends, ended well).
   */
  readonly state: 'building' | 'waiting' | 'starting' | 'ready' | 'degraded' | 'failed' | 'stopped' | 'completed'
  /** One sentence that explains the state, empty when ready. */
  readonly reason: string
  /** Absent when it waits for nothing. */
  readonly waitsFor?: WaitsFor
  readonly protocol: Protocol
  readonly revision: string
  readonly replicas: number
  /** Between what the count follows the load; absent where it does not. */
  readonly autoscale?: { readonly min: number; readonly max: number }
  readonly healthy: number
  /** The stable address that balances over healthy instances; null for protocol `none`. */
  readonly address: Address | null
  /** Where it is reached through the gateway: paths, with the host before them where a route names one. */
  readonly routes: readonly string[]
  readonly instances: readonly InstanceStatus[]
  /** The present or the last one; absent before the first. */
  readonly rollout?: RolloutStatus
  /** What the gateway keeps from it because of what it answers. Absent: nothing. */
  readonly withheld?: Withheld
}

/** Requests that the gateway does not send, because of earlier answers. */
export interface Withheld {
  /** Instances (or other endpoints) that get none for a while, with the last of their errors. */
  readonly ejected: readonly { readonly instance: string; readonly error: string }[]
  /** Workers of the gateway whose circuit breaker is open: they answer with 503 themselves. */
  readonly openCircuits: number
  readonly workers: number
}

export interface InstanceStatus {
  readonly id: string
  readonly service: string
  readonly slot: number
  readonly revision: string
  readonly phase: InstancePhase
  readonly pid: number | null
  readonly address: Address | null
  readonly startedAt: number
  /** How often this slot was started again after a failure since it was last well for ten minutes. */
  readonly restarts: number
  /** The last exit in this slot, in words, or what the last failed health check said; empty when there was none. */
  readonly detail: string
  readonly memoryBytes: number | null
  readonly cpuSeconds: number | null
}

/** The kinds of event, once. `level` decides colour and what `pando events --warn` shows. */
export const eventKinds = {
  'app.applied': 'info',
  'app.stopping': 'info',
  'control_plane.started': 'info',
  'key.created': 'info',
  'key.revoked': 'info',
  'build.started': 'info',
  'build.output': 'info',
  'build.succeeded': 'info',
  'build.failed': 'error',
  'instance.started': 'info',
  'instance.adopted': 'info',
  'instance.healthy': 'info',
  'instance.unhealthy': 'warn',
  'instance.draining': 'info',
  'instance.stopping': 'info',
  'instance.killed': 'warn',
  'instance.exited': 'info',
  'instance.failed': 'error',
  'job.started': 'info',
  'job.succeeded': 'info',
  'job.failed': 'error',
  'job.stopped': 'info',
  'job.missed': 'warn',
  'service.waiting': 'info',
  'service.scaled': 'info',
  'service.stopped': 'info',
  'service.started': 'info',
  'service.restarting': 'info',
  'service.removed': 'info',
  'deployment.started': 'info',
  'deployment.healthy': 'info',
  'deployment.failed': 'error',
  'deployment.rolled_back': 'warn',
  'rollout.started': 'info',
  'rollout.progressed': 'info',
  'rollout.paused': 'info',
  'rollout.promoted': 'info',
  'rollout.aborted': 'warn',
  'rollout.succeeded': 'info',
  'rollout.failed': 'error',
  'rollout.rolled_back': 'warn',
  'endpoint.registered': 'info',
  'endpoint.deregistered': 'info',
  'endpoint.expired': 'warn',
  'endpoint.ejected': 'warn',
  'endpoint.readmitted': 'info',
  'circuit.opened': 'warn',
  'circuit.closed': 'info',
  'registry.eviction_paused': 'warn',
  'registry.eviction_resumed': 'info',
  'gateway.started': 'info',
  'gateway.ready': 'info',
  'gateway.exited': 'error',
  'gateway.listener_failed': 'error',
  'gateway.warning': 'warn',
  'gateway.worker_ended': 'warn',
  'certificate.made': 'info',
  'limits.unavailable': 'warn',
  'store.recovered': 'info',
  fault: 'error',
} as const satisfies Record<string, 'info' | 'warn' | 'error'>

export type EventKind = keyof typeof eventKinds

export interface PandoEvent {
  /** Grows by one an event; `?after=` resumes behind it. */
  readonly seq: number
  readonly at: number
  readonly kind: EventKind
  readonly service: string | null
  readonly instance: string | null
  /** One sentence. */
  readonly message: string
}

/** One line of `GET /v1/logs` (newline-delimited JSON). */
export interface LogLine {
  readonly service: string
  readonly instance: string
  /** When it was seen, to about a second; null when it was written before anyone looked. */
  readonly at: number | null
  readonly line: string
}

export interface RouteStatus {
  readonly route: RouteSpec
  /** Healthy endpoints behind it. */
  readonly healthy: number
}

/** `PUT /v1/registry/services/{service}/endpoints/{id}`. */
export interface Registration {
  readonly address: Address
  /** Seconds until it is forgotten unless renewed; 1 to 3600. */
  readonly ttl: number
  readonly state?: 'starting' | 'healthy' | 'unhealthy' | 'draining'
  readonly weight?: number
  readonly revision?: string
  readonly metadata?: Readonly<Record<string, string>>
}

export interface Lease {
  readonly endpoint: Endpoint
  readonly expiresAt: number
}
