import type { RouteMatch, RouteSpec } from '@pando/model'

/**
 * The matches of a route, and of one with CORS those by which preflights for them come: the method that a preflight asks for is in a header, and
 * it has none of the headers of the request to come (https://fetch.spec.whatwg.org/#cors-preflight-fetch).
 */
export function withPreflights({ cors, matches }: RouteSpec): readonly RouteMatch[] {
  if (cors === undefined) return matches
  const preflights = matches.flatMap((match): RouteMatch[] => {
    const { method } = match
    if (method === 'OPTIONS' || (method === null && match.headers.length === 0)) return []
    const asked =
      method === null
        ? ({ name: 'access-control-request-method', type: 'present' } as const)
        : ({ name: 'access-control-request-method', type: 'exact', value: method } as const)
    return [{ ...match, method: 'OPTIONS', headers: [asked] }]
  })
  return [...matches, ...preflights]
}
