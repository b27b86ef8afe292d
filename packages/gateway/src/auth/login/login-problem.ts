import type { ProblemAnswer } from '../../http1/own-answer.js'
import type { PolicyRequest } from '../../policy/route-policy.js'
import { prefersHtml } from './prefers-html.js'

/** What can go wrong with a login, as the person in front of the browser is told it. */
const problems = {
  nothingHere: {
    reason: 'no_route',
    status: 404,
    heading: 'There is nothing here',
    next: 'Check the address.',
  },
  notBegun: {
    reason: 'bad_request',
    status: 400,
    heading: 'This sign-in cannot be finished',
    next: 'Allow cookies for this site, and begin again.',
  },
  notAnswered: {
    reason: 'bad_request',
    status: 400,
    heading: 'This sign-in cannot be finished',
    next: 'Begin again. If it happens again, tell whoever runs this site the request id.',
  },
  notLetIn: {
    reason: 'forbidden',
    status: 403,
    heading: 'You were not signed in',
    next: 'Begin again, with another account if you have one, or ask whoever runs this site to let you in.',
  },
  askedElsewhere: {
    reason: 'forbidden',
    status: 403,
    heading: 'You were not signed out',
    next: 'Sign out on a page of this site.',
  },
  unavailable: {
    reason: 'policy_failed',
    status: 503,
    heading: 'Signing in is not possible at present',
    next: 'Wait a moment and try again. If it stays so, tell whoever runs this site the request id.',
  },
} as const

export interface LoginProblem {
  readonly kind: keyof typeof problems
  readonly detail: string
  readonly cookies?: readonly string[]
  /** Where a login begins anew: a path of this origin. Absent: there is nothing to try again. */
  readonly tryAgain?: string
}

/** A problem document, or for who asks for HTML rather a page that says the same. */
export function loginProblem(
  request: PolicyRequest,
  { kind, detail, cookies = [], tryAgain }: LoginProblem,
): ProblemAnswer {
  const { reason, status, heading, next } = problems[kind]
  const link = tryAgain === undefined ? null : { path: tryAgain, text: 'Try to sign in again' }
  const page = { heading, next, link }
  return {
    kind: 'problem',
    reason,
    status,
    detail,
    ...(status === 503 ? { retryAfterSeconds: 1 } : {}),
    headers: cookies.map((cookie) => ['Set-Cookie', cookie]),
    ...(prefersHtml(request.header('accept')) ? { page } : {}),
  }
}
