import {
  type BalancerPolicy,
  type BalancingSpec,
  type CircuitBreakerSpec,
  defaultResilience,
  type EjectionSpec,
  type HashKey,
  type Protocol,
  type ResilienceSpec,
} from '@pando/model'
import type { BalancerInput, CircuitBreakerInput, EjectionInput } from './resilience-schema.js'
import type { ServiceInput } from './schema.js'
import { mistake, type ServiceContext } from './service-context.js'
import { isMistake, parseDuration } from './units.js'

type BalancerMap = Exclude<BalancerInput, string>

export interface ServiceResilience {
  readonly balancer: BalancerPolicy
  /** Absent when the manifest says nothing of it. */
  readonly resilience?: ResilienceSpec
}

/** How the service's requests are shared out, and what becomes of them when instances fail. Contradictions are reported. */
export function readServiceResilience(
  input: ServiceInput,
  protocol: Protocol,
  context: ServiceContext,
): ServiceResilience {
  const { balancer, slow_start, ejection, circuit_breaker, retry_budget, max_queue_delay } = input
  const written: BalancerMap = typeof balancer === 'object' ? balancer : {}
  const policy = typeof balancer === 'string' ? balancer : (written.policy ?? 'round_robin')
  const isPlain = [slow_start, ejection, circuit_breaker, retry_budget, max_queue_delay].every(
    (value) => value === undefined,
  )
  checkBalancer(written, policy, protocol, context)
  if (typeof ejection === 'object' && Number(ejection.multiplier ?? 1) < 1) {
    mistake(context, ['ejection', 'multiplier'], 'value', 'a multiplier below 1 would forgive the worst soonest')
  }
  if (typeof balancer !== 'object' && isPlain) return { balancer: policy }
  const { retryBudget, queueMs } = defaultResilience
  return {
    balancer: policy,
    resilience: {
      balancing: readBalancing(written, policy, slow_start),
      ejection: readEjection(ejection),
      retryBudget: {
        percent: percentOf(retry_budget?.percent, retryBudget.percent),
        minimum: numberOf(retry_budget?.min, retryBudget.minimum),
      },
      circuitBreaker: circuit_breaker === undefined ? null : readCircuitBreaker(circuit_breaker),
      queueMs: max_queue_delay === undefined ? queueMs : ms(max_queue_delay, 0) || null,
    },
  }
}

function checkBalancer(
  written: BalancerMap,
  policy: BalancerPolicy,
  protocol: Protocol,
  context: ServiceContext,
): void {
  const report = (key: string, message: string, hint?: string): void =>
    mistake(context, ['balancer', key], 'key', message, hint)
  const keys = [written.header, written.cookie, isTrue(written.source_address) ? true : undefined]
  if (policy === 'consistent_hash' && keys.filter((key) => key !== undefined).length > 1) {
    mistake(context, ['balancer'], 'key', 'consistent_hash goes by one thing', 'write header, cookie or source_address')
  }
  if (policy !== 'consistent_hash') {
    for (const key of ['header', 'source_address', 'load_bound'] as const) {
      if (written[key] !== undefined) report(key, `${key} is for consistent_hash`, 'write "policy: consistent_hash"')
    }
  }
  if (policy !== 'consistent_hash' && policy !== 'sticky' && written.cookie !== undefined) {
    report('cookie', 'a cookie is for consistent_hash and sticky', 'write "policy: sticky"')
  }
  if (policy !== 'sticky' && written.cookie_ttl !== undefined) {
    report('cookie_ttl', 'cookie_ttl is for sticky', 'write "policy: sticky"')
  }
  if (written.load_bound !== undefined && Number(written.load_bound) < 1) {
    report('load_bound', 'with a load_bound below 1 every instance would have too much', 'write 1 or more')
  }
  const name = written.header ?? written.cookie
  if (name !== undefined && !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) {
    const key = written.header === undefined ? 'cookie' : 'header'
    mistake(context, ['balancer', key], 'value', `"${name}" is not the name of a ${key}`)
  }
  const readsHeads = policy === 'sticky' || (policy === 'consistent_hash' && name !== undefined)
  if (readsHeads && (protocol === 'tcp' || protocol === 'none')) {
    mistake(
      context,
      ['balancer'],
      'value',
      `connections of protocol ${protocol} have no headers and no cookies`,
      'write another policy, or consistent_hash with source_address: true',
    )
  }
}

function readBalancing(
  written: BalancerMap,
  policy: BalancerPolicy,
  slowStart: string | number | undefined,
): BalancingSpec {
  const { balancing } = defaultResilience
  return {
    hash: policy === 'consistent_hash' ? hashKeyOf(written) : balancing.hash,
    loadBound: numberOf(written.load_bound, balancing.loadBound),
    cookie: policy === 'sticky' ? (written.cookie ?? balancing.cookie) : balancing.cookie,
    cookieMs: written.cookie_ttl === undefined ? balancing.cookieMs : ms(written.cookie_ttl, 0),
    zone: written.prefer_zone ?? balancing.zone,
    panicPercent: percentOf(written.panic_threshold, balancing.panicPercent),
    slowStartMs: ms(slowStart, balancing.slowStartMs),
  }
}

function hashKeyOf({ header, cookie }: BalancerMap): HashKey {
  if (header !== undefined) return { by: 'header', name: header.toLowerCase() }
  return cookie === undefined ? { by: 'address' } : { by: 'cookie', name: cookie }
}

function readEjection(written: EjectionInput | undefined): EjectionSpec | null {
  const { ejection } = defaultResilience
  if (written === undefined) return ejection
  if (typeof written !== 'object') return isTrue(written) ? ejection : null
  return {
    consecutive: numberOf(written.consecutive_errors, ejection.consecutive),
    errors: written.errors ?? ejection.errors,
    baseMs: ms(written.time, ejection.baseMs),
    multiplier: numberOf(written.multiplier, ejection.multiplier),
    maxMs: Math.max(ms(written.max_time, ejection.maxMs), ms(written.time, ejection.baseMs)),
    maxPercent: percentOf(written.max_ejected, ejection.maxPercent),
  }
}

function readCircuitBreaker(written: CircuitBreakerInput): CircuitBreakerSpec {
  const { failures } = written
  return {
    maxConnections: limitOf(written.max_connections),
    maxPending: limitOf(written.max_pending),
    maxRequests: limitOf(written.max_requests),
    maxRetries: limitOf(written.max_retries),
    failures:
      failures === undefined
        ? null
        : {
            failurePercent: percentOf(failures.rate, 50),
            minRequests: numberOf(failures.min_requests, 20),
            windowMs: ms(failures.window, 10_000),
            openMs: ms(failures.open, 5000),
            probes: numberOf(failures.probes, 3),
          },
  }
}

function isTrue(written: boolean | string | undefined): boolean {
  return String(written) === 'true'
}

function limitOf(written: string | number | undefined): number | null {
  return written === undefined ? null : Number(written)
}

function numberOf(written: string | number | undefined, fallback: number): number {
  return written === undefined ? fallback : Number(written)
}

function percentOf(written: string | number | undefined, fallback: number): number {
  return written === undefined ? fallback : Number.parseInt(String(written), 10)
}

function ms(written: string | number | undefined, fallback: number): number {
  const parsed = written === undefined ? fallback : parseDuration(written)
  return isMistake(parsed) ? fallback : parsed
}
