/** What the registry says of one address. Only `healthy` ones take new requests; `draining` ones finish what they have. */
export type EndpointState = 'starting' | 'healthy' | 'unhealthy' | 'draining'

export interface Address {
  readonly host: string
  readonly port: number
}

/** The address of a serving instance. `id` is the instance's id, or the registrant's choice for one Pando did not start. */
export interface Endpoint {
  readonly id: string
  readonly service: string
  readonly address: Address
  readonly state: EndpointState
  /** Null for an endpoint that registered itself without one. */
  readonly revision: string | null
  /** Share of traffic, 0 to 1000; 100 by default. */
  readonly weight: number
  readonly metadata: Readonly<Record<string, string>>
  /** `pando`: an instance of ours. `self`: it registered itself and lives as long as its lease. */
  readonly source: 'pando' | 'self'
}
