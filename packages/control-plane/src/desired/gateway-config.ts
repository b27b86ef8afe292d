import type { Address, AppSpec, GatewayConfig, Listener } from '@pando/model'

/** What the gateway serves for an app: the edge listener, a mesh listener a service, and every service's routes. */
export function gatewayConfigOf(
  app: AppSpec,
  mesh: ReadonlyMap<string, Address>,
  accessLogFile: string,
): GatewayConfig {
  const services = Object.values(app.services).filter((service) => service.revision.protocol !== 'none')
  const edge: Listener = { kind: 'edge', name: 'edge', address: { host: app.gateway.host, port: app.gateway.port } }
  const listeners = services.flatMap((service): Listener[] => {
    const address = mesh.get(service.name)
    return address === undefined ? [] : [{ kind: 'mesh', name: `mesh/${service.name}`, address, service: service.name }]
  })
  return {
    app: app.name,
    listeners: [edge, ...listeners],
    routes: services.flatMap((service) => service.routes),
    services: services.map((service) => ({
      name: service.name,
      protocol: service.revision.protocol,
      balancer: service.balancer,
    })),
    limits: app.gateway.limits,
    accessLog: app.gateway.accessLog ? accessLogFile : null,
  }
}
