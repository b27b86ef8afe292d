import type { MirrorSpec } from '@pando/model'
import type { GatewayMetrics, MirrorMetrics } from '../metrics/gateway-metrics.js'
import type { UpstreamService } from '../upstream.js'

/** Where a route's copies go. */
export interface CompiledMirror {
  readonly service: UpstreamService
  /** 0 to 1. */
  readonly share: number
  readonly maxBodyBytes: number
  readonly metrics: MirrorMetrics
}

/** Null when the route has none. Throws when there is no such service. */
export function compileMirror(
  route: string,
  spec: MirrorSpec | undefined,
  services: ReadonlyMap<string, UpstreamService>,
  metrics: GatewayMetrics,
): CompiledMirror | null {
  if (spec === undefined) return null
  const service = services.get(spec.service)
  if (service === undefined) throw new Error(`there is no service "${spec.service}" to mirror to`)
  const { percent, maxBodyBytes } = spec
  return { service, share: percent / 100, maxBodyBytes, metrics: metrics.mirror(route, spec.service) }
}
