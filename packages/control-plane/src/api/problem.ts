import type { PandoError } from '@pando/model'

/** An error as RFC 9457 problem details; no stack and no cause leaves with it. */
export function problemResponse(error: PandoError): Response {
  const problem = error.toProblem()
  const headers: Record<string, string> = { 'content-type': 'application/problem+json', 'cache-control': 'no-store' }
  if (error.code === 'unauthorized') headers['www-authenticate'] = 'Bearer realm="pando"'
  return new Response(JSON.stringify(problem), { status: problem.status, headers })
}
