import {
  defaultResilience,
  type Address,
  type AppSpec,
  type CertificateFiles,
  type GatewayConfig,
  type GatewayTraffic,
  type Listener,
} from '@pando/model'
import { loginRoutes } from './login-routes.js'
import { withAuth } from './route-auth.js'
import { routesOf } from './routes.js'
import { edgeListenersOf } from './edge-listeners.js'

/** Where the app's containers find this machine, and which addresses are theirs (in CIDR notation). */
export interface ContainerSide {
  readonly gateway: string
  readonly subnet: string
}

/**
 * What the gateway serves for an app: the edge listeners, a mesh listener a service, and every service's routes.
 * One that was stopped by hand is not woken by requests.
 */
export function gatewayConfigOf(
  app: AppSpec,
  mesh: ReadonlyMap<string, Address>,
  files: { readonly accessLog: string; readonly localCertificate: CertificateFiles },
  containers: ContainerSide | null = null,
  stopped: ReadonlySet<string> = new Set(),
): GatewayConfig {
  const services = Object.values(app.services).filter((service) => service.revision.protocol !== 'none')
  const listeners = services.flatMap((service): Listener[] => {
    const address = mesh.get(service.name)
    if (address === undefined) return []
    const own: Listener = { kind: 'mesh', name: `mesh/${service.name}`, address, service: service.name }
    const published = (service.listen ?? []).map((at): Listener => ({
      ...own,
      name: `published/${service.name}/${at.host}:${at.port}`,
      address: at,
    }))
    if (containers === null) return [own, ...published]
    const name = `mesh/${service.name}/containers`
    return [
      own,
      ...published,
      { ...own, name, address: { ...address, host: containers.gateway }, from: containers.subnet },
    ]
  })
  const routes = routesOf(app).map((route) => withAuth(route, app.gateway))
  return {
    app: app.name,
    listeners: [...edgeListenersOf(app, files.localCertificate), ...listeners],
    routes: [...routes, ...loginRoutes(app.gateway.authenticators ?? {}, routes)],
    ...(app.gateway.authenticators === undefined ? {} : { authenticators: app.gateway.authenticators }),
    services: services.map(({ name, revision, balancer, resilience, requestTrailers, autoscale }) => ({
      name,
      protocol: revision.protocol,
      balancer,
      resilience: resilience ?? defaultResilience,
      ...(requestTrailers === true ? { requestTrailers } : {}),
      ...(autoscale?.min === 0 && !stopped.has(name) ? { onDemand: { holdMs: autoscale.holdMs } } : {}),
    })),
    ...trafficOf(app.gateway),
    limits: app.gateway.limits,
    ...(app.gateway.shedAboveMs === undefined ? {} : { shedAboveMs: app.gateway.shedAboveMs }),
    ...(app.gateway.healthPath === undefined ? {} : { healthPath: app.gateway.healthPath }),
    accessLog: app.gateway.accessLog ? files.accessLog : null,
  }
}

function trafficOf({ trustedProxies, securityHeaders, rateLimitStore }: GatewayTraffic): GatewayTraffic {
  return {
    ...(trustedProxies === undefined ? {} : { trustedProxies }),
    ...(securityHeaders === undefined ? {} : { securityHeaders }),
    ...(rateLimitStore === undefined ? {} : { rateLimitStore }),
  }
}
