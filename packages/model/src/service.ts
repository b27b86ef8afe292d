import type { AuthenticatorSpec, RouteAuth } from './authentication.js'
import type { AutoscaleSpec } from './autoscale.js'
import type { ContainerSpec } from './container.js'
import type { Address } from './endpoint.js'
import type { WatchRule } from './develop.js'
import type { ScheduleSpec } from './job.js'
import type { BalancerPolicy, ResilienceSpec } from './resilience.js'
import type { RolloutSpec } from './rollout.js'
import type { RouteSpec } from './route.js'
import type { GatewayTraffic } from './traffic.js'
import type { TlsSpec } from './tls.js'

/** How bytes on a service's port are to be understood. `none`: the service listens on nothing. */
export type Protocol = 'http' | 'grpc' | 'h2c' | 'tcp' | 'none'

/** When a dependency counts as met, in Compose's words. */
export type DependencyCondition = 'service_started' | 'service_healthy' | 'service_completed_successfully'

/** What happens when an instance ends by itself, in Compose's words. */
export type RestartPolicy = 'always' | 'on-failure' | 'no'

/** What a health check asks. An `http` answer of 200 to 399 is healthy. */
export type HealthProbe =
  | { readonly kind: 'http'; readonly path: string }
  | { readonly kind: 'grpc'; readonly service: string }
  | { readonly kind: 'tcp' }
  | { readonly kind: 'command'; readonly command: string | readonly string[] }
  /** Nothing is asked: an instance is healthy as long as it runs. For protocol `none` and for checks turned off. */
  | { readonly kind: 'none' }

export interface HealthCheck {
  readonly probe: HealthProbe
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Consecutive successes before unhealthy becomes healthy. The first success after start is always enough. */
  readonly rise: number
  /** Consecutive failures before healthy becomes unhealthy. */
  readonly fall: number
  /** Failures in this time after start do not count; an instance not healthy by its end never became healthy and is replaced. */
  readonly startupMs: number
}

/** What kind of program a service's folder holds; decides how it is built and what starts it. */
export type BuildKind = 'python' | 'node' | 'go' | 'rust' | 'java-maven' | 'dockerfile' | 'none'

export interface BuildSpec {
  readonly kind: BuildKind
  /** Absolute path of the service's folder. */
  readonly context: string
  /** The user's own build command, run by `sh -c` in the context instead of the kind's. */
  readonly command: string | null
  /** For kind `dockerfile`: its path seen from the context. Absent: Dockerfile or Containerfile. */
  readonly dockerfile?: string
  /** For kind `dockerfile`: values of its ARGs. */
  readonly args?: Readonly<Record<string, string>>
  /** For kind `dockerfile`: the stage to stop at. Absent: the last. */
  readonly target?: string
  /** For an image of a program's kind: the official image's stand-in that it is built in. Absent: the language's own. */
  readonly base?: string
  /** As `base`, for what runs when that is another stage. */
  readonly runtime?: string
  /** What is no source in the context, in the words of a .gitignore; absent: nothing but what never is. */
  readonly ignore?: readonly string[]
  /** It runs from the context as it is, of which no snapshot is taken: so a service that has no folder of its own to build. */
  readonly isLive?: boolean
}

export interface Resources {
  readonly memoryBytes: number | null
  /** Processors, for example 0.5. */
  readonly cpus: number | null
}

export interface LogPolicy {
  readonly maxBytes: number
  readonly maxFiles: number
}

/**
 * All that makes one run of a service what it is: a change in any of it needs a new instance.
 * Its hash is the revision (see `revisionOf`). Replica count and routes are no part of it.
 */
export interface RevisionSpec {
  readonly service: string
  readonly build: BuildSpec
  /** Present: it runs in a container. Absent: as processes of this machine. */
  readonly container?: ContainerSpec
  /** Absolute working directory of the program; of a container one inside it, or empty for the image's own. */
  readonly workdir: string
  /** A string is run by `sh -c` (so that `$PORT` expands), a list is executed as it is; null takes the build's default. */
  readonly command: string | readonly string[] | null
  readonly environment: Readonly<Record<string, string>>
  readonly protocol: Protocol
  /** A port that the program insists on (of a container: inside it); null lets Pando choose a free one and give it as `$PORT`. */
  readonly port: number | null
  readonly healthcheck: HealthCheck
  readonly resources: Resources
  readonly stopSignal: 'SIGTERM' | 'SIGINT' | 'SIGQUIT' | 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2'
  readonly stopGracePeriodMs: number
  readonly logs: LogPolicy
}

