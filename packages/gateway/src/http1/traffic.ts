import type { EjectedEndpoint, GatewayLimits } from '@pando/model'
import type { AccessLog } from '../access-log.js'
import { AccessRecord } from '../access-record.js'
import { Encoders } from '../compression/encoders.js'
import { Http2UpstreamConnections } from '../http2/upstream/upstream-connections.js'
import { IdSource } from '../ids.js'
import type { GatewayMetrics } from '../metrics/gateway-metrics.js'
import { defaultRules, type RetryRules } from '../resilience/retry-rules.js'
import type { CompiledTable } from '../route-table/compile.js'
import { Mirrors } from '../mirror/mirrors.js'
import type { Http2Worker } from '../http2/http2-worker.js'
import type { TimerWheel } from '../timer-wheel.js'
import { TurnEnd } from '../turn-end.js'
import type { UpstreamEndpoint } from '../upstream-endpoint.js'
import type { UpstreamService } from '../upstream.js'
import { ascii } from './chars.js'
import { HeadReader, Parsers } from './head-reader.js'
import { Outcomes } from './outcomes.js'
import { Outputs, readBytes } from './outputs.js'
import { Exchanges } from '../exchange/exchanges.js'
import { PendingRequests } from '../exchange/pending-requests.js'
import { ResponseShape } from './response-writer.js'
import type { ServedConnection } from './served-connection.js'
import { Shedding } from './shedding.js'
import { EndpointConnections } from './endpoint-connections.js'
import type { ExchangeUpstreams } from './exchange-upstream.js'
import { wordBuffer } from './words.js'

/** A response's head may be as large as this whatever the limits for requests say. */
const responseLimits = { maxTargetBytes: 0, maxHeadBytes: 64 * 1024, maxHeaders: 256 }

/** Buffers for request heads; larger requests get one of their own. */
const headBytes = 4096
const mostSpareHeads = 256

/**
 * What all connections of one worker share: the table they serve by, the buffers they read into and send from, the clock, the
 * counters. Everything runs on one thread and nothing here is held across a turn of the event loop, but for what its owner says.
 */
export class Traffic {
  table: CompiledTable
  limits: GatewayLimits
  accessLog: AccessLog | null = null
  isClosing = false
  /** It closes, and no other worker serves on. */
  isEnding = false
  readonly metrics: GatewayMetrics
  readonly wheel: TimerWheel
  readonly ids = new IdSource()
  readonly readBuffer = wordBuffer(readBytes)
  readonly turnEnd = new TurnEnd()
  readonly outputs = new Outputs(this.turnEnd)
  readonly record = new AccessRecord()
  readonly shape = new ResponseShape()
  readonly exchanges = new Exchanges(this)
  /** Connections that are being told that they are too many. */
  refusing = 0
  readonly clients = new Set<ServedConnection>()
  /** What HTTP/2 connections share, from the first one on. */
  http2: Http2Worker | null = null
  /** Endpoints that have or had connections, until they have left the table and are idle. */
  readonly endpoints = new Set<UpstreamEndpoint>()
  readonly pending: PendingRequests
  readonly mirrors: Mirrors
  readonly encoders = new Encoders()
  readonly shedding: Shedding
  requestParsers: Parsers
  /** Reads heads for every client that has not sent a part of one. */
  requestHead: HeadReader
  /** For routes that have none of their own. */
  retryRules: RetryRules
  responseParsers = new Parsers(false, responseLimits)
  onDrained: (endpoint: string) => void = () => {}
  /** A request or a tunnel waits for a service that sleeps. */
  onHeld: () => void = () => {}
  /** An endpoint is ejected. */
  onEjected: () => void = () => {}
  /** Something that stops nothing and that an operator should know. */
  onTrouble: (message: string) => void = () => {}
  readonly #heads: Buffer[] = []
  #number = 0
  #dateSecond = 0
  #dateLine: Uint8Array = new Uint8Array(0)

  constructor(table: CompiledTable, wheel: TimerWheel) {
    this.table = table
    this.limits = table.limits
    this.metrics = table.metrics
    this.wheel = wheel
    this.requestParsers = new Parsers(true, table.limits)
    this.requestHead = new HeadReader(this.requestParsers)
    this.pending = new PendingRequests(this)
    this.retryRules = defaultRules(table.limits.maxRetries)
    this.shedding = new Shedding(wheel)
    this.shedding.setLimit(table.table.config.shedAboveMs ?? null)
    this.#observe(table)
    this.mirrors = new Mirrors({
      random: Math.random,
      now: () => wheel.now,
      hold: (endpoint) => {
        this.endpoints.add(endpoint)
        endpoint.acquire()
        return () => this.release(endpoint)
      },
    })
  }

