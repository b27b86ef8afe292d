import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MetricsSnapshot } from '../data-plane.js'
import { grpcStatuses } from '../grpc/grpc-status.js'
import { GatewayMetrics } from './gateway-metrics.js'
import { renderPrometheus } from './prometheus.js'
import { MetricsRegistry } from './registry.js'
import { mergeSnapshots } from './snapshot.js'

const valueOf = (merged: MetricsSnapshot, route: string) =>
  merged.families[0]?.series.find((series) => series.labels['route'] === route)?.values ?? [0, 0, 0]

const oneCounter = (labels: Record<string, string>) => ({
  families: [{ name: 'c', help: 'C.', type: 'counter' as const, series: [{ labels, values: [1] }] }],
})

describe('MetricsRegistry', () => {
  it('gives the same counter for the same labels', () => {
    const family = new MetricsRegistry().counter('c_total', 'C.', ['a', 'b'])
    expect(family.with('1', '2')).toBe(family.with('1', '2'))
    expect(family.with('1', '2')).not.toBe(family.with('12', ''))
  })

  it('puts a value into the first bucket that holds it', () => {
    const registry = new MetricsRegistry()
    const histogram = registry.histogram('h', 'H.', [1, 5]).with()
    for (const value of [0, 1, 1.5, 5, 6]) histogram.record(value)
    expect(registry.snapshot().families[0]?.series[0]?.values).toEqual([2, 2, 1, 13.5])
  })

  it('bounds the number of series, the rest sharing one', () => {
    const registry = new MetricsRegistry()
    const family = registry.counter('c_total', 'C.', ['route'])
    for (let index = 0; index < 5_000; index++) family.with(`r${index}`).inc()
    const series = registry.snapshot().families[0]?.series ?? []
    expect(series).toHaveLength(2_001)
    expect(series.find((one) => one.labels['route'] === 'other')?.values).toEqual([3_000])
  })
})

describe('mergeSnapshots', () => {
  const snapshot = fc
    .array(
      fc.record({
        route: fc.constantFrom('a', 'b', 'c'),
        values: fc.array(fc.nat(1_000), { minLength: 3, maxLength: 3 }),
      }),
      {
        maxLength: 3,
      },
    )
    .map((entries): MetricsSnapshot => {
      const unique = new Map(entries.map((entry) => [entry.route, entry.values]))
      const series = [...unique].map(([route, values]) => ({ labels: { route, service: 's' }, values }))
      return { families: [{ name: 'h', help: 'H.', type: 'histogram', bounds: [1], series }] }
    })
  it('sums every number of every series, in whatever grouping', () => {
    fc.assert(
      fc.property(fc.array(snapshot, { minLength: 1, maxLength: 5 }), (snapshots) => {
        const merged = mergeSnapshots(snapshots)
        const pairwise = snapshots.reduce((one, other) => mergeSnapshots([one, other]))
        for (const route of ['a', 'b', 'c']) {
          const sums = [0, 1, 2].map((index) =>
            snapshots.reduce((sum, each) => sum + (valueOf(each, route)[index] ?? 0), 0),
          )
          expect(valueOf(merged, route)).toEqual(sums)
          expect(valueOf(pairwise, route)).toEqual(sums)
        }
      }),
    )
  })

  it('takes labels in another order for the same', () => {
    const merged = mergeSnapshots([oneCounter({ a: '1', b: '2' }), oneCounter({ b: '2', a: '1' })])
    expect(merged.families[0]?.series).toEqual([{ labels: { a: '1', b: '2' }, values: [2] }])
  })
})

describe('renderPrometheus', () => {
  it('writes the text format with cumulative buckets', () => {
    const registry = new MetricsRegistry()
    registry.counter('c_total', 'Counts\\ things.\nTwo lines.', ['route']).with('a"b\\c\nd').add(3)
    registry.gauge('g', 'G.').with().set(2)
    const histogram = registry.histogram('h_seconds', 'H.', [0.5, 1], ['route']).with('r')
    for (const value of [0.25, 0.75, 0.75, 4]) histogram.record(value)
    expect(renderPrometheus(registry.snapshot())).toBe(
      [
        '# HELP c_total Counts\\\\ things.\\nTwo lines.',
        '# TYPE c_total counter',
        'c_total{route="a\\"b\\\\c\\nd"} 3',
        '# HELP g G.',
        '# TYPE g gauge',
        'g 2',
        '# HELP h_seconds H.',
        '# TYPE h_seconds histogram',
        'h_seconds_bucket{route="r",le="0.5"} 1',
        'h_seconds_bucket{route="r",le="1"} 3',
        'h_seconds_bucket{route="r",le="+Inf"} 4',
        'h_seconds_sum{route="r"} 5.75',
        'h_seconds_count{route="r"} 4',
        '',
      ].join('\n'),
    )
  })

  it('renders all of the gateway with every reason and class', () => {
    const metrics = new GatewayMetrics()
    const exchange = metrics.exchange('users/0', 'users')
    exchange.record(200, 0.003, 10, 200)
    exchange.record(0, 0.1, 0, 0)
    for (const status of [...grpcStatuses, ...grpcStatuses]) exchange.recordCall(status)
    metrics.refused.no_route.inc()
    metrics.connections.inc()
    metrics.connections.dec()
    const text = renderPrometheus(metrics.snapshot())
    expect(text).toContain('pando_gateway_requests_total{route="users/0",service="users",code_class="2xx"} 1')
    expect(text).toContain('pando_gateway_requests_total{route="users/0",service="users",code_class="none"} 1')
    expect(text).toContain('pando_gateway_request_duration_seconds_count{route="users/0",service="users"} 2')
    expect(text).toContain('pando_gateway_response_body_bytes_total{route="users/0",service="users"} 200')
    expect(text).toContain(
      'pando_gateway_grpc_calls_total{route="users/0",service="users",grpc_status="UNAVAILABLE"} 2',
    )
    expect(text.match(/^pando_gateway_grpc_calls_total/gm)).toHaveLength(17)
    expect(text).toContain('pando_gateway_refused_requests_total{reason="no_route"} 1')
    expect(text).toContain('pando_gateway_connections 0')
  })
})
