import type { AppSpec, RouteSpec } from '@pando/model'

/** Every route of the app: those that are written with services, and those of its route files. */
export function routesOf({ services, gateway }: AppSpec): readonly RouteSpec[] {
  return [...Object.values(services).flatMap(({ routes }) => routes), ...(gateway.routes ?? [])]
}

/** Those that lead to the service, or are written with it. */
export function routesTo(app: AppSpec, service: string): readonly RouteSpec[] {
  const ofFiles = (app.gateway.routes ?? []).filter(({ backends }) =>
    backends.some((backend) => backend.service === service),
  )
  return [...(app.services[service]?.routes ?? []), ...ofFiles]
}
