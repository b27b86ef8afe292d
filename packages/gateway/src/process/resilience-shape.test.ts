import { defaultResilience } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { isBalancer, isResilience } from './resilience-shape.js'

const circuitBreaker = {
  maxConnections: 1,
  maxPending: null,
  maxRequests: 2,
  maxRetries: null,
  failures: { failurePercent: 50, minRequests: 20, windowMs: 10_000, openMs: 5_000, probes: 3 },
}

describe('what a control plane says of the resilience of a service', () => {
  it('is taken when it is whole', () => {
    expect(isResilience(defaultResilience)).toBe(true)
    expect(isResilience({ ...defaultResilience, ejection: null, queueMs: null, circuitBreaker })).toBe(true)
    expect(isResilience({ ...defaultResilience, circuitBreaker: { ...circuitBreaker, failures: null } })).toBe(true)
  })

  it.each([
    ['nothing', null],
    ['no ejection', { ...defaultResilience, ejection: undefined }],
    ['an ejection without a time', { ...defaultResilience, ejection: { consecutive: 5 } }],
    ['a budget in words', { ...defaultResilience, retryBudget: { percent: '20%', minimum: 3 } }],
    ['a limit in words', { ...defaultResilience, circuitBreaker: { ...circuitBreaker, maxRequests: 'few' } }],
    ['a breaker without a window', { ...defaultResilience, circuitBreaker: { ...circuitBreaker, failures: {} } }],
    [
      'a hash without a name',
      { ...defaultResilience, balancing: { ...defaultResilience.balancing, hash: { by: 'header' } } },
    ],
    ['no balancing', { ...defaultResilience, balancing: undefined }],
    ['no word on queues', { ...defaultResilience, queueMs: undefined }],
  ])('is not: %s', (_, value) => {
    expect(isResilience(value)).toBe(false)
  })

  it('a balancer is one of five', () => {
    expect(['round_robin', 'random', 'least_request', 'consistent_hash', 'sticky'].every(isBalancer)).toBe(true)
    expect(isBalancer('fastest')).toBe(false)
  })
})
