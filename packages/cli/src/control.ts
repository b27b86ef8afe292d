import type { AppStatus, LogLine, PandoEvent, RouteStatus } from '@pando/model'

/** The control API as the commands use it. Rejects with what the API says, or `unavailable` when nobody answers on the socket. */
export interface Control {
  status(): Promise<AppStatus>
  apply(request: { readonly manifest: string; readonly variables: Readonly<Record<string, string>> }): Promise<Applied>
  down(): Promise<void>
  scale(service: string, replicas: number): Promise<void>
  restart(service: string): Promise<void>
  stop(service: string): Promise<void>
  start(service: string): Promise<void>
  routes(): Promise<readonly RouteStatus[]>
  events(query: EventQuery, signal: AbortSignal): AsyncIterable<PandoEvent>
  logs(query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine>
}

/** Names of services, by what the new manifest did to them. */
export interface Applied {
  readonly added: readonly string[]
  readonly changed: readonly string[]
  readonly removed: readonly string[]
  readonly unchanged: readonly string[]
}

export interface EventQuery {
  /** Only events behind this number; null: the newest `limit`. */
  readonly after: number | null
  readonly limit: number
  readonly service: string | null
  readonly follow: boolean
}

export interface LogQuery {
  /** Empty: all. */
  readonly services: readonly string[]
  /** Unix time, ms. */
  readonly since: number | null
  /** Last lines of each instance; null: all. */
  readonly tail: number | null
  readonly follow: boolean
}
