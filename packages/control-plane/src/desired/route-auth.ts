import type { GatewaySpec, RouteSpec } from '@pando/model'

/** The route with what it asks of whoever calls, the gateway's default where it says nothing itself. */
export function withAuth(route: RouteSpec, { defaultAuth }: GatewaySpec): RouteSpec {
  const { auth } = route
  if (defaultAuth === undefined || auth === null) return route
  if (auth === undefined) return { ...route, auth: defaultAuth }
  return auth.anyOf.length > 0 ? route : { ...route, auth: { ...auth, anyOf: defaultAuth.anyOf } }
}
