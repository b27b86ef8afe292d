// Not the global, which is a getter.
import { performance } from 'node:perf_hooks'
import type { Head } from '../http1/head.js'
import { type OwnAnswer, statusOf } from '../http1/own-answer.js'
import type { Reason } from '../problem.js'
import { isFailure } from '../resilience/ejection.js'
import type { Exchange } from './exchange.js'
import { ExchangeLog } from './exchange-log.js'

/** How an exchange went, and who is told of it at its end: the metrics and the access log. */
export class ExchangeAccount {
  /** The answer's, as it counts; 0 before there is one. */
  status = 0
  /** Why the gateway answered by itself. */
  reason: Reason | '' = ''
  /** The client got a part of an answer. */
  isCut = false
  readonly #exchange: Exchange
  #startedAt = 0
  /** Made when there is an access log for the first time. */
  #log: ExchangeLog | null = null
  /** There was an access log when the request came. */
  #isLogged = false

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  /** A new request. */
  begin(parser: Head): void {
    const { accessLog, metrics } = this.#exchange.traffic
    this.status = 0
    this.reason = ''
    this.isCut = false
    this.#startedAt = performance.now()
    metrics.inFlight.inc()
    this.#isLogged = accessLog !== null
    if (!this.#isLogged) return
    this.#log ??= new ExchangeLog()
    this.#log.keep(parser)
  }

  /** It is asked every second, and says nothing of anybody's traffic. */
  leaveOutOfLog(): void {
    this.#isLogged = false
  }

  elapsedMs(): number {
    return performance.now() - this.#startedAt
  }

  /** The gateway answers by itself. */
  noteAnswer(answer: OwnAnswer): void {
    this.status = statusOf(answer)
    if (answer.kind !== 'problem') return
    this.reason = answer.reason
    this.#exchange.traffic.metrics.refused[answer.reason].inc()
  }

  noteCut(): void {
    this.isCut = true
    this.#exchange.traffic.metrics.cut.inc()
  }

  /** Whether the service has failed the request; null when nothing was found out about it. */
  hasFailed(): boolean | null {
    if (this.isCut) return true
    if (this.#exchange.attempt.endpoint === null || this.status === 0) return null
    return isFailure(this.status, 'gateway')
  }

  /** The exchange is over. */
  close(): void {
    const { attempt, call, requestBody, responseBody, routing, traffic } = this.#exchange
    const { route, service } = routing
    const durationMs = this.elapsedMs()
    traffic.metrics.inFlight.dec()
    if (route !== null) {
      const metrics = service === null ? route.metrics : route.metricsFor(service)
      metrics.record(this.status, durationMs / 1000, requestBody.passed, responseBody.passed)
      if (call.status !== null) metrics.recordCall(call.status)
    }
    // Numbers that the gateway itself is to blame for are its own: only what asked an endpoint says something of one.
    attempt.endpoint?.counts?.record(this.status, durationMs / 1000)
    if (this.#isLogged) this.#writeLog(durationMs)
  }

  #writeLog(durationMs: number): void {
    const { attempt, call, client, outgoing, requestBody, responseBody, routing, traffic, tries } = this.#exchange
    const { record, accessLog } = traffic
    record.client = routing.admission?.request.clientAddress ?? client.remoteAddress
    record.status = this.status
    record.grpcStatus = call.status?.name ?? ''
    record.requestBytes = requestBody.passed
    record.responseBytes = responseBody.passed
    record.durationMs = durationMs
    record.reason = this.reason
    record.isCut = this.isCut
    record.retries = tries.retries
    record.requestId = outgoing.bytes
    record.requestIdStart = outgoing.requestIdStart
    record.requestIdEnd = outgoing.requestIdEnd
    this.#log?.fill(record, routing.route, routing.service, attempt.endpoint)
    accessLog?.append(record)
  }
}
