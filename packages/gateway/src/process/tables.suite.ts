import type { Endpoint, EndpointState, GatewayConfig, GatewayLimits, Listener, RoutingTable } from '@pando/model'

/** Generous limits for tests. */
export const limits: GatewayLimits = {
  maxTargetBytes: 8_192,
  maxHeadBytes: 65_536,
  maxHeaders: 100,
  maxBodyBytes: 0,
  headTimeoutMs: 10_000,
  keepAliveTimeoutMs: 60_000,
  idleTimeoutMs: 60_000,
  requestTimeoutMs: 0,
  connectTimeoutMs: 1_000,
  maxConnections: 10_000,
  maxConnectionsPerEndpoint: 256,
  maxPending: 1_000,
  pendingTimeoutMs: 5_000,
  maxRetries: 2,
}

export function endpoint(id: string, port: number, state: EndpointState = 'healthy', service = 'users'): Endpoint {
  return {
    id,
    service,
    address: { host: '127.0.0.1', port },
    state,
    revision: null,
    weight: 100,
    metadata: {},
    source: 'pando',
  }
}

export function edge(port: number, name = 'edge'): Listener {
  return { kind: 'edge', name, address: { host: '127.0.0.1', port } }
}

/** Everything to the service `users`. */
export function config(listeners: readonly Listener[], accessLog: string | null = null): GatewayConfig {
  return {
    app: 'shop',
    listeners,
    routes: [
      {
        name: 'users/0',
        hosts: [],
        matches: [{ path: { type: 'prefix', value: '/' }, method: null, headers: [], query: [] }],
        filters: [],
        backends: [{ service: 'users', weight: 1 }],
        timeouts: { requestMs: null, backendRequestMs: null },
      },
    ],
    services: [{ name: 'users', protocol: 'http', balancer: 'round_robin' }],
    limits,
    accessLog,
  }
}

export function tableOf(version: number, endpoints: readonly Endpoint[], of = config([]), epoch = 'e1'): RoutingTable {
  return { epoch, version, config: of, endpoints }
}
