import type { MetricsSnapshot } from '../data-plane.js'
import type { GrpcStatus } from '../grpc/grpc-status.js'
import { reasons, type Reason } from '../problem.js'
import { type Counter, type Gauge, type Histogram, MetricsRegistry } from './registry.js'

/** Seconds: from a cache's answer to a long report. */
const durationBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** What is counted of the exchanges of one route with one service; `service` is empty when the gateway itself answers. */
export class ExchangeMetrics {
  readonly duration: Histogram
  readonly requestBytes: Counter
  readonly responseBytes: Counter
  /** By the status' first digit; index 0 is for what ended without a status (the client went away). */
  readonly #byClass: readonly Counter[]
  /** By the status' code; made when it first occurs, as most routes carry no calls. */
  readonly #calls: (Counter | undefined)[] = []
  readonly #callOf: (status: GrpcStatus) => Counter

  constructor(families: GatewayMetrics, route: string, service: string) {
    this.#callOf = ({ name }) => families.calls.with(route, service, name)
    this.duration = families.durations.with(route, service)
    this.requestBytes = families.requestBytes.with(route, service)
    this.responseBytes = families.responseBytes.with(route, service)
    this.#byClass = ['none', '1xx', '2xx', '3xx', '4xx', '5xx'].map((name) =>
      families.requests.with(route, service, name),
    )
  }

  /** One exchange is over. `status` 0: no response was sent. Bytes are those of the bodies. */
  record(status: number, durationSeconds: number, requestBytes: number, responseBytes: number): void {
    this.#byClass[status === 0 ? 0 : Math.min(5, (status / 100) | 0)].value++
    this.duration.record(durationSeconds)
    this.requestBytes.value += requestBytes
    this.responseBytes.value += responseBytes
  }

  /** One call of gRPC is over. */
  recordCall(status: GrpcStatus): void {
    const counter = (this.#calls[status.code] ??= this.#callOf(status))
    counter.value++
  }
}

/** What is counted of one service, whichever route leads there. */
export interface ServiceMetrics {
  readonly retries: Counter
  readonly connects: Counter
  readonly connectFailures: Counter
  readonly retriesRefused: Counter
  readonly ejections: Counter
  readonly hedges: Counter
  readonly hedgesWon: Counter
  /** Set when they are read. */
  readonly ejected: Gauge
  /** 1 while the circuit breaker is open. */
  readonly isOpen: Gauge
  /** Set when they are read. */
  readonly inFlight: Gauge
  readonly waiting: Gauge
}

/** How often a route's cache could answer. */
export interface CacheMetrics {
  readonly hits: Counter
  readonly misses: Counter
  /** The service was asked whether a kept answer still holds, and it did. */
  readonly validated: Counter
}

/** What became of the copies of one route's requests. */
export interface MirrorMetrics {
  /** It was answered. */
  readonly sent: Counter
  /** It could not be sent, or was not answered. */
  readonly failed: Counter
  readonly tooLarge: Counter
  /** Too many were under way. */
  readonly leftOut: Counter
}

/** What is counted of one revision of a service, so that two can be compared: exchanges that reached one of its endpoints. */
export class RevisionMetrics {
  readonly #duration: Histogram
  readonly #errors: Counter

  readonly #ejections: Counter

  constructor(duration: Histogram, errors: Counter, ejections: Counter) {
    this.#ejections = ejections
    this.#duration = duration
    this.#errors = errors
  }

  record(status: number, durationSeconds: number): void {
    this.#duration.record(durationSeconds)
    if (status >= 500) this.#errors.value++
  }

  /** One of its endpoints is left alone for a while. */
  noteEjection(): void {
    this.#ejections.value++
  }
}

/** Every metric of the gateway, once. */
export class GatewayMetrics {
  readonly #registry = new MetricsRegistry()

