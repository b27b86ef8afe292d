import type { RequestExplanation, ServiceExplanation } from '@pando/model'

export interface WhyQuery {
  /** Only what happened from then on is in the timeline; Unix time, ms; null: all that is kept. */
  readonly since: number | null
  /** At most so many moments, the newest. */
  readonly limit: number
}

/** What the control API asks about causes. */
export interface WhyControl {
  /** Rejects with `not_found` for a service that is not known. */
  whyService(service: string, query: WhyQuery): Promise<ServiceExplanation>
  /** Rejects with `not_found` for a request that is not in the access log. */
  whyRequest(id: string): Promise<RequestExplanation>
}
