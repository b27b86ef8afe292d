import type { OwnAnswer } from '../http1/own-answer.js'
import type { CompiledEdit } from '../route-table/header-edit.js'
import type { PolicyRequest, RoutePolicy, Verdict } from './route-policy.js'

/** What the policies of a route have made of one request. */
export interface Admission {
  readonly request: CompiledEdit | null
  readonly response: CompiledEdit | null
  /** The gateway answers with it; null: the request goes on. */
  readonly answer: OwnAnswer | null
}

const admitted: Admission = { request: null, response: null, answer: null }

/**
 * Asks one policy after the other until one answers. It is done at once unless a policy waits for something. A policy that fails denies;
 * `onFailure` is told of it with its cause.
 */
export function askPolicies(
  policies: readonly RoutePolicy[],
  request: PolicyRequest,
  onFailure: (policy: RoutePolicy, cause: unknown) => void,
): Admission | Promise<Admission> {
  return askFrom(0, admitted, policies, request, onFailure)
}

function askFrom(
  first: number,
  before: Admission,
  policies: readonly RoutePolicy[],
  request: PolicyRequest,
  onFailure: (policy: RoutePolicy, cause: unknown) => void,
): Admission | Promise<Admission> {
  let admission = before
  for (let index = first; index < policies.length; index++) {
    const policy = policies[index]
    let verdict: Verdict | Promise<Verdict>
    try {
      verdict = policy.check(request)
    } catch (error) {
      onFailure(policy, error)
      return denied(admission, policy)
    }
    if (verdict instanceof Promise) {
      return verdict.then(
        (settled) => {
          const next = add(admission, settled)
          return next.answer === null ? askFrom(index + 1, next, policies, request, onFailure) : next
        },
        (error: unknown) => {
          onFailure(policy, error)
          return denied(admission, policy)
        },
      )
    }
    admission = add(admission, verdict)
    if (admission.answer !== null) return admission
  }
  return admission
}

function add(admission: Admission, verdict: Verdict): Admission {
  if (verdict === null) return admission
  const response = follow(admission.response, verdict.response)
  if (verdict.answer !== undefined) return { ...admission, response, answer: verdict.answer }
  return { request: follow(admission.request, verdict.request), response, answer: null }
}

/** Policies give the same few edits over and over. */
function follow(first: CompiledEdit | null, second: CompiledEdit | undefined): CompiledEdit | null {
  if (second === undefined) return first
  return first === null ? second : first.followedBy(second)
}

function denied(admission: Admission, policy: RoutePolicy): Admission {
  const detail = `The route's policy "${policy.name}" could not be evaluated.`
  return { ...admission, answer: { kind: 'problem', reason: 'policy_failed', detail, retryAfterSeconds: 1 } }
}
