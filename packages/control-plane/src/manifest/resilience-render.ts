import type { CircuitBreakerSpec, EjectionSpec, ServiceSpec } from '@pando/model'
import { formatDuration } from './units.js'

/** As it would be written. */
export function renderServiceResilience({ balancer, resilience }: ServiceSpec): object {
  if (resilience === undefined) return { balancer }
  const { balancing, ejection, retryBudget, circuitBreaker, queueMs } = resilience
  const { hash } = balancing
  return {
    balancer: {
      policy: balancer,
      ...(balancer !== 'consistent_hash'
        ? {}
        : {
            ...(hash.by === 'address' ? { source_address: true } : { [hash.by]: hash.name }),
            load_bound: balancing.loadBound,
          }),
      ...(balancer !== 'sticky' ? {} : { cookie: balancing.cookie }),
      ...(balancing.cookieMs === null ? {} : { cookie_ttl: formatDuration(balancing.cookieMs) }),
      ...(balancing.zone === null ? {} : { prefer_zone: balancing.zone }),
      panic_threshold: `${balancing.panicPercent}%`,
    },
    slow_start: formatDuration(balancing.slowStartMs),
    ejection: ejection === null ? false : renderEjection(ejection),
    retry_budget: { percent: `${retryBudget.percent}%`, min: retryBudget.minimum },
    ...(circuitBreaker === null ? {} : { circuit_breaker: renderCircuitBreaker(circuitBreaker) }),
    max_queue_delay: formatDuration(queueMs ?? 0),
  }
}

function renderEjection(ejection: EjectionSpec): object {
  return {
    consecutive_errors: ejection.consecutive,
    errors: ejection.errors,
    time: formatDuration(ejection.baseMs),
    multiplier: ejection.multiplier,
    max_time: formatDuration(ejection.maxMs),
    max_ejected: `${ejection.maxPercent}%`,
  }
}

function renderCircuitBreaker({ failures, ...limits }: CircuitBreakerSpec): object {
  return {
    ...(limits.maxConnections === null ? {} : { max_connections: limits.maxConnections }),
    ...(limits.maxPending === null ? {} : { max_pending: limits.maxPending }),
    ...(limits.maxRequests === null ? {} : { max_requests: limits.maxRequests }),
    ...(limits.maxRetries === null ? {} : { max_retries: limits.maxRetries }),
    ...(failures === null
      ? {}
      : {
          failures: {
            rate: `${failures.failurePercent}%`,
            min_requests: failures.minRequests,
            window: formatDuration(failures.windowMs),
            open: formatDuration(failures.openMs),
            probes: failures.probes,
          },
        }),
  }
}
