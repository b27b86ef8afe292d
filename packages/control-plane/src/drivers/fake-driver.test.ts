import { PandoError } from '@pando/model'
import { describe, expect, it } from 'vitest'
import type { Clock } from '../clock.js'
import { FakeDriver, FakeSubstrate, type FakeBehaviour } from './fake-driver.js'
import { driverContract, startOrder, type ProgramKind } from './driver.suite.js'

/** Time that moves only when told. */
class StillClock implements Clock {
  #now = 1_000_000
  #elapsed = 0
  #timers: { at: number; callback: () => void }[] = []

  now(): number {
    return this.#now
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#elapsed + ms, callback }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  advance(ms: number): void {
    const end = this.#elapsed + ms
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      this.#now += next.at - this.#elapsed
      this.#elapsed = next.at
      this.#timers = this.#timers.filter((other) => other !== next)
      next.callback()
    }
    this.#now += end - this.#elapsed
    this.#elapsed = end
  }
}

function world(behaviour: FakeBehaviour = {}): { clock: StillClock; substrate: FakeSubstrate } {
  const clock = new StillClock()
  return { clock, substrate: new FakeSubstrate({ clock, faults: { behaviour: () => behaviour } }) }
}

const contractBehaviours: Record<ProgramKind, FakeBehaviour> = {
  runs: {},
  'exits with 3': { exitsAfterMs: 10, exit: { kind: 'exit', code: 3 } },
  'ignores the stop signal': { stopsAfterMs: null },
}

driverContract('FakeDriver', async () => {
  const clock = new StillClock()
  const behaviours = new Map<string, FakeBehaviour>()
  const substrate = new FakeSubstrate({ clock, faults: { behaviour: (order) => behaviours.get(order.id) ?? {} } })
  return {
    open: () => new FakeDriver(substrate),
    lose: (driver) => driver.close(),
    order(id, program) {
      behaviours.set(id, contractBehaviours[program])
      return startOrder(id)
    },
    ready: async () => {},
    pass: async () => clock.advance(10),
    dispose: async () => {},
  }
})

describe('FakeDriver', () => {
  it('crashes when its script says so, and tells its watchers', async () => {
    const { clock, substrate } = world({ exitsAfterMs: 500, exit: { kind: 'exit', code: 3 } })
    const driver = new FakeDriver(substrate)
    const exits: unknown[] = []
    driver.watch((report) => exits.push(report.state))
    await driver.start(startOrder('a-0'))
    clock.advance(499)
    expect(exits).toEqual([])
    clock.advance(1)
    expect(exits).toEqual([{ kind: 'exited', at: 1_000_500, reason: { kind: 'exit', code: 3 } }])
    expect(substrate.running()).toEqual([])
  })

  it('leaves nothing when the control plane dies before the program began', async () => {
    const { clock, substrate } = world({ beginsAfterMs: 100 })
    const first = new FakeDriver(substrate)
    void first.start(startOrder('a-0'))
    clock.advance(50)
    first.die()
    clock.advance(1000)
    expect(await new FakeDriver(substrate).list()).toEqual([])
  })

  it('runs on when the control plane dies between beginning and answering', async () => {
    const { clock, substrate } = world({ beginsAfterMs: 100, resolvesAfterMs: null })
    const first = new FakeDriver(substrate)
    let isSettled = false
    void first.start(startOrder('a-0')).finally(() => (isSettled = true))
    clock.advance(100)
    first.die()
    const second = new FakeDriver(substrate)
    const [report] = await second.list()
    expect(report).toMatchObject({ id: 'a-0', state: { kind: 'running' } })
    expect(isSettled).toBe(false)
  })

  it('does not know the exit code of what its predecessor started', async () => {
    const { substrate } = world()
    const first = new FakeDriver(substrate)
    await first.start(startOrder('a-0'))
    first.die()
    const second = new FakeDriver(substrate)
    substrate.crash('a-0', { kind: 'exit', code: 1 })
    const [report] = await second.list()
    expect(report?.state).toMatchObject({ kind: 'exited', reason: { kind: 'unknown' } })
  })

  it('ignores the stop signal when scripted to, but not the kill', async () => {
    const { clock, substrate } = world({ stopsAfterMs: null })
    const driver = new FakeDriver(substrate)
    await driver.start(startOrder('a-0'))
    await driver.stop('a-0')
    clock.advance(60_000)
    expect(substrate.running()).toHaveLength(1)
    await driver.kill('a-0')
    expect(substrate.running()).toHaveLength(0)
  })

  it('rejects and runs nothing when scripted to', async () => {
    const { substrate } = world({ reject: new PandoError('internal', 'no more processes') })
    const driver = new FakeDriver(substrate)
    await expect(driver.start(startOrder('a-0'))).rejects.toThrow('no more processes')
    expect(await driver.list()).toEqual([])
  })

  it('is healthy in the time its script names, whatever the wall clock does', async () => {
    const { clock, substrate } = world({ healthyAfterMs: 100, unhealthyAfterMs: 300 })
    await new FakeDriver(substrate).start(startOrder('a-0'))
    expect(substrate.isHealthy('a-0')).toBe(false)
    clock.advance(100)
    expect(substrate.isHealthy('a-0')).toBe(true)
    clock.advance(200)
    expect(substrate.isHealthy('a-0')).toBe(false)
  })
})
