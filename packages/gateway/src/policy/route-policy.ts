import type { OwnAnswer } from '../http1/own-answer.js'
import type { ListenerInfo } from '../http1/exchange-client.js'
import type { ResponseTap } from '../http1/response-tap.js'
import type { CompiledEdit } from '../route-table/header-edit.js'

/** Who a request comes from, as an authentication policy found out. */
export interface Identity {
  /** What found out: `jwt`, `api_key`, `basic`, `external`, `login`, `certificate`. */
  readonly kind: string
  /** Unique within its kind. */
  readonly subject: string
  readonly claims?: Readonly<Record<string, unknown>>
}

/** A request as policies see it; valid until its verdict is given, also behind an `await`. */
export interface PolicyRequest {
  /** Upper case, as sent. */
  readonly method: string
  /** Without port, in lower case; empty when the request has none. */
  readonly host: string
  /** In its normal form, still percent-encoded: what routes match and services see. */
  readonly path: string
  /** Raw, without `?`. */
  readonly query: string
  readonly listener: ListenerInfo
  /** The peer's; a policy of phase `address` may set it to the client that trusted proxies name. */
  clientAddress: string
  /** Set in phase `authenticate`. */
  identity: Identity | null
  /** Sees the service's answer; set in phase `copy`, closed whatever becomes of the request. */
  tap: ResponseTap | null
  /** The header's value, several lines joined by `, `; null when there is none. The name is in lower case. */
  header(name: string): string | null
  /** In how many lines it comes. */
  headerCount(name: string): number
  /** Every line of the request's head in its order, names in lower case. */
  headers(): readonly (readonly [name: string, value: string])[]
}

/** What becomes of a request. `request` and `response` edit the head on its way up and the answer's on its way down, the gateway's own answers included. */
export type Verdict =
  /** It passes as it is. */
  | null
  | { readonly request?: CompiledEdit; readonly response?: CompiledEdit; readonly answer?: undefined }
  /** It goes no further. */
  | { readonly answer: OwnAnswer; readonly response?: CompiledEdit }

/** The order in which the policies of a route are asked. */
export const phases = ['address', 'cors', 'fault', 'authenticate', 'authorize', 'limit', 'external', 'copy'] as const
export type Phase = (typeof phases)[number]

/**
 * One condition that a route puts on its requests, asked before an endpoint is picked. A policy that throws, or whose promise is rejected,
 * denies: the gateway answers 503 with reason `policy_failed`. It bounds its own waiting; a request's own timeouts count meanwhile too.
 */
export interface RoutePolicy {
  /** As logs and errors name it. */
  readonly name: string
  readonly phase: Phase
  check(request: PolicyRequest): Verdict | Promise<Verdict>
}
