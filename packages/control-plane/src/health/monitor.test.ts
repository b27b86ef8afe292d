import type { HealthCheck } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { healthcheck } from '../reconciler/fixtures.suite.js'
import { SimulatedClock } from '../reconciler/simulated-clock.suite.js'
import { HealthMonitor } from './monitor.js'
import type { ProbeResult } from './prober.js'
import { trackHealth, type ProbedHealth } from './tracker.js'

const check: HealthCheck = { ...healthcheck, intervalMs: 1000, timeoutMs: 500, rise: 2, fall: 3 }
const yes: ProbeResult = { ok: true, detail: 'fine' }
const no: ProbeResult = { ok: false, detail: 'refused' }

function after(health: ProbedHealth['health'], results: string): string {
  let state: ProbedHealth = { health, since: 0, detail: '', count: 0 }
  for (const result of results) state = trackHealth(state, result === '+' ? yes : no, check, 1)
  return state.health
}

describe('the health of an instance', () => {
  it.each([
    ['starting', '', 'starting'],
    ['starting', '----------', 'starting'],
    ['starting', '---+', 'healthy'],
    ['healthy', '--', 'healthy'],
    ['healthy', '---', 'unhealthy'],
    ['healthy', '--+--', 'healthy'],
    ['unhealthy', '+', 'unhealthy'],
    ['unhealthy', '+-+', 'unhealthy'],
    ['unhealthy', '++', 'healthy'],
  ] as const)('that was %s is after %j %s', (before, results, expected) => {
    expect(after(before, results)).toBe(expected)
  })

  it('keeps since when, and what the last failure said', () => {
    const healthy: ProbedHealth = { health: 'healthy', since: 5, detail: '', count: 2 }
    expect(trackHealth(healthy, no, check, 9)).toEqual({ health: 'unhealthy', since: 9, detail: 'refused', count: 0 })
    expect(trackHealth({ ...healthy, count: 0 }, no, check, 9)).toEqual({ ...healthy, detail: 'refused', count: 1 })
    expect(trackHealth({ ...healthy, detail: 'refused' }, yes, check, 9)).toEqual({ ...healthy, count: 0 })
  })
})

/** A monitor over a prober that answers when told to. */
function monitored(options: { limit?: number } = {}) {
  const clock = new SimulatedClock(0)
  const asked: { id: string; at: number; answer: (result: ProbeResult) => void }[] = []
  const heard: string[] = []
  const monitor = new HealthMonitor({
    prober: {
      probe: ({ id }) => new Promise((answer) => asked.push({ id, at: clock.now(), answer })),
    },
    clock,
    random: () => 0.5,
    onResult: (id, { health }) => heard.push(`${id} ${health}`),
    ...options,
  })
  const watch = (id: string, health: ProbedHealth['health'] = 'starting'): void =>
    monitor.watch({ id, address: null }, check, { health, since: 0, detail: '' })
  return { clock, asked, heard, monitor, watch }
}

describe('the monitor', () => {
  it('asks a starting instance often, and a healthy one at its interval', async () => {
    const { clock, asked, heard, watch } = monitored()
    watch('a')
    for (const result of [no, no, yes, yes]) {
      await clock.pass(1000)
      asked.at(-1)!.answer(result)
    }
    await clock.pass(0)
    expect(heard).toEqual(['a starting', 'a starting', 'a healthy', 'a healthy'])
    expect(asked.map(({ at }) => at)).toEqual([0, 1250, 2250, 4000])
  })

  it('never has two probes of one instance under way, and gives up one that does not end', async () => {
    const { clock, asked, heard, watch } = monitored()
    watch('a')
    await clock.pass(1499)
    expect(asked).toHaveLength(1)
    await clock.pass(300)
    expect(heard).toEqual(['a starting'])
    expect(asked).toHaveLength(2)
    asked[0].answer(yes)
    await clock.pass(0)
    expect(heard).toEqual(['a starting'])
  })

  it('has no more than its limit under way, and lets nobody starve', async () => {
    const { clock, asked, watch } = monitored({ limit: 2 })
    for (const id of ['a', 'b', 'c', 'd', 'e']) watch(id)
    await clock.pass(0)
    expect(asked.map(({ id }) => id)).toEqual(['a', 'b'])
    for (let i = 0; i < 5; i++) {
      asked[i].answer(yes)
      await clock.pass(0)
    }
    expect(asked.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  it('asks and reports no more of what it does not watch', async () => {
    const { clock, asked, heard, monitor, watch } = monitored({ limit: 1 })
    watch('a')
    watch('b')
    await clock.pass(0)
    monitor.unwatch('a')
    monitor.unwatch('b')
    asked[0].answer(yes)
    await clock.pass(10_000)
    expect(heard).toEqual([])
    expect(asked).toHaveLength(1)
  })

  it('spreads the first probes of instances that were well before', async () => {
    const { clock, asked, watch } = monitored()
    watch('a', 'healthy')
    await clock.pass(499)
    expect(asked).toHaveLength(0)
    await clock.pass(1)
    expect(asked).toHaveLength(1)
  })
})
