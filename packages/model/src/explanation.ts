import type { EventKind } from './api.js'

/** One thing that happened. */
export interface Moment {
  /** Unix time, ms. */
  readonly at: number
  /** An event's kind, or a deployment whose events are no longer kept. */
  readonly kind: EventKind | 'deployment'
  readonly service: string | null
  readonly instance: string | null
  readonly text: string
  /** The last lines that the instance wrote before it ended, or the build before it failed; oldest first, at most 10. */
  readonly lines: readonly string[]
}

/** A service that another one waits for, and how it fares. */
export interface Cause {
  readonly service: string
  /** One sentence. */
  readonly text: string
}

/** Why a service is as it is. */
export interface ServiceExplanation {
  readonly service: string
  /** What is, and what it comes from, in a few sentences. */
  readonly verdict: string
  /** Since when it is so, Unix time, ms; null when the events that are kept do not say. */
  readonly since: number | null
  /** What to do; empty when there is nothing to do. */
  readonly next: string
  /** From the one that it waits for itself to the last that can be seen to hold everything back. */
  readonly causes: readonly Cause[]
  /** Oldest first. */
  readonly timeline: readonly Moment[]
}

/** What the gateway's access log says of one request. */
export interface LoggedRequest {
  readonly id: string
  /** When it was over, Unix time, ms. */
  readonly at: number
  readonly method: string
  readonly host: string
  readonly path: string
  /** 0: no answer was sent. Of a call of gRPC, what its own status stands for. */
  readonly status: number
  /** Such as `UNAVAILABLE`; empty for what is no call of gRPC, or ended without a status. */
  readonly grpcStatus: string
  readonly durationMs: number
  /** Empty when none matched. */
  readonly route: string
  readonly service: string
  /** The endpoint that answered, or the last that was asked; empty when none was. */
  readonly endpoint: string
  /** What that endpoint ran; empty when none was asked, or when it had registered itself. */
  readonly revision: string
  /** Why the gateway answered by itself; empty when the service did. */
  readonly reason: string
  /** The answer broke off after its head had gone out. */
  readonly isCut: boolean
  /** How often it was sent again. */
  readonly retries: number
}

/** Why a request was answered as it was. */
export interface RequestExplanation {
  readonly request: LoggedRequest
  /** Of the endpoint; null when none was asked. */
  readonly revision: string | null
  readonly verdict: string
  /** What to do; empty when there is nothing to do. */
  readonly next: string
  /** What its service went through from some seconds before to some seconds after. Oldest first. */
  readonly timeline: readonly Moment[]
}
