import type { EjectedEndpoint, Listener, RoutingTable } from '@pando/model'
import type { MetricsSnapshot } from '../data-plane.js'
import type { Taken } from '../rate-limit/worker-shares.js'

/**
 * What the primary says to a worker. Tables go whole at first; then `endpoints` spares sending the configuration again, and
 * keeps the worker's configuration object, and with it the compiled routes, the same.
 */
export type ToWorker =
  | { readonly type: 'table'; readonly table: RoutingTable }
  | {
      readonly type: 'endpoints'
      readonly epoch: string
      readonly version: number
      readonly set: RoutingTable['endpoints']
      readonly removed: readonly string[]
    }
  /** The answer to `listen`; with the socket as the message's handle when `error` is null. */
  | { readonly type: 'listener'; readonly name: string; readonly error: string | null }
  /** How many workers serve, and how many connections each has in the mean. */
  | { readonly type: 'share'; readonly workers: number; readonly mean: number }
  /** A connection that another worker has accepted, as the message's handle: to be served whatever the share. */
  | { readonly type: 'connection'; readonly listener: string }
  | { readonly type: 'metrics'; readonly ask: number }
  | { readonly type: 'reopen_logs' }
  /** What requests to another worker took of their rate limits. */
  | { readonly type: 'taken'; readonly taken: Taken }
  /** What sessions of encrypted connections are sealed with from now on, in base64; before the first table. */
  | { readonly type: 'ticket_keys'; readonly keys: string }
  /** `isReplaced`: other workers serve on. */
  | { readonly type: 'drain'; readonly timeoutMs: number; readonly isReplaced: boolean }

/** What a worker says to the primary. */
export type ToPrimary =
  /** It hears now. */
  | { readonly type: 'ready' }
  | { readonly type: 'listen'; readonly listener: Listener }
  /** Sent when a version is served by, when a leaving endpoint has become idle, and every second while one has not; when something waits for a service that sleeps, and every second while it does. */
  | {
      readonly type: 'status'
      readonly epoch: string
      readonly version: number
      readonly listenerErrors: Readonly<Record<string, string>>
      /** In flight by id, of endpoints that drain or are gone; only those that have any. */
      readonly leaving: Readonly<Record<string, number>>
      /** What waits for services that sleep, by service; only those that something waits for. */
      readonly held?: Readonly<Record<string, number>>
      /** Endpoints that this worker has ejected, by id. */
      readonly ejected?: Readonly<Record<string, EjectedEndpoint>>
      /** What stops nothing and should be seen to, by listener; only those that have anything. */
      readonly warnings?: Readonly<Record<string, readonly string[]>>
      /** The same, by authenticator. */
      readonly authenticatorWarnings?: Readonly<Record<string, readonly string[]>>
      /** The same, by store that gateways share, as the manifest calls it. */
      readonly storeWarnings?: Readonly<Record<string, readonly string[]>>
      /** Services whose circuit breaker is open in this worker. */
      readonly openCircuits?: readonly string[]
    }
  /** That table could not be applied: the one before it is still served by. */
  | { readonly type: 'refused'; readonly epoch: string; readonly version: number; readonly reason: string }
  /** Connections that are open, a few times a second while that changes. */
  | { readonly type: 'load'; readonly connections: number }
  /** A connection for another worker, as the message's handle. */
  | { readonly type: 'connection'; readonly listener: string }
  | { readonly type: 'metrics'; readonly ask: number; readonly snapshot: MetricsSnapshot }
  /** What requests took of their rate limits, for the other workers; sent while there are others. */
  | { readonly type: 'taken'; readonly taken: Taken }
  | { readonly type: 'log'; readonly message: string }
