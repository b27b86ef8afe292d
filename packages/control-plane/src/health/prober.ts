import type { Address, HealthProbe } from '@pando/model'

/** Asks once whether an instance is well. Never rejects: what went wrong is the answer. */
export interface Prober {
  probe(target: ProbeTarget, probe: HealthProbe, timeoutMs: number): Promise<ProbeResult>
}

export interface ProbeTarget {
  readonly id: string
  readonly address: Address | null
}

export interface ProbeResult {
  readonly ok: boolean
  /** One phrase for people: `GET /healthz answered 503`, `connection refused`. */
  readonly detail: string
}
