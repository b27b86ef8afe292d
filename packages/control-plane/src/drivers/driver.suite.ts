import type { RevisionSpec } from '@pando/model'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Driver, InstanceReport, StartOrder } from './driver.js'

/** An order with everything filled in, for tests. */
export function startOrder(
  id: string,
  changes: Partial<Omit<StartOrder, 'spec'>> & { spec?: Partial<RevisionSpec> } = {},
): StartOrder {
  const { spec, ...rest } = changes
  return {
    id,
    service: 'a',
    slot: 0,
    revision: '0123456789',
    generation: 0,
    address: null,
    program: { command: ['sleep', '600'], workdir: '/', environment: {}, path: [] },
    environment: { PATH: '/usr/local/bin:/usr/bin:/bin', PANDO_INSTANCE: id },
    ...rest,
    spec: {
      service: 'a',
      build: { kind: 'none', context: '/', command: null },
      workdir: '/',
      command: null,
      environment: {},
      protocol: 'none',
      port: null,
      healthcheck: { probe: { kind: 'tcp' }, intervalMs: 1000, timeoutMs: 1000, rise: 2, fall: 3, startupMs: 30_000 },
      resources: { memoryBytes: null, cpus: null },
      stopSignal: 'SIGTERM',
      stopGracePeriodMs: 10_000,
      logs: { maxBytes: 1_048_576, maxFiles: 3 },
      ...spec,
    },
  }
}

/** What a program in the contract does. */
export type ProgramKind = 'runs' | 'exits with 3' | 'ignores the stop signal'

/** A substrate under test. */
export interface DriverWorld {
  /** Another driver over the same substrate and state. */
  open(): Driver
  /** Loses the driver without any goodbye to what runs. */
  lose(driver: Driver): Promise<void>
  order(id: string, program: ProgramKind): StartOrder
  /** Resolves when the started program does what its kind says. */
  ready(id: string): Promise<void>
  /** Lets a little time pass. */
  pass(): Promise<void>
  /** Ends everything, whatever the test left. */
  dispose(): Promise<void>
  /** The substrate itself remembers how a program ended, whoever was its parent. Default: false. */
  readonly remembersExits?: boolean
}

/** Waits until it is true; throws when it does not become so. */
export async function until(pass: () => Promise<void>, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 15_000
  while (!(await isTrue())) {
    if (Date.now() > end) throw new Error(`still not so after 15 s: ${isTrue.toString()}`)
    await pass()
  }
}

