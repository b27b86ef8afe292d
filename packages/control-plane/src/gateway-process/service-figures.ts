import { samplesOf } from './samples.js'

/** What the gateway says of one service. */
export interface ServiceFigures {
  /** Under way and waiting, tunnels included. */
  readonly inFlight: number
  /** Requests that have ended since the gateway's start. */
  readonly requests: number
}

const requests = 'pando_gateway_requests_total'
const asked: ReadonlySet<string> = new Set([
  requests,
  'pando_gateway_service_in_flight',
  'pando_gateway_service_waiting',
])

/** By service, out of the gateway's metrics. */
export function readServiceFigures(text: string): Map<string, ServiceFigures> {
  const found = new Map<string, { inFlight: number; requests: number }>()
  for (const { name, labels, value } of samplesOf(text, (one) => asked.has(one))) {
    const service = labels.get('service') ?? ''
    if (service === '') continue
    const entry = found.get(service) ?? { inFlight: 0, requests: 0 }
    found.set(service, entry)
    if (name === requests) entry.requests += value
    else entry.inFlight += value
  }
  return found
}
