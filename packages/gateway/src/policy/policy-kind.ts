import type { GatewayConfig, RouteSpec } from '@pando/model'
import type { ListenerInfo } from '../http1/exchange-client.js'
import type { CompiledEdit } from '../route-table/header-edit.js'
import type { RoutePolicy } from './route-policy.js'

/** What is added to an answer of the gateway's own on that listener when no route took the request; null: nothing. */
export type StrayEdit = (listener: Pick<ListenerInfo, 'isMesh' | 'isSecure'>) => CompiledEdit | null

/** One kind of policy of a worker: it makes the policies of routes and keeps what outlives a table (caches, counts). */
export interface PolicyKind {
  /** A new configuration; `of` is asked for each of its routes next. */
  configure(config: GatewayConfig): void
  /** What the route asks of this kind, mostly nothing. An error denies all of the route's requests. */
  of(route: RouteSpec): readonly RoutePolicy[]
  /** What should be seen to, by what it is about (an authenticator's name); absent: nothing ever is. */
  warnings?(): Readonly<Record<string, readonly string[]>>
  /** By the configuration of now; absent: nothing is added. */
  strayEdit?(): StrayEdit
  close(): void
}
