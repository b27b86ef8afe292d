import type { GatewayReport } from '@pando/model'

/** What is new about ejected endpoints in a report of the gateway, for the event log. */
export interface EjectionEvent {
  readonly kind: 'endpoint.ejected' | 'endpoint.readmitted'
  readonly service: string
  readonly instance: string
  readonly message: string
}

/** `before` is null where nothing was reported before, as after the start of a gateway or of the control plane. */
export function ejectionEvents(before: GatewayReport | null, report: GatewayReport): EjectionEvent[] {
  const known = before?.ejected ?? {}
  const present = report.ejected ?? {}
  const events: EjectionEvent[] = []
  for (const [instance, { service, error }] of Object.entries(present)) {
    if (known[instance] !== undefined) continue
    const message = `the gateway sends ${instance} no requests for a while: too many errors in a row, the last one ${error}`
    events.push({ kind: 'endpoint.ejected', service, instance, message })
  }
  for (const [instance, { service }] of Object.entries(known)) {
    if (present[instance] !== undefined) continue
    events.push({ kind: 'endpoint.readmitted', service, instance, message: `${instance} gets requests again` })
  }
  return events
}
