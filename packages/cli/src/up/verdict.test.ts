import type { AppStatus, GatewayStatus, ServiceStatus } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { failedAfterMs, judge } from './verdict.js'

function statusOf(states: readonly ServiceStatus['state'][], gateway: Partial<GatewayStatus> = {}): AppStatus {
  const address = { host: '127.0.0.1', port: 8080 }
  return {
    name: 'demo',
    manifest: '/demo/pando.yaml',
    pid: 1,
    startedAt: 0,
    state: 'running',
    gateway: { state: 'ready', address, pid: 2, workers: 1, errors: [], ...gateway },
    api: address,
    services: states.map((state, index) => ({
      name: `s${index}`,
      state,
      reason: `why ${state}`,
      protocol: 'http',
      revision: 'r',
      replicas: 1,
      healthy: 0,
      address: null,
      routes: [],
      instances: [],
    })),
  }
}

describe('judge', () => {
  it('is ready when every service is where it should be and the gateway serves', () => {
    expect(judge(statusOf(['ready', 'completed', 'stopped']), new Map(), 0).verdict.kind).toBe('ready')
    expect(judge(statusOf([]), new Map(), 0).verdict.kind).toBe('ready')
  })

  it.each(['building', 'waiting', 'starting', 'degraded'] as const)('waits while a service is %s', (state) => {
    expect(judge(statusOf(['ready', state]), new Map(), 0).verdict.kind).toBe('pending')
  })

  it('waits for the gateway', () => {
    expect(judge(statusOf(['ready'], { state: 'starting' }), new Map(), 0).verdict.kind).toBe('pending')
  })

  it('calls a service failed only when it has stayed so', () => {
    const first = judge(statusOf(['ready', 'failed']), new Map(), 1_000)
    expect(first.verdict.kind).toBe('pending')
    const soon = judge(statusOf(['ready', 'failed']), first.failing, 999 + failedAfterMs)
    expect(soon.verdict.kind).toBe('pending')
    const late = judge(statusOf(['ready', 'failed']), soon.failing, 1_000 + failedAfterMs)
    expect(late.verdict).toEqual({ kind: 'failed', failures: [{ service: 's1', reason: 'why failed' }] })
  })

  it('begins anew when it was tried again in between', () => {
    const first = judge(statusOf(['failed']), new Map(), 0)
    const between = judge(statusOf(['starting']), first.failing, failedAfterMs - 1)
    const again = judge(statusOf(['failed']), between.failing, failedAfterMs + 1)
    expect(again.verdict.kind).toBe('pending')
  })

  it('calls a gateway failed that stays unable to listen', () => {
    const status = statusOf(['ready'], { state: 'starting', errors: ['127.0.0.1:8080 is taken'] })
    const first = judge(status, new Map(), 0)
    expect(judge(status, first.failing, failedAfterMs).verdict).toEqual({
      kind: 'failed',
      failures: [{ service: null, reason: '127.0.0.1:8080 is taken' }],
    })
  })
})
