import type { AuthenticatorSpec, RouteSpec } from '@pando/model'

/** Where browsers come back to from a login: a route of its own for each, on the hosts of the routes that ask for it. No service is behind it. */
export function loginRoutes(
  authenticators: Readonly<Record<string, AuthenticatorSpec>>,
  routes: readonly RouteSpec[],
): RouteSpec[] {
  return Object.values(authenticators).flatMap((spec): RouteSpec[] => {
    if (spec.kind !== 'login') return []
    const asking = routes.filter(({ auth }) => auth?.anyOf.includes(spec.name) === true)
    if (asking.length === 0) return []
    const isAnywhere = asking.some(({ hosts }) => hosts.length === 0)
    return [
      {
        name: `login/${spec.name}`,
        hosts: isAnywhere ? [] : [...new Set(asking.flatMap(({ hosts }) => hosts))],
        matches: [{ path: { type: 'prefix', value: spec.path }, method: null, headers: [], query: [] }],
        filters: [],
        backends: [],
        timeouts: { requestMs: null, backendRequestMs: null },
        auth: { anyOf: [spec.name], scopes: [], claims: [] },
      },
    ]
  })
}
