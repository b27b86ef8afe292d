/** What the gateway says of one service. */
export interface ServiceFigures {
  /** Under way and waiting, tunnels included. */
  readonly inFlight: number
  /** Requests that have ended since the gateway's start. */
  readonly requests: number
}

const line = /^pando_gateway_(requests_total|service_in_flight|service_waiting)\{([^}]*)\} (\S+)$/
const label = /(?:^|,)service="([^"]*)"/

/** By service, out of the gateway's metrics in Prometheus' text format. Names need no escapes. */
export function readServiceFigures(text: string): Map<string, ServiceFigures> {
  const found = new Map<string, { inFlight: number; requests: number }>()
  for (const each of text.split('\n')) {
    const [, what, labels, number] = line.exec(each) ?? []
    const service = labels === undefined ? undefined : label.exec(labels)?.[1]
    if (service === undefined || service === '') continue
    const entry = found.get(service) ?? { inFlight: 0, requests: 0 }
    found.set(service, entry)
    if (what === 'requests_total') entry.requests += Number(number)
    else entry.inFlight += Number(number)
  }
  return found
}
