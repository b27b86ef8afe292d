import type { ApiKeySpec, AuthenticatorSpec } from './authentication.js'
import type { Address, Endpoint } from './endpoint.js'
import type { BalancerPolicy, EjectedEndpoint, ResilienceSpec } from './resilience.js'
import type { RouteSpec } from './route.js'
import type { GatewayLimits, Protocol } from './service.js'
import type { GatewayTraffic } from './traffic.js'
import type { ListenerTls } from './tls.js'

/**
 * The watch protocol, the only thing that control plane and gateway share.
 *
 * `GET /v1/registry/watch` (endpoints) and `GET /v1/gateway/watch` (endpoints and configuration) answer newline-delimited JSON,
 * one `WatchMessage` a line, and stay open. First comes a `snapshot`, or, for a watcher that resumes with `?since=EPOCH:VERSION`
 * and is not too far behind, the changes after that version. Then every change in order. A watcher that falls behind gets a new
 * `snapshot`, never a gap: a watcher applies a `change` only when `from` is the version it has, and otherwise starts over.
 * `epoch` changes whenever the control plane starts, so versions of two lives are never compared.
 */
export type WatchMessage =
  | {
      readonly type: 'snapshot'
      readonly epoch: string
      readonly version: number
      readonly endpoints: readonly Endpoint[]
      /** Only on the gateway's watch. */
      readonly config?: GatewayConfig
    }
  | {
      readonly type: 'change'
      readonly from: number
      readonly version: number
      /** Endpoints that are new or different, whole. */
      readonly set: readonly Endpoint[]
      /** Ids of endpoints that are gone. */
      readonly removed: readonly string[]
      /** Present when it changed; only on the gateway's watch. */
      readonly config?: GatewayConfig
    }
  /** Sent every few seconds, so that a dead peer is noticed. */
  | { readonly type: 'heartbeat'; readonly version: number }

/** An accepting socket. `edge` routes by host and path; `mesh` is one service's stable address and sends all to it. */
export type Listener =
  | {
      readonly kind: 'edge'
      readonly name: string
      readonly address: Address
      /** Absent: nothing is encrypted. */
      readonly tls?: ListenerTls
      /** Every request is answered with the same address on this port of https. */
      readonly redirectPort?: number
    }
  | {
      readonly kind: 'mesh'
      readonly name: string
      readonly address: Address
      readonly service: string
      /** In CIDR notation: a connection from elsewhere is closed unread. Absent: from anywhere. */ readonly from?: string
    }

export interface GatewayService {
  readonly name: string
  readonly protocol: Protocol
  readonly balancer: BalancerPolicy
  /** Absent: no endpoint is ejected, and else what `defaultResilience` says. */
  readonly resilience?: ResilienceSpec
  /** It reads the trailers of requests over HTTP/1.1; absent: it gets none. Over HTTP/2 it gets them. */
  readonly requestTrailers?: true
  /** It may have no instance and gets one when a request comes: that is held for so long. Absent: it has some, or is down. */
  readonly onDemand?: { readonly holdMs: number }
}

/** All that the gateway serves, but for the endpoints. Sent whole whenever any of it changes. */
export interface GatewayConfig extends GatewayTraffic {
  readonly app: string
  readonly listeners: readonly Listener[]
  readonly routes: readonly RouteSpec[]
  readonly services: readonly GatewayService[]
  readonly limits: GatewayLimits
  /** A worker whose work comes this late for a second refuses requests from outside, milliseconds. Absent: it never does. */
  readonly shedAboveMs?: number
  /** Edge listeners answer GET and HEAD of this path by themselves, before any route. Absent: there is none. */
  readonly healthPath?: string
  /** Absolute path of the access log; null is off. */
  readonly accessLog: string | null
  /** By name; what routes' `auth` names. */ readonly authenticators?: Readonly<Record<string, AuthenticatorSpec>>
  /** Keys that let in, where an authenticator takes any. */ readonly apiKeys?: readonly ApiKeySpec[]
}

/** What one gateway serves by; the sum of the watch messages it has applied. */
export interface RoutingTable {
  readonly epoch: string
  readonly version: number
  readonly config: GatewayConfig
  readonly endpoints: readonly Endpoint[]
}

/**
 * `POST /v1/gateway/report`: sent when a request is held for a service that sleeps, when a version has been applied by every worker, when a draining endpoint has nothing left in
 * flight, and every few seconds. The control plane stops an instance only when every connected gateway has applied the version
 * that drains its endpoint and has nothing in flight to it (or the drain's time is over).
 */
export interface GatewayReport {
  readonly gateway: string
  readonly pid: number
  readonly epoch: string
  /** The highest version that every worker serves by; -1: no worker serves. */
  readonly applied: number
  readonly workers: number
  /** Requests, upgrades and tunnels under way, by id of draining endpoint. An absent draining endpoint has none. */
  readonly draining: Readonly<Record<string, number>>
  /** Requests and connections that wait for a sleeping service to have an instance, by service. An absent service has none. */
  readonly held?: Readonly<Record<string, number>>
  /** Listeners that could not be opened, by name, with the reason (for example the port is taken). */
  readonly listenerErrors: Readonly<Record<string, string>>
  /** What stops nothing and should be seen to, such as a certificate that has expired; by listener's name. An absent one has none. */
  readonly listenerWarnings?: Readonly<Record<string, readonly string[]>>
  /** Endpoints that some worker has ejected, by id. An absent one is not. */
  readonly ejected?: Readonly<Record<string, EjectedEndpoint>>
  /** Authenticators that something is amiss with, such as a file that is gone, by name. An absent one has nothing. */
  readonly authenticatorWarnings?: Readonly<Record<string, readonly string[]>>
  /** Stores that gateways share and that something is amiss with, by what the manifest calls them. An absent one has nothing. */
  readonly storeWarnings?: Readonly<Record<string, readonly string[]>>
  /** In how many workers a service's circuit breaker is open, by service. In none of an absent one. */
  readonly openCircuits?: Readonly<Record<string, number>>
  /** Workers that have ended without being told to. Absent: none. */
  readonly workerEnds?: WorkerEnds
}

/** Ends of workers since the gateway's primary started. */
export interface WorkerEnds {
  readonly count: number
  /** Up to which number the control plane has been told: it has taken a report with them. */
  readonly told: number
  /** The last one, and before it those that were not told yet, as far as they are kept; oldest first. */
  readonly recent: readonly WorkerEnd[]
}

export interface WorkerEnd {
  /** Counts from 1. */
  readonly number: number
  /** Unix time, ms. */
  readonly at: number
  /** Which of the `workers`, from 1. */
  readonly worker: number
  readonly workers: number
  /** In words, such as `ended by SIGKILL` or `ended with exit code 1`. */
  readonly how: string
  readonly hasServed: boolean
  /** Ends of this worker in a row, each before it had served for a while; 0: it had. */
  readonly inARow: number
  /** How long until it is started again; null: it is not, as the one that it was to replace serves on. */
  readonly pauseMs: number | null
  /** What it ended of, as it wrote; empty: it did not say. */
  readonly error: string
  /** The last lines of its stderr. */
  readonly lines: readonly string[]
}
