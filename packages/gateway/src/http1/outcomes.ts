import type { UpstreamEndpoint } from '../upstream-endpoint.js'
import type { Outcome, OutcomeObserver, UpstreamService } from '../upstream.js'
import type { Traffic } from './traffic.js'

/** Ejects the endpoints of one service by what becomes of requests, and tells of it. */
export class Outcomes implements OutcomeObserver {
  readonly #service: UpstreamService
  readonly #traffic: Traffic

  constructor(service: UpstreamService, traffic: Traffic) {
    this.#service = service
    this.#traffic = traffic
  }

  onOutcome(endpoint: UpstreamEndpoint, outcome: Outcome, _durationMs: number, now: number): void {
    const service = this.#service
    const ms = service.noteOutcome(endpoint, outcome, now)
    if (ms === 0) return
    const traffic = this.#traffic
    endpoint.ejectionError = describe(outcome)
    traffic.table.serviceMetrics(service).ejections.inc()
    endpoint.counts?.noteEjection()
    traffic.onEjected()
    traffic.onTrouble(
      `endpoint ${endpoint.id} (${endpoint.address}) of ${service.name} gets no requests for ${Math.round(ms / 1000)} s: ` +
        `too many errors in a row, the last one ${endpoint.ejectionError}`,
    )
  }
}

function describe(outcome: Outcome): string {
  if (typeof outcome === 'object') return `a call that ended with ${outcome.name}`
  switch (outcome) {
    case 'connect_failed':
      return 'a connection that could not be opened'
    case 'connect_timeout':
      return 'a connection that did not open in time'
    case 'timeout':
      return 'an answer that did not come in time'
    case 'closed':
      return 'a connection that broke before its answer was whole'
    case 'invalid':
      return 'an answer that is not HTTP'
    default:
      return `a status of ${outcome}`
  }
}
