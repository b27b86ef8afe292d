import { describe, expect, it } from 'vitest'
import { Memory } from './memory.js'

const none = { cpus: null, memoryBytes: null }
const figures = (inFlight: number, requests: number) => ({ inFlight, requests, usage: [] })
const usage = (instance: string, cpuSeconds: number) => ({ instance, cpuSeconds, memoryBytes: 50 })

describe('what is remembered of a service', () => {
  it('is a mean of what is in flight over five seconds, and a rate of requests', () => {
    const memory = new Memory(1, 0)
    for (let second = 0; second < 20; second++) memory.note(figures(second, second * 30), 1, second * 1000)
    expect(memory.load(none, 19_000)).toEqual({ inFlight: 16.5, rps: 30, cpu: null, memory: null })
  })

  it('begins anew when the counts fall, as they are those of another gateway', () => {
    const memory = new Memory(1, 0)
    memory.note(figures(80, 1000), 1, 0)
    memory.note(figures(2, 10), 1, 1000)
    expect(memory.load(none, 1000)).toMatchObject({ inFlight: 2, rps: null })
  })

  it('is the share of its limits that each instance used since it was first seen', () => {
    const memory = new Memory(2, 0)
    memory.note({ inFlight: null, requests: null, usage: [usage('a', 10)] }, 2, 0)
    memory.note({ inFlight: null, requests: null, usage: [usage('a', 11), usage('b', 70)] }, 2, 2000)
    memory.note({ inFlight: null, requests: null, usage: [usage('a', 12), usage('b', 70.5)] }, 2, 4000)
    const { cpu, memory: used } = memory.load({ cpus: 0.5, memoryBytes: 200 }, 4000)
    expect(cpu).toEqual({ percent: 150, instances: 2 })
    expect(used).toEqual({ percent: 50, instances: 2 })
  })
})
