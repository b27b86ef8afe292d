import { AuthPolicies } from '../auth/auth-policies.js'
import { Caches } from '../cache/caches.js'
import { IpAccess } from '../client-address/ip-access.js'
import { TrustedProxies } from '../client-address/trusted-proxies.js'
import { Cors } from '../cors/cors.js'
import { Faults } from '../fault/fault.js'
import type { GatewayMetrics } from '../metrics/gateway-metrics.js'
import type { RateLimits } from '../rate-limit/rate-limits.js'
import { SecurityHeaders } from '../security-headers/security-headers.js'
import { Policies } from './policies.js'

/** Every kind of policy that the gateway knows, with what each needs of the world. Those of one phase are asked in this order. `onTrouble` is told what stops nothing by itself. */
export function gatewayPolicies(
  rateLimits: RateLimits,
  metrics: GatewayMetrics,
  onTrouble: (message: string) => void,
): Policies {
  return new Policies([
    new SecurityHeaders(),
    new TrustedProxies(),
    new IpAccess(),
    new Cors(),
    new Faults(),
    // Before authentication, so that guessing is limited.
    rateLimits,
    new AuthPolicies(metrics, onTrouble),
    new Caches({ metrics: (route) => metrics.cache(route), now: Date.now }),
  ])
}