  swap(table: CompiledTable): void {
    const { limits } = table
    const before = this.limits
    this.table = table
    this.limits = limits
    this.retryRules = defaultRules(limits.maxRetries)
    this.shedding.setLimit(table.table.config.shedAboveMs ?? null)
    this.#observe(table)
    if (
      limits.maxHeadBytes !== before.maxHeadBytes ||
      limits.maxHeaders !== before.maxHeaders ||
      limits.maxTargetBytes !== before.maxTargetBytes
    ) {
      this.requestParsers = new Parsers(true, limits)
      this.requestHead.parsers = this.requestParsers
    }
    for (const endpoint of this.endpoints) {
      if (!endpoint.isLeaving) continue
      endpoint.pool?.close()
      if (endpoint.inFlight === 0) this.#drained(endpoint)
    }
    this.pending.wakeAll()
  }

  connectionsOf(endpoint: UpstreamEndpoint, isFramed: boolean): ExchangeUpstreams {
    const { pool } = endpoint
    if (pool instanceof (isFramed ? Http2UpstreamConnections : EndpointConnections)) return pool
    // A new table says that the service speaks another protocol.
    pool?.close()
    const connections = isFramed
      ? new Http2UpstreamConnections(endpoint, this)
      : new EndpointConnections(endpoint, this)
    endpoint.pool = connections
    this.endpoints.add(endpoint)
    return connections
  }

  /** One exchange with the endpoint is over. */
  release(endpoint: UpstreamEndpoint): void {
    if (endpoint.release()) this.#drained(endpoint)
  }

  /** Something that requests of the service wait for may be there now. */
  freed(service: UpstreamService): void {
    if (this.pending.count > 0) this.pending.wake(service)
  }

  /** Makes room for a new connection by the oldest one that has no request under way; false when all are at work. */
  closeIdle(): boolean {
    for (const client of this.clients) {
      if (!client.isIdle) continue
      client.makeRoom()
      return true
    }
    return false
  }

  /** What waits for services that sleep, by name; only those that something waits for. */
  held(): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const service of this.table.services.values()) {
      if (!service.isAsleep) continue
      const count = this.pending.of(service) + service.waitingTunnels
      if (count > 0) counts[service.name] = count
    }
    return counts
  }

  /** Endpoints that get no requests because of what they answered, by id. */
  ejected(): Record<string, EjectedEndpoint> {
    const found: Record<string, EjectedEndpoint> = {}
    for (const { name, endpoints } of this.table.services.values()) {
      for (const { id, ejectedUntil, ejectionError } of endpoints) {
        if (ejectedUntil > this.wheel.now) found[id] = { service: name, error: ejectionError }
      }
    }
    return found
  }

  /** Services that are not asked, as their circuit breakers are open. */
  openCircuits(): string[] {
    const services = [...this.table.services.values()]
    return services.flatMap(({ name, guard }) => (guard?.breaker?.state === 'open' ? [name] : []))
  }

  /** Brings the numbers up to date that are only added up when they are read. */
  countServices(): void {
    for (const service of this.table.services.values()) {
      const { inFlight, waiting, ejected, isOpen } = this.table.serviceMetrics(service)
      inFlight.set(service.inFlight)
      ejected.set(service.ejected(this.wheel.now))
      isOpen.set(service.guard?.breaker?.state === 'open' ? 1 : 0)
      waiting.set(this.pending.of(service) + service.waitingTunnels)
    }
  }

  /** Leaves the reader, with the part of a head that it has, to one client. */
  detachHead(): HeadReader {
    const reader = this.requestHead
    this.requestHead = new HeadReader(this.requestParsers)
    return reader
  }

  /** A number that nobody else has who is still there: not 0, and small enough to cost no allocation. */
  nextNumber(): number {
    this.#number = (this.#number % 2 ** 30) + 1
    return this.#number
  }

  takeHead(): Buffer {
    return this.#heads.pop() ?? wordBuffer(headBytes)
  }

  giveHead(buffer: Buffer): void {
    if (buffer.length === headBytes && this.#heads.length < mostSpareHeads) this.#heads.push(buffer)
  }

  /** `Date: …`, made once a second. */
  dateLine(): Uint8Array {
    const now = Date.now()
    const second = Math.floor(now / 1000)
    if (second !== this.#dateSecond) {
      this.#dateSecond = second
      this.#dateLine = ascii(`Date: ${new Date(now).toUTCString()}\r\n`)
    }
    return this.#dateLine
  }

  #observe(table: CompiledTable): void {
    for (const service of table.services.values()) service.observer ??= new Outcomes(service, this)
  }

  #drained(endpoint: UpstreamEndpoint): void {
    if (endpoint.hasLeft) this.endpoints.delete(endpoint)
    this.onDrained(endpoint.id)
  }
}