  readonly requests = this.#registry.counter('pando_gateway_requests_total', 'Requests that have ended.', [
    'route',
    'service',
    'code_class',
  ])
  readonly calls = this.#registry.counter(
    'pando_gateway_grpc_calls_total',
    'Calls of gRPC that have ended with a status.',
    ['route', 'service', 'grpc_status'],
  )
  readonly durations = this.#registry.histogram(
    'pando_gateway_request_duration_seconds',
    'From the first byte of the request to the last of the response.',
    durationBounds,
    ['route', 'service'],
  )
  readonly requestBytes = this.#registry.counter('pando_gateway_request_body_bytes_total', 'Bytes of request bodies.', [
    'route',
    'service',
  ])
  readonly responseBytes = this.#registry.counter(
    'pando_gateway_response_body_bytes_total',
    'Bytes of response bodies.',
    ['route', 'service'],
  )

  readonly #revisionDurations = this.#registry.histogram(
    'pando_gateway_revision_request_duration_seconds',
    'Durations of tries by the revision that was asked; one that failed by its connection counts with the next.',
    durationBounds,
    ['service', 'revision'],
  )
  readonly #revisionErrors = this.#registry.counter(
    'pando_gateway_revision_errors_total',
    'Tries answered with 500 or above, by the revision that was asked.',
    ['service', 'revision'],
  )

  readonly #revisionEjections = this.#registry.counter(
    'pando_gateway_revision_ejections_total',
    'Times that an endpoint of the revision was left alone for a while because of its errors, in some worker.',
    ['service', 'revision'],
  )

  /** Client connections that are open. */
  readonly connections: Gauge = this.#registry
    .gauge('pando_gateway_connections', 'Client connections that are open.')
    .with()
  readonly connectionsTotal: Counter = this.#registry
    .counter('pando_gateway_connections_total', 'Client connections accepted.')
    .with()
  readonly inFlight: Gauge = this.#registry.gauge('pando_gateway_requests_in_flight', 'Requests under way.').with()
  readonly tunnels: Gauge = this.#registry
    .gauge('pando_gateway_tunnels', 'Upgraded connections and TCP tunnels that are open.')
    .with()
  readonly pending: Gauge = this.#registry
    .gauge('pando_gateway_requests_pending', 'Requests that wait for a connection or an endpoint.')
    .with()
  readonly cut: Counter = this.#registry
    .counter(
      'pando_gateway_answers_cut_total',
      'Answers broken off after their head had gone out: the rest did not come.',
    )
    .with()
  readonly handshakesFailed: Counter = this.#registry
    .counter('pando_gateway_tls_handshakes_failed_total', 'Connections that ended before they were encrypted.')
    .with()
  readonly accessLogDropped: Counter = this.#registry
    .counter('pando_gateway_access_log_dropped_total', 'Access log lines left out because the disk could not keep up.')
    .with()

  /** By the key's id. */
  readonly apiKeyRequests = this.#registry.counter(
    'pando_gateway_api_key_requests_total',
    'Requests with an API key that is known, by its id.',
    ['id'],
  )

  readonly rateLimitStoreFailures: Counter = this.#registry
    .counter(
      'pando_gateway_rate_limit_store_failures_total',
      'Requests whose shared limits were not counted, as the store did not answer.',
    )
    .with()

  readonly http2Errors = this.#registry.counter(
    'pando_gateway_http2_errors_total',
    'Connections of HTTP/2 that were ended because of what the client sent or did not send.',
    ['code'],
  )
  readonly #refused = this.#registry.counter(
    'pando_gateway_refused_requests_total',
    'Requests that the gateway answered with an error of its own, by reason.',
    ['reason'],
  )
  readonly #retries = this.#registry.counter(
    'pando_gateway_retries_total',
    'Requests sent again after a try of them had failed.',
    ['service'],
  )
  readonly #connects = this.#registry.counter(
    'pando_gateway_upstream_connects_total',
    'Connections opened to endpoints.',
    ['service'],
  )
  readonly #connectFailures = this.#registry.counter(
    'pando_gateway_upstream_connect_failures_total',
    'Connections to endpoints that could not be opened.',
    ['service'],
  )

  readonly #serviceInFlight = this.#registry.gauge(
    'pando_gateway_service_in_flight',
    'Requests, upgrades and tunnels under way, by service.',
    ['service'],
  )
  readonly #serviceWaiting = this.#registry.gauge(
    'pando_gateway_service_waiting',
    'Requests and tunnels that wait for a connection or an endpoint, by service.',
    ['service'],
  )

  readonly #retriesRefused = this.#registry.counter(
    'pando_gateway_retries_refused_total',
    'Requests that could have been sent again and were not, as the retry budget or the circuit breaker was used up.',
    ['service'],
  )
  readonly #ejections = this.#registry.counter(
    'pando_gateway_ejections_total',
    'Times that an endpoint was left alone for a while because of its errors, in some worker.',
    ['service'],
  )
  readonly #hedges = this.#registry.counter('pando_gateway_hedges_total', 'Second tries of slow reads.', ['service'])
  readonly #hedgesWon = this.#registry.counter(
    'pando_gateway_hedges_won_total',
    'Second tries that answered before the first.',
    ['service'],
  )
  readonly #ejected = this.#registry.gauge(
    'pando_gateway_endpoints_ejected',
    'Endpoints that are left alone because of their errors, summed over the workers.',
    ['service'],
  )
  readonly #isOpen = this.#registry.gauge(
    'pando_gateway_circuit_open',
    'Workers whose circuit breaker of the service is open.',
    ['service'],
  )

  /** By reason, resolved once. */
  readonly refused = Object.fromEntries(
    Object.keys(reasons).map((reason) => [reason, this.#refused.with(reason)]),
  ) as Readonly<Record<Reason, Counter>>

  readonly #mirrored = this.#registry.counter(
    'pando_gateway_mirrored_requests_total',
    'Copies of requests, by route, by the service that they went to, and by what became of them.',
    ['route', 'service', 'outcome'],
  )

  readonly #cached = this.#registry.counter(
    'pando_gateway_cache_requests_total',
    'Requests that a cache looked at, by route and by what it found.',
    ['route', 'outcome'],
  )

  cache(route: string): CacheMetrics {
    const outcome = (name: string): Counter => this.#cached.with(route, name)
    return { hits: outcome('hit'), misses: outcome('miss'), validated: outcome('validated') }
  }

  mirror(route: string, service: string): MirrorMetrics {
    const outcome = (name: string): Counter => this.#mirrored.with(route, service, name)
    return {
      sent: outcome('sent'),
      failed: outcome('failed'),
      tooLarge: outcome('too_large'),
      leftOut: outcome('left_out'),
    }
  }

  exchange(route: string, service: string): ExchangeMetrics {
    return new ExchangeMetrics(this, route, service)
  }

  revision(service: string, revision: string): RevisionMetrics {
    return new RevisionMetrics(
      this.#revisionDurations.with(service, revision),
      this.#revisionErrors.with(service, revision),
      this.#revisionEjections.with(service, revision),
    )
  }

  service(name: string): ServiceMetrics {
    return {
      retries: this.#retries.with(name),
      connects: this.#connects.with(name),
      connectFailures: this.#connectFailures.with(name),
      retriesRefused: this.#retriesRefused.with(name),
      ejections: this.#ejections.with(name),
      hedges: this.#hedges.with(name),
      hedgesWon: this.#hedgesWon.with(name),
      ejected: this.#ejected.with(name),
      isOpen: this.#isOpen.with(name),
      inFlight: this.#serviceInFlight.with(name),
      waiting: this.#serviceWaiting.with(name),
    }
  }

  snapshot(): MetricsSnapshot {
    return this.#registry.snapshot()
  }
}
