import type { OwnAnswer } from '../http1/own-answer.js'

/** Of a request that has waited for as long as it may, without having been sent. */
export interface Waited {
  readonly service: string
  /** Where the last try to connect went, and what became of it; empty when there was none. */
  readonly failure: string
  readonly hadConnectTimeout: boolean
  /** The service has healthy endpoints. */
  readonly hasEligible: boolean
  /** The service slept when the request came. */
  readonly wasHeld: boolean
  readonly patienceMs: number
}

/** Says why it was not sent, and that it may come again. */
export function unreached(waited: Waited): OwnAnswer {
  const { service, failure, hadConnectTimeout } = waited
  const answer = { kind: 'problem', retryAfterSeconds: 1 } as const
  if (failure !== '') {
    const detail = `No connection to ${service} could be opened; the last try: ${failure}.`
    return hadConnectTimeout
      ? { ...answer, reason: 'upstream_timeout', detail }
      : { ...answer, reason: 'connect_failed', detail }
  }
  if (waited.hasEligible) {
    const detail = `All connections to ${service} stayed in use for ${waited.patienceMs} ms.`
    return { ...answer, reason: 'overloaded', detail }
  }
  if (waited.wasHeld) {
    const detail = `${service} slept, and no instance of it became healthy while the request was held.`
    return { ...answer, reason: 'activation_timeout', detail }
  }
  return { ...answer, reason: 'no_healthy_endpoint', detail: `${service} has no healthy endpoint.` }
}
