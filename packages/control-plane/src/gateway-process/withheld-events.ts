import type { GatewayReport } from '@pando/model'

/** What is new about ejected endpoints and open circuit breakers in a report of the gateway, for the event log. */
export interface WithheldEvent {
  readonly kind: 'endpoint.ejected' | 'endpoint.readmitted' | 'circuit.opened' | 'circuit.closed'
  readonly service: string
  readonly instance?: string
  readonly message: string
}

/** `before` is null where nothing was reported before, as after the start of a gateway or of the control plane. */
export function withheldEvents(before: GatewayReport | null, report: GatewayReport): WithheldEvent[] {
  const known = before?.ejected ?? {}
  const present = report.ejected ?? {}
  const events: WithheldEvent[] = []
  for (const [instance, { service, error }] of Object.entries(present)) {
    if (known[instance] !== undefined) continue
    const message = `the gateway sends ${instance} no requests for a while: too many errors in a row, the last one ${error}`
    events.push({ kind: 'endpoint.ejected', service, instance, message })
  }
  for (const [instance, { service }] of Object.entries(known)) {
    if (present[instance] !== undefined) continue
    events.push({ kind: 'endpoint.readmitted', service, instance, message: `${instance} gets requests again` })
  }
  return [...events, ...circuitEvents(before?.openCircuits ?? {}, report.openCircuits ?? {})]
}

/** One a service, whichever of the workers it is. */
function circuitEvents(
  known: Readonly<Record<string, number>>,
  present: Readonly<Record<string, number>>,
): WithheldEvent[] {
  const opened = Object.keys(present).filter((service) => known[service] === undefined)
  const closed = Object.keys(known).filter((service) => present[service] === undefined)
  return [
    ...opened.map((service): WithheldEvent => {
      const message = `the circuit breaker of ${service} has opened: the gateway answers for it with 503 until it does better`
      return { kind: 'circuit.opened', service, message }
    }),
    ...closed.map((service): WithheldEvent => {
      return { kind: 'circuit.closed', service, message: `the gateway sends requests to ${service} again` }
    }),
  ]
}
