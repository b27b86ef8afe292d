import type { DeploymentControl } from './deployment-control.js'
import type { SyncControl } from './sync-control.js'
import type { UpkeepControl } from './upkeep-control.js'
import type { WhyControl } from './why-control.js'
import type { AppStatus, LogLine, RouteStatus } from '@pando/model'

/** What the control API asks of the control plane. Unknown services reject with `not_found` and name the nearest known one. */
export interface AppControl extends DeploymentControl, SyncControl, UpkeepControl, WhyControl {
  status(): Promise<AppStatus>
  /** Reads the manifest, checks it, and makes it the desired state; all or nothing. Resolves when that is durable, not when it is reached. */
  apply(request: ApplyRequest): Promise<ApplyResult>
  /** Begins to drain and stop everything; the control plane ends itself when nothing is left. */
  down(): Promise<void>
  scale(service: string, replicas: number): Promise<void>
  /** Replaces every instance by a new one, one by one, each only after its successor is healthy. */
  restart(service: string): Promise<void>
  stop(service: string): Promise<void>
  start(service: string): Promise<void>
  /** Ends the steps of a rollout; `conflict` when none is under way that has some. */
  promote(service: string): Promise<void>
  /** Goes back to the last good revision; `conflict` when nothing is under way or there is none. */
  abort(service: string): Promise<void>
  routes(): Promise<readonly RouteStatus[]>
  /** Ends when all has been read, or, with `follow`, when `signal` aborts. */
  logs(query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine>
  /** Prometheus text exposition format 0.0.4: the gateway's and the control plane's own. */
  metrics(): Promise<string>
}

export interface ApplyRequest {
  /** Absolute path of the manifest. */
  readonly manifest: string
  /** Values for `${NAME}` in the manifest: the caller's environment, only the names that the manifest mentions. */
  readonly variables: Readonly<Record<string, string>>
}

export interface ApplyResult {
  readonly added: readonly string[]
  readonly changed: readonly string[]
  readonly removed: readonly string[]
  readonly unchanged: readonly string[]
}

export interface LogQuery {
  /** Empty: all. */
  readonly services: readonly string[]
  /** Unix time, ms; null: from the beginning of what is kept. */
  readonly since: number | null
  /** At most so many last lines of each instance first; null: all. */
  readonly tail: number | null
  readonly follow: boolean
}
