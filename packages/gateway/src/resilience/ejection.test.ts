import { defaultResilience, type EjectionSpec } from '@pando/model'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UpstreamEndpoint, UpstreamService } from '../upstream.js'
import { isFailure } from './ejection.js'

function serviceOf(count: number, ejection: Partial<EjectionSpec> = {}, panicPercent = 50) {
  const all = Array.from(
    { length: count },
    (_, index) => new UpstreamEndpoint(`web-${index}`, { host: '127.0.0.1', port: 1 }, 'healthy', 100),
  )
  const spec = {
    name: 'web',
    protocol: 'http',
    balancer: 'round_robin',
    resilience: {
      ...defaultResilience,
      balancing: { ...defaultResilience.balancing, panicPercent },
      ejection: { ...defaultResilience.ejection, ...ejection },
    },
  } as const
  const service = new UpstreamService(spec)
  service.update(spec, all)
  return { all, service }
}

const at = (all: readonly UpstreamEndpoint[], index: number): UpstreamEndpoint => all[index] as UpstreamEndpoint

function fail(service: UpstreamService, endpoint: UpstreamEndpoint, now: number, times = 5): number {
  let ejectedMs = 0
  for (let time = 0; time < times; time++) ejectedMs = Math.max(ejectedMs, service.noteOutcome(endpoint, 503, now))
  return ejectedMs
}

const picked = (service: UpstreamService, now: number): Set<string> =>
  new Set(Array.from({ length: 20 }, () => service.pick(null, now)?.id ?? 'none'))

describe('what counts as an error', () => {
  it.each([
    ['connect_failed', true, true],
    ['timeout', true, true],
    ['closed', true, true],
    [200, false, false],
    [404, false, false],
    [429, false, false],
    [500, false, true],
    [501, false, true],
    [502, true, true],
    [503, true, true],
    [504, true, true],
    [505, false, true],
  ] as const)('%s', (outcome, ofGateway, ofAll) => {
    expect([isFailure(outcome, 'gateway'), isFailure(outcome, 'all')]).toEqual([ofGateway, ofAll])
  })
})

describe('an endpoint with errors', () => {
  it('is ejected after five in a row and comes back after 30 s', () => {
    const { all, service } = serviceOf(3)
    expect(fail(service, at(all, 1), 1_000, 4)).toBe(0)
    expect(picked(service, 1_000).size).toBe(3)
    expect(fail(service, at(all, 1), 1_000, 1)).toBe(30_000)
    expect(picked(service, 1_001)).toEqual(new Set(['web-0', 'web-2']))
    expect(picked(service, 30_999)).toEqual(new Set(['web-0', 'web-2']))
    expect(picked(service, 31_000).size).toBe(3)
  })

  it('is not when an answer between was none', () => {
    const { all, service } = serviceOf(3)
    fail(service, at(all, 1), 0, 4)
    service.noteOutcome(at(all, 1), 200, 0)
    expect(fail(service, at(all, 1), 0, 4)).toBe(0)
  })

  it('stays out for longer each time, to a most, and is forgiven by the time it is well', () => {
    const { all, service } = serviceOf(3, { maxMs: 100_000 })
    let now = 0
    const times = [0, 1, 2, 3].map(() => {
      const ms = fail(service, at(all, 0), now)
      now += ms
      return ms
    })
    expect(times).toEqual([30_000, 60_000, 100_000, 100_000])
    expect(fail(service, at(all, 0), now + 10 * 30_000)).toBe(30_000)
  })

  it('is not judged again by what was under way to it when it was ejected', () => {
    const { all, service } = serviceOf(3)
    fail(service, at(all, 0), 0)
    fail(service, at(all, 0), 100)
    expect(fail(service, at(all, 0), 30_000, 4)).toBe(0)
    expect(fail(service, at(all, 0), 30_000, 1)).toBe(60_000)
  })

  it('is counted by the option for all errors with a plain 500', () => {
    const { all, service } = serviceOf(2, { errors: 'all', consecutive: 1 })
    expect(service.noteOutcome(at(all, 0), 500, 0)).toBe(30_000)
  })
})

describe('never more than half', () => {
  it.each([
    [1, 0],
    [2, 1],
    [3, 1],
    [4, 2],
    [5, 2],
  ])('of %i: %i', (count, most) => {
    const { all, service } = serviceOf(count)
    for (const endpoint of all) fail(service, endpoint, 0, 10)
    expect(service.ejected(1)).toBe(most)
    expect(picked(service, 1).size).toBe(count - most)
  })

  it('or as many as the option says; with fewer left than the panic threshold, all are used', () => {
    const { all, service } = serviceOf(4, { maxPercent: 75 })
    fail(service, at(all, 0), 0)
    fail(service, at(all, 1), 0)
    expect(picked(service, 1)).toEqual(new Set(['web-2', 'web-3']))
    fail(service, at(all, 2), 0)
    expect(service.ejected(1)).toBe(3)
    expect(picked(service, 1).size).toBe(4)
  })

  it('without a panic threshold what is left has to do', () => {
    const { all, service } = serviceOf(4, { maxPercent: 75 }, 0)
    for (const endpoint of all) fail(service, endpoint, 0)
    expect(picked(service, 1)).toEqual(new Set(['web-3']))
  })

  it('holds in whatever happens', () => {
    const event = fc.record({
      endpoint: fc.nat(5),
      outcome: fc.constantFrom(200, 500, 503, 'closed' as const, 'timeout' as const),
      passMs: fc.constantFrom(0, 10, 5_000, 40_000),
    })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(event, { maxLength: 200 }), (count, events) => {
        const { all, service } = serviceOf(count, { consecutive: 2 })
        let now = 0
        for (const { endpoint, outcome, passMs } of events) {
          now += passMs
          service.noteOutcome(at(all, endpoint % count), outcome, now)
          expect(service.ejected(now) * 2).toBeLessThanOrEqual(count)
          expect(service.pick(null, now)).not.toBeNull()
        }
      }),
    )
  })
})
