import type { Address, EndpointState } from '@pando/model'
import type { RevisionMetrics } from './metrics/gateway-metrics.js'

const firstPauseMs = 1_000
const longestPauseMs = 30_000

/** What hangs on an endpoint and must end with it: its idle connections. The data plane brings its own. */
export interface EndpointPool {
  /** Connections that are open or being opened. */
  readonly open?: number
  close(): void
}

/** What all endpoints of a service may have of connections together. */
export interface ConnectionLimit {
  readonly isReached: boolean
}

/**
 * One address that requests may go to, as one worker knows it. The object outlives table swaps as long as id and address stay the
 * same, so that its connections, its in-flight count and what was learnt of its failures do too.
 *
 * Who writes what: the table's compiler writes `state`, `weight`, `zone` and `hasLeft`; the data plane writes the rest, through the methods.
 */
export class UpstreamEndpoint {
  readonly id: string
  readonly host: string
  readonly port: number
  /** `host:port` as the log shows it, IPv6 in brackets. */
  readonly address: string
  state: EndpointState
  /** Share of traffic; 0 takes none. */
  weight: number
  /** True when it is in no table any more, while something is still in flight to it. */
  hasLeft = false
  /** Requests, upgrades and tunnels under way. */
  inFlight = 0
  /** Failed connects in a row. */
  failures = 0
  /** Milliseconds on the caller's clock; before it, new requests go elsewhere where there is an elsewhere. */
  suspectUntil = 0
  lastFailureAt = 0
  /** Errors in a row that it answered with, or failed by; see `resilience/ejection.ts`. */
  errors = 0
  ejections = 0
  /** It is ejected: it gets no new requests before, unless too many are. 0 when it never was. */
  ejectedUntil = 0
  /** The last error before it was ejected, in a few words. */
  ejectionError = ''
  /** Since when requests are shared out to it; -1 while they are not. */
  healthySince = -1
  /** Where it is, as its metadata says; empty when it does not. */
  zone = ''
  /** What it runs; empty for one that registered itself. */
  revision = ''
  /** Running score of smooth weighted round robin. */
  score = 0
  pool: EndpointPool | null = null
  /** Set by its service; null where each endpoint has a limit of its own only. */
  connectionLimit: ConnectionLimit | null = null
  /** Where its exchanges are counted; the table's compiler sets it. */
  counts: RevisionMetrics | null = null

  constructor(id: string, address: Address, state: EndpointState, weight: number) {
    this.id = id
    this.host = address.host
    this.port = address.port
    this.address = address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
    this.state = state
    this.weight = weight
  }

  /** True when new requests may go to it at all. */
  get isEligible(): boolean {
    return this.state === 'healthy' && this.weight > 0 && !this.hasLeft
  }

  /** True when it finishes what it has and gets nothing new. */
  get isLeaving(): boolean {
    return this.hasLeft || this.state === 'draining'
  }

  acquire(): void {
    this.inFlight++
  }

  /** Counts one exchange as over; true when that was the last one of an endpoint that leaves. */
  release(): boolean {
    this.inFlight--
    return this.inFlight === 0 && this.isLeaving
  }

  /** A connect failed: it is a suspect for a second, doubled at every further failure in a row up to 30 s. */
  noteConnectFailure(now: number): void {
    this.failures++
    this.lastFailureAt = now
    this.suspectUntil = now + Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(this.failures - 1, 5))
  }

  noteSuccess(): void {
    this.failures = 0
    this.suspectUntil = 0
  }
}