/** One named workload as the manifest wants it. */
export interface ServiceSpec {
  readonly name: string
  readonly revision: RevisionSpec
  /** With `autoscale`: how many it begins with. */
  readonly replicas: number
  /** Absent: the count is changed by hand only. */
  readonly autoscale?: AutoscaleSpec
  /** Present: it runs to its end at these times, and has no instances that stay. */
  readonly schedule?: ScheduleSpec
  readonly restart: RestartPolicy
  readonly dependsOn: Readonly<Record<string, DependencyCondition>>
  /** How long a draining instance may finish what is in flight before it is told to stop. */
  readonly drainTimeoutMs: number
  readonly rollout: RolloutSpec
  /** Requests are balanced over this service's endpoints so. */
  readonly balancer: BalancerPolicy
  /** Absent: `defaultResilience`. No part of the revision. */
  readonly resilience?: ResilienceSpec
  readonly routes: readonly RouteSpec[]
  /** It reads the trailers of requests over HTTP/1.1; absent: it gets none. No part of the revision. */
  readonly requestTrailers?: true
  /** Further addresses of the gateway, each of which leads to this service alone. No part of the revision. */
  readonly listen?: readonly Address[]
  /** What `pando up --watch` goes by. Absent: the default; empty: nothing is watched. */
  readonly watch?: readonly WatchRule[]
}

export interface GatewaySpec extends GatewayTraffic {
  readonly host: string
  readonly port: number
  /** Worker processes; null takes one a processor. */
  readonly workers: number | null
  readonly accessLog: boolean
  /** Absolute paths of files with routes in the Gateway API's form. Absent: there are none. */
  readonly routeFiles?: readonly string[]
  /** What those files say: routes of the app rather than of one service. Absent: none. */
  readonly routes?: readonly RouteSpec[]
  /** A second port that is encrypted. Absent: there is none. */
  readonly tls?: TlsSpec
  readonly limits: GatewayLimits
  /** Absent: no load is shed. */
  readonly shedAboveMs?: number
  /** Edge listeners answer GET and HEAD of this path by themselves, before any route. Absent: there is none. */
  readonly healthPath?: string
  /** By name. Absent: none. */
  readonly authenticators?: Readonly<Record<string, AuthenticatorSpec>>
  /** What routes ask that say nothing of it. Absent: anybody gets in. */
  readonly defaultAuth?: RouteAuth
}

/** Bytes, milliseconds and counts. Every one is on by default but where it says otherwise; the defaults are in the manifest reader. */
export interface GatewayLimits {
  /** Request line's target, bytes: 414 above. */
  readonly maxTargetBytes: number
  /** Head in all, bytes: 431 above. */
  readonly maxHeadBytes: number
  readonly maxHeaders: number
  /** Request body, bytes: 413 above. 0 means no limit. */
  readonly maxBodyBytes: number
  /** From the first byte of a request to the end of its head: 408 above. */
  readonly headTimeoutMs: number
  /** Between two requests on a client connection. */
  readonly keepAliveTimeoutMs: number
  /** Without a byte in either direction while a request is under way: 408 when the client stalls, 504 when the upstream does. */
  readonly idleTimeoutMs: number
  /** Whole exchange; 0 means none. A route's own timeout goes before it. */
  readonly requestTimeoutMs: number
  readonly connectTimeoutMs: number
  /** Client connections per worker: 503 and close above. */
  readonly maxConnections: number
  /** Of these, to the edge from one address (of IPv6 from one /64) that is no trusted proxy's: 503 and close above. Absent: no limit. */
  readonly maxConnectionsPerClient?: number
  /** Open connections to one endpoint, per worker. */
  readonly maxConnectionsPerEndpoint: number
  /** Requests of one service that wait for a connection or an endpoint, per worker: 503 with Retry-After above. */
  readonly maxPending: number
  /** How long such a request waits. */
  readonly pendingTimeoutMs: number
  /** How often a request is sent again after a connection failed under it (see the gateway's retry rules). */
  readonly maxRetries: number
}

/** The system that one manifest describes, read, checked and with every default filled in. */
export interface AppSpec {
  readonly name: string
  /** Absolute path of the manifest. */
  readonly manifest: string
  readonly services: Readonly<Record<string, ServiceSpec>>
  readonly gateway: GatewaySpec
  readonly api: { readonly host: string; readonly port: number }
}
