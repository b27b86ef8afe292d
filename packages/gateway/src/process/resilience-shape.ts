import type { BalancerPolicy } from '@pando/model'

const balancers: readonly unknown[] = [
  'round_robin',
  'random',
  'least_request',
  'consistent_hash',
  'sticky',
] satisfies readonly BalancerPolicy[]

export function isBalancer(value: unknown): boolean {
  return balancers.includes(value)
}

/** Whether what came over a wire is a `ResilienceSpec`, as far as the gateway leans on it. */
export function isResilience(value: unknown): boolean {
  if (!isObject(value)) return false
  const { balancing, ejection, retryBudget, circuitBreaker, queueMs } = value
  return (
    isBalancing(balancing) &&
    (ejection === null || hasNumbers(ejection, ['consecutive', 'baseMs', 'multiplier', 'maxMs', 'maxPercent'])) &&
    hasNumbers(retryBudget, ['percent', 'minimum']) &&
    (circuitBreaker === null || isCircuitBreaker(circuitBreaker)) &&
    (queueMs === null || typeof queueMs === 'number')
  )
}

function isBalancing(value: unknown): boolean {
  return (
    hasNumbers(value, ['loadBound', 'panicPercent', 'slowStartMs']) &&
    isObject(value['hash']) &&
    (value['hash']['by'] === 'address' || typeof value['hash']['name'] === 'string') &&
    typeof value['cookie'] === 'string' &&
    (value['cookieMs'] === null || typeof value['cookieMs'] === 'number') &&
    (value['zone'] === null || typeof value['zone'] === 'string')
  )
}

function isCircuitBreaker(value: unknown): boolean {
  if (!isObject(value)) return false
  const limits = ['maxConnections', 'maxPending', 'maxRequests', 'maxRetries']
  return (
    limits.every((name) => value[name] === null || typeof value[name] === 'number') &&
    (value['failures'] === null ||
      hasNumbers(value['failures'], ['failurePercent', 'minRequests', 'windowMs', 'openMs', 'probes']))
  )
}

function hasNumbers(value: unknown, names: readonly string[]): value is Record<string, unknown> {
  return isObject(value) && names.every((name) => typeof value[name] === 'number')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
