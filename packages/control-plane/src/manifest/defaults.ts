import type { GatewayLimits, GatewaySpec, HealthCheck, LogPolicy, RolloutSpec } from '@pando/model'

/** What is filled in where the manifest says nothing. Once, for the reader, the reference and the rendered configuration. */
export const defaultLimits: Omit<GatewayLimits, 'maxConnectionsPerClient'> = {
  maxTargetBytes: 8192,
  maxHeadBytes: 32_768,
  maxHeaders: 100,
  maxBodyBytes: 100 * 1_048_576,
  headTimeoutMs: 10_000,
  keepAliveTimeoutMs: 65_000,
  idleTimeoutMs: 60_000,
  requestTimeoutMs: 0,
  connectTimeoutMs: 2000,
  maxConnections: 10_000,
  maxConnectionsPerEndpoint: 1024,
  maxPending: 1024,
  pendingTimeoutMs: 5000,
  maxRetries: 2,
}

export const defaultGateway: GatewaySpec = {
  host: '127.0.0.1',
  port: 8080,
  workers: null,
  accessLog: false,
  limits: defaultLimits,
}

export const defaultApi = { host: '127.0.0.1', port: 7700 } as const

export const defaultCheckTimes: Omit<HealthCheck, 'probe'> = {
  intervalMs: 2000,
  timeoutMs: 2000,
  rise: 1,
  fall: 3,
  startupMs: 60_000,
}

export const defaultLogs: LogPolicy = { maxBytes: 10 * 1_048_576, maxFiles: 5 }

export const defaultService = {
  replicas: 1,
  restart: 'always',
  protocol: 'http',
  stopSignal: 'SIGTERM',
  stopGracePeriodMs: 10_000,
  drainTimeoutMs: 30_000,
} as const

export const defaultSteps: RolloutSpec['steps'] = [
  { weight: 10, pauseMs: 30_000 },
  { weight: 50, pauseMs: 30_000 },
]