/** What every driver promises, whatever it runs instances on. */
export function driverContract(name: string, create: () => Promise<DriverWorld>): void {
  describe(`${name} keeps the driver contract`, () => {
    let world: DriverWorld
    let driver: Driver

    beforeEach(async () => {
      world = await create()
      driver = world.open()
    })

    afterEach(() => world.dispose())

    async function reportOf(id: string, from: Driver = driver): Promise<InstanceReport | undefined> {
      return (await from.list()).find((report) => report.id === id)
    }

    async function exitOf(id: string, from: Driver = driver): Promise<InstanceReport['state'] | undefined> {
      await until(world.pass, async () => (await reportOf(id, from))?.state.kind === 'exited')
      return (await reportOf(id, from))?.state
    }

    it('reports what it started as it was ordered', async () => {
      const order = world.order('a-0', 'runs')
      const report = await driver.start({ ...order, slot: 4, generation: 7 })
      expect(report).toMatchObject({ id: 'a-0', service: 'a', slot: 4, generation: 7, state: { kind: 'running' } })
      expect(report.revision).toBe(order.revision)
      expect(report.resources).toEqual(order.spec.resources)
      expect(report.pid).toBeGreaterThan(0)
      expect(await driver.list()).toEqual([report])
    })

    it('starts an id once, however often it is asked to', async () => {
      const order = world.order('a-0', 'runs')
      const [first, second] = await Promise.all([driver.start(order), driver.start(order)])
      const third = await driver.start(order)
      expect(second).toEqual(first)
      expect(third).toEqual(first)
      expect(await driver.list()).toHaveLength(1)
    })

    it('says with which code a program ended, and keeps saying so until it is removed', async () => {
      const seen: InstanceReport[] = []
      driver.watch((report) => seen.push(report))
      await driver.start(world.order('a-0', 'exits with 3'))
      expect(await exitOf('a-0')).toMatchObject({ reason: { kind: 'exit', code: 3 } })
      expect(seen).toHaveLength(1)
      expect(seen[0]).toEqual(await reportOf('a-0'))
      expect(seen[0]?.pid).toBeNull()
      await driver.remove('a-0')
      expect(await driver.list()).toEqual([])
    })

    it('calls nobody back who has stopped watching', async () => {
      let calls = 0
      const unwatch = driver.watch(() => (calls += 1))
      unwatch()
      await driver.start(world.order('a-0', 'exits with 3'))
      await exitOf('a-0')
      expect(calls).toBe(0)
    })

    it('stops with the stop signal', async () => {
      await driver.start(world.order('a-0', 'runs'))
      await driver.stop('a-0')
      expect(await exitOf('a-0')).toMatchObject({ reason: { kind: 'signal', signal: 'SIGTERM' } })
    })

    it('leaves one that ignores the stop signal running, and kills it', async () => {
      await driver.start(world.order('a-0', 'ignores the stop signal'))
      await world.ready('a-0')
      await driver.stop('a-0')
      for (let i = 0; i < 5; i += 1) await world.pass()
      expect((await reportOf('a-0'))?.state.kind).toBe('running')
      await driver.kill('a-0')
      expect(await exitOf('a-0')).toMatchObject({ reason: { kind: 'signal', signal: 'SIGKILL' } })
    })

    it('does not forget what still runs', async () => {
      await driver.start(world.order('a-0', 'runs'))
      await expect(driver.remove('a-0')).rejects.toMatchObject({ code: 'conflict' })
      expect(await driver.list()).toHaveLength(1)
    })

    it('takes stop, kill and remove of what is unknown or has ended as done', async () => {
      await driver.stop('nobody')
      await driver.kill('nobody')
      await driver.remove('nobody')
      await driver.start(world.order('a-0', 'exits with 3'))
      const state = await exitOf('a-0')
      await driver.stop('a-0')
      await driver.kill('a-0')
      expect((await reportOf('a-0'))?.state).toEqual(state)
    })

    it('starts an id anew once it is removed', async () => {
      await driver.start(world.order('a-0', 'exits with 3'))
      await exitOf('a-0')
      await driver.remove('a-0')
      await driver.start(world.order('a-0', 'runs'))
      expect((await reportOf('a-0'))?.state.kind).toBe('running')
    })

    it('finds what an earlier driver started, stops it, and does not claim to know how it ended where nobody can', async () => {
      const started = await driver.start(world.order('a-0', 'runs'))
      await world.lose(driver)
      const next = world.open()
      expect(await next.list()).toEqual([started])
      const seen: InstanceReport[] = []
      next.watch((report) => seen.push(report))
      await next.stop('a-0')
      const reason = world.remembersExits === true ? { kind: 'signal', signal: 'SIGTERM' } : { kind: 'unknown' }
      expect(await exitOf('a-0', next)).toMatchObject({ reason })
      expect(seen.map((report) => report.id)).toEqual(['a-0'])
    })

    it('still knows of an exit that an earlier driver saw', async () => {
      await driver.start(world.order('a-0', 'exits with 3'))
      const state = await exitOf('a-0')
      await world.lose(driver)
      expect((await reportOf('a-0', world.open()))?.state).toEqual(state)
    })

    it('notices what ended while no driver was there', async () => {
      await driver.start(world.order('a-0', 'runs'))
      await driver.stop('a-0')
      await world.lose(driver)
      for (let i = 0; i < 5; i += 1) await world.pass()
      expect((await exitOf('a-0', world.open()))?.kind).toBe('exited')
    })
  })
}
