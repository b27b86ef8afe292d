import type { Server } from 'node:net'
import type { EjectedEndpoint, Listener, RoutingTable } from '@pando/model'
import type { Taken } from './rate-limit/worker-shares.js'

/**
 * One worker's data path, as the worker process around it sees it. It opens the table's listeners, serves by the last table it
 * was given, and does no other I/O than that of the traffic, of the access log, and of policies that ask others (keys of tokens, authorisers).
 */
export interface DataPlane {
  /**
   * Compiles and swaps the table whole; opens new listeners, closes those that are gone (what is in flight on them goes on).
   * Resolves when every listener is open or has failed; failures by listener name. New requests are served by it from the moment it is called.
   */
  apply(table: RoutingTable): Promise<Readonly<Record<string, string>>>

  /** Requests, upgrades and tunnels under way, by endpoint id; only endpoints that have any. */
  inFlight(): Map<string, number>

  /** Client connections that are open, tunnels included. */
  readonly connections: number

  /** Calls back when an endpoint that drains (or has left the table) has nothing left in flight. */
  onDrained(callback: (endpoint: string) => void): void

  /** What waits for services that sleep, by service; only those that something waits for. */
  held?(): Readonly<Record<string, number>>

  /** Endpoints that are left alone because of their answers, by id. */
  ejected?(): Readonly<Record<string, EjectedEndpoint>>

  /** Calls back when one more is. */
  onEjected?(callback: () => void): void

  /** Calls back when something begins to wait for a service that sleeps. */
  onHeld?(callback: () => void): void

  /** Calls back with what requests have taken of their rate limits, a few times a second while they do, so that other workers know. */
  onTaken?(callback: (taken: Taken) => void): void

  /** What requests to another worker have taken. */
  noteTaken?(taken: Taken): void

  /** Numbers since the start, ready to be added up over workers. */
  metrics(): MetricsSnapshot

  /** What stops nothing and should be seen to, by listener; only those that have anything. */
  warnings?(): Readonly<Record<string, readonly string[]>>

  /** The same by authenticator. */
  authenticatorWarnings?(): Readonly<Record<string, readonly string[]>>

  /** The same, by store that gateways share, as the manifest calls it. */
  storeWarnings?(): Readonly<Record<string, readonly string[]>>

  /** Services that are not asked, as their circuit breakers are open. */
  openCircuits?(): readonly string[]

  /** Calls back when `warnings` has changed. */
  onWarnings?(callback: () => void): void

  /** The key that the sessions of encrypted connections are sealed with from now on, the same in every worker. */
  setTicketKeys?(keys: Buffer): void

  /** Opens the files of its logs anew: they were renamed by a log rotation. */
  reopenLogs?(): void

  /** Accepts nothing new, lets what is in flight finish (closing idle keep-alive connections), resolves then or after `timeoutMs`, having cut the rest. `isReplaced`: other workers serve on. */
  close(timeoutMs: number, isReplaced?: boolean): Promise<void>
}

/**
 * Lets a server listen on a listener's address; resolves when it does. A worker's takes the socket that the primary holds for all of
 * them (so that none is refused while workers come and go); `listenAlone` binds one of its own. Rejects with a PandoError that says why.
 */
export type Listen = (server: Server, listener: Listener) => Promise<void>

/** Plain JSON: it crosses from worker to primary. Counters and histograms add up; gauges too (each worker has its own share). */
export interface MetricsSnapshot {
  readonly families: readonly MetricFamily[]
}

export interface MetricFamily {
  /** Prometheus name with unit, for example `pando_gateway_request_duration_seconds`. */
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** Upper bounds of a histogram's buckets, ascending, without +Inf. */
  readonly bounds?: readonly number[]
  readonly series: readonly MetricSeries[]
}

export interface MetricSeries {
  readonly labels: Readonly<Record<string, string>>
  /** Counter, gauge: one number. Histogram: a count per bucket (last one: +Inf, not cumulative), then the sum. */
  readonly values: readonly number[]
}
