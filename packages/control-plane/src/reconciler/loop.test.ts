import { PandoError, type Endpoint } from '@pando/model'
import { describe, expect, it } from 'vitest'
import type { Builder } from '../build/builder.js'
import type { Driver } from '../drivers/driver.js'
import { FakeDriver, FakeSubstrate, type FakeBehaviour } from '../drivers/fake-driver.js'
import type { NewEvent } from '../events/events.js'
import { FullDisk } from '../store/full-disk.suite.js'
import { MemoryStore } from '../store/memory-store.js'
import { desiredOf, desiredService, revisionSpec } from './fixtures.suite.js'
import { Reconciler } from './loop.js'
import type { EndpointSink, ReconcilerOptions } from './ports.js'
import { seededRandom, SimulatedClock } from './simulated-clock.suite.js'

const ignore = (): void => {}

const refuseToPrepare = (): never => {
  throw new PandoError('port_taken', 'port 5432 is taken by process 7')
}

/** A clock, programs and a store that outlive the control planes started on them. */
function worldOf(behaviour: (service: string) => FakeBehaviour = () => ({}), store = new MemoryStore()) {
  const clock = new SimulatedClock()
  const substrate = new FakeSubstrate({ clock, faults: { behaviour: ({ service }) => behaviour(service) } })
  const random = seededRandom(1)

  async function begin(
    options: {
      driver?: Driver
      builder?: Builder
      prepare?: () => never
      maxBuilds?: number
      onRolloutResult?: ReconcilerOptions['onRolloutResult']
    } = {},
  ) {
    const events: NewEvent[] = []
    const table = new Map<string, Endpoint>()
    let drained: (id: string) => void = ignore
    const released = new Set<string>()
    const endpoints: EndpointSink = {
      sync(all) {
        table.clear()
        for (const endpoint of all) table.set(endpoint.id, endpoint)
      },
      isDrained: (id) => released.has(id),
      onDrained: (callback) => (drained = callback),
    }
    const reconciler = new Reconciler({
      driver: options.driver ?? new FakeDriver(substrate),
      builder: options.builder ?? {
        build: async ({ workdir }) => ({ command: ['serve'], workdir, environment: {}, path: [] }),
      },
      prober: { probe: async ({ id }) => ({ ok: substrate.isHealthy(id), detail: 'refused' }) },
      store,
      clock,
      random,
      endpoints,
      emit: (event) => events.push(event),
      prepare: options.prepare ?? (() => ({ address: { host: '127.0.0.1', port: 20_000 }, environment: {} })),
      ...(options.maxBuilds === undefined ? {} : { maxBuilds: options.maxBuilds }),
      ...(options.onRolloutResult === undefined ? {} : { onRolloutResult: options.onRolloutResult }),
    })
    await reconciler.start()
    const release = (id: string): void => {
      released.add(id)
      drained(id)
    }
    const kinds = (kind: NewEvent['kind']): NewEvent[] => events.filter((event) => event.kind === kind)
    return { reconciler, endpoints, events, kinds, table, release }
  }
  return { clock, substrate, store, begin }
}

const running = (substrate: FakeSubstrate): string[] =>
  substrate
    .running()
    .map(({ service, slot, revision }) => `${service}/${slot}@${revision}`)
    .sort()

const states = (table: Map<string, Endpoint>): string[] => [...table.values()].map(({ state }) => state)

describe('the reconciler', () => {
  it('builds, starts and publishes what is wanted, and is idle then', async () => {
    const { clock, substrate, begin } = worldOf(() => ({ healthyAfterMs: 300 }))
    const { reconciler, table, events } = await begin()
    reconciler.setDesired(desiredOf(desiredService('web', { replicas: 2 })))
    let isIdle = false
    void reconciler.idle().then(() => (isIdle = true))
    await clock.pass(200)
    expect(states(table)).toEqual(['starting', 'starting'])
    expect(isIdle).toBe(false)
    await clock.pass(1000)
    expect(running(substrate)).toEqual(['web/0@A', 'web/1@A'])
    expect([...table.values()].map(({ state, metadata, weight }) => ({ state, metadata, weight }))).toEqual(
      [0, 1].map((slot) => ({ state: 'healthy', metadata: { slot: `${slot}`, generation: '1' }, weight: 100 })),
    )
    expect(isIdle).toBe(true)
    expect(events.filter(({ kind }) => kind === 'fault' || kind === 'service.waiting')).toEqual([])
  })

  it.each([true, false])(
    'tells once how a rollout has ended: by itself unless it was told already (%s)',
    async (isTold) => {
      const { begin, clock } = worldOf()
      const broken = { build: () => Promise.reject(new PandoError('build_failed', 'no such module')) }
      const results: string[] = []
      const onRolloutResult = ({ result }: { result: string }): boolean => results.push(result) > 0 && isTold
      const { kinds, reconciler } = await begin({ builder: broken, onRolloutResult })
      reconciler.setDesired(desiredOf(desiredService('web')))
      await clock.pass(1000)
      expect(results).toEqual(['failed'])
      expect(kinds('rollout.failed')).toHaveLength(isTold ? 0 : 1)
    },
  )

  it('takes an instance out of the table in the very call that reports its exit', async () => {
    const { clock, substrate, begin } = worldOf()
    const { reconciler, table } = await begin()
    reconciler.setDesired(desiredOf(desiredService('web')))
    await clock.pass(1000)
    const [{ id }] = substrate.running()
    expect(table.has(id)).toBe(true)
    substrate.crash(id)
    expect(table.has(id)).toBe(false)
    await clock.pass(2000)
    expect(running(substrate)).toEqual(['web/0@A'])
  })

  it('stops an instance only when it has drained', async () => {
    const { clock, substrate, begin } = worldOf()
    const { reconciler, table, release } = await begin()
    reconciler.setDesired(desiredOf(desiredService('web')))
    await clock.pass(1000)
    reconciler.setDesired(new Map())
    await clock.pass(14_000)
    expect(states(table)).toEqual(['draining'])
    expect(running(substrate)).toEqual(['web/0@A'])
    release([...table.keys()][0])
    await clock.pass(0)
    expect(table.size).toBe(0)
    expect(running(substrate)).toEqual([])
    await clock.pass(0)
    expect(substrate.reports()).toEqual([])
  })

  it('has written the desired state when it takes it', async () => {
    const { store, begin } = worldOf()
    const { reconciler } = await begin()
    reconciler.setDesired(desiredOf(desiredService('web'), desiredService('api')))
    reconciler.setDesired(desiredOf(desiredService('web')))
    expect([...store.all('desired').keys()]).toEqual(['web'])
  })

  it('leaves its instances alone when it closes, and the next one serves on with them at once', async () => {
    const { clock, substrate, begin } = worldOf()
    const first = await begin()
    first.reconciler.setDesired(desiredOf(desiredService('web', { replicas: 2 })))
    await clock.pass(1000)
    await first.reconciler.close()
    const before = substrate.running().map(({ id }) => id)
    const second = await begin()
    expect(states(second.table)).toEqual(['healthy', 'healthy'])
    await clock.pass(60_000)
    expect(substrate.running().map(({ id }) => id)).toEqual(before)
    expect(substrate.starts).toBe(2)
    expect(second.kinds('instance.adopted')).toHaveLength(2)
    expect(second.kinds('instance.started')).toEqual([])
  })

  it('takes in orphans that are just what is missing, and stops the others', async () => {
    const { clock, substrate, store, begin } = worldOf()
    const first = await begin()
    first.reconciler.setDesired(desiredOf(desiredService('web', { replicas: 3 })))
    await clock.pass(1000)
    await first.reconciler.close()
    for (const id of store.all('health').keys()) store.delete('health', id)
    store.put('desired', 'web', desiredService('web', { replicas: 2 }))
    const second = await begin()
    await clock.pass(20_000)
    expect(running(substrate)).toHaveLength(2)
    expect(substrate.starts).toBe(3)
    expect(states(second.table)).toEqual(['healthy', 'healthy'])
    expect(substrate.reports()).toHaveLength(2)
  })

  it('counts a start that the driver refuses as a failure, and tries again after its backoff', async () => {
    let refusals = 2
    const { clock, substrate, begin } = worldOf(() =>
      refusals-- > 0 ? { reject: new PandoError('port_taken', 'port 20000 is taken') } : {},
    )
    const { reconciler, kinds } = await begin()
    reconciler.setDesired(desiredOf(desiredService('web')))
    await clock.pass(900)
    expect(kinds('instance.failed')[0].message).toContain('could not start: port 20000 is taken; started again in 1 s')
    await clock.pass(1000)
    expect(substrate.starts).toBe(2)
    expect(running(substrate)).toEqual([])
    await clock.pass(2000)
    expect(running(substrate)).toEqual(['web/0@A'])
  })

  it('counts a start for which nothing could be prepared as a failure', async () => {
    const { clock, substrate, begin } = worldOf()
    const { reconciler, kinds } = await begin({ prepare: refuseToPrepare })
    reconciler.setDesired(desiredOf(desiredService('web')))
    await clock.pass(5000)
    expect(kinds('instance.failed').map(({ message }) => message.split(': ').at(-1))).toEqual([
      'port 5432 is taken by process 7; started again in 1 s',
      'port 5432 is taken by process 7; started again in 2 s',
      'port 5432 is taken by process 7; started again in 4 s',
    ])
    expect(substrate.starts).toBe(0)
  })

  it('stops an instance whose start was still under way when it was no longer wanted', async () => {
    const { clock, substrate, begin } = worldOf(() => ({ beginsAfterMs: 3000 }))
    const { reconciler, release } = await begin()
    reconciler.setDesired(desiredOf(desiredService('web')))
    await clock.pass(1000)
    reconciler.setDesired(new Map())
    await clock.pass(0)
    release(reconciler.observed().instances[0].id)
    await clock.pass(1900)
    expect(reconciler.observed().instances[0].record.stop).not.toBeNull()
    await clock.pass(100)
    expect(substrate.starts).toBe(1)
    expect(running(substrate)).toEqual([])
    await clock.pass(6000)
    expect(substrate.reports()).toEqual([])
  })

  it('goes on with the others when one build fails, and tries again when the wish is renewed', async () => {
    const { clock, substrate, begin } = worldOf()
    let builds = 0
    const builder: Builder = {
      async build({ service, workdir }) {
        if (service === 'api' && builds++ < 3) throw new PandoError('build_failed', 'no such module')
        return { command: ['serve'], workdir, environment: {}, path: [] }
      },
    }
    const { reconciler, kinds } = await begin({ builder })
    const desired = desiredOf(desiredService('api', { revision: 'B' }), desiredService('web'))
    reconciler.setDesired(desired)
    await clock.pass(500)
    expect(running(substrate)).toEqual(['web/0@A'])
    expect(kinds('build.failed').map(({ message }) => message)).toEqual(['api could not be built: no such module'])
    await clock.pass(600)
    expect(builds).toBe(2)
    reconciler.setDesired(desired)
    await clock.pass(100)
    expect(builds).toBe(3)
    await clock.pass(1500)
    expect(running(substrate)).toEqual(['api/0@B', 'web/0@A'])
  })

  it('builds no more at once than its limit, and aborts what nobody wants any more', async () => {
    const { clock, begin } = worldOf()
    const begun: string[] = []
    const aborted: string[] = []
    const builder: Builder = {
      build: ({ service }, _onOutput, signal) =>
        new Promise((_resolve, reject) => {
          begun.push(service)
          signal.addEventListener('abort', () => {
            aborted.push(service)
            reject(new PandoError('build_failed', 'aborted'))
          })
        }),
    }
    const { reconciler, kinds } = await begin({ builder, maxBuilds: 2 })
    const services = ['a', 'b', 'c'].map((name) => desiredService(name, { revision: name }))
    reconciler.setDesired(desiredOf(...services))
    await clock.pass(100)
    expect(begun).toEqual(['a', 'b'])
    reconciler.setDesired(desiredOf(services[1], services[2]))
    await clock.pass(100)
    expect(aborted).toEqual(['a'])
    expect(begun).toEqual(['a', 'b', 'c'])
    expect(kinds('build.failed')).toEqual([])
    await reconciler.close()
    expect(aborted).toEqual(['a', 'b', 'c'])
  })

  it('builds again what was aborted and is wanted again before the abortion was through', async () => {
    const { clock, substrate, begin } = worldOf()
    const fates: ((error: Error | null) => void)[] = []
    const builder: Builder = {
      build: ({ workdir }) =>
        new Promise((resolve, reject) => {
          fates.push((error) =>
            error === null ? resolve({ command: ['serve'], workdir, environment: {}, path: [] }) : reject(error),
          )
        }),
    }
    const { reconciler, kinds } = await begin({ builder })
    const desired = desiredOf(desiredService('web'))
    reconciler.setDesired(desired)
    await clock.pass(100)
    reconciler.setDesired(new Map())
    await clock.pass(100)
    reconciler.setDesired(desired)
    await clock.pass(100)
    expect(fates).toHaveLength(1)
    fates[0](new Error('aborted'))
    await clock.pass(100)
    expect(fates).toHaveLength(2)
    fates[1](null)
    await clock.pass(1000)
    expect(running(substrate)).toEqual(['web/0@A'])
    expect([...kinds('fault'), ...kinds('build.failed')]).toEqual([])
  })

  it('replaces one by one on restart, and stops first where the port is fixed', async () => {
    const { clock, substrate, begin } = worldOf(() => ({ healthyAfterMs: 500 }))
    const { reconciler, table, release } = await begin()
    const spec = revisionSpec('db', { port: 5432 })
    const at = (generation: number) =>
      desiredOf(desiredService('db', { spec, generation }), desiredService('web', { replicas: 2, generation }))
    reconciler.setDesired(at(1))
    await clock.pass(2000)
    reconciler.setDesired(at(2))
    const most = new Map<string, number>()
    let fewestHealthy = Infinity
    for (let i = 0; i < 100; i++) {
      await clock.pass(100)
      for (const { id, state } of table.values()) if (state === 'draining') release(id)
      for (const name of ['db', 'web']) {
        const count = substrate.running().filter(({ service }) => service === name).length
        most.set(name, Math.max(most.get(name) ?? 0, count))
      }
      const healthy = [...table.values()].filter(
        ({ service, state }) => service === 'web' && state === 'healthy',
      ).length
      fewestHealthy = Math.min(fewestHealthy, healthy)
    }
    expect(substrate.running().every(({ generation }) => generation === 2)).toBe(true)
    // Two, a successor, and one that has left and is about to end.
    expect(Object.fromEntries(most)).toEqual({ db: 1, web: 4 })
    expect(fewestHealthy).toBe(2)
  })

  it('goes down from the dependents to what they depend on', async () => {
    const { clock, substrate, begin } = worldOf(() => ({ stopsAfterMs: 500 }))
    const { reconciler, table, release } = await begin()
    const api = desiredService('api', { dependsOn: { db: 'service_healthy' } })
    const web = desiredService('web', { dependsOn: { api: 'service_started' } })
    reconciler.setDesired(desiredOf(desiredService('db'), api, web))
    await clock.pass(2000)
    expect(running(substrate)).toEqual(['api/0@A', 'db/0@A', 'web/0@A'])
    reconciler.setDesired(new Map())
    const order: string[] = []
    for (let i = 0; i < 40; i++) {
      await clock.pass(100)
      for (const { id, state } of table.values()) if (state === 'draining') release(id)
      const left = running(substrate).join(' ')
      if (left !== order.at(-1)) order.push(left)
    }
    expect(order).toEqual(['api/0@A db/0@A web/0@A', 'api/0@A db/0@A', 'db/0@A', ''])
  })

  it('wants nothing new when what goes with it could not be written', async () => {
    const { clock, substrate, store, begin } = worldOf()
    const { reconciler } = await begin()
    const wish = (): void =>
      reconciler.setDesired(desiredOf(desiredService('web')), () => {
        store.put('meta', 'app', 'shop')
        throw new PandoError('internal', 'disk full')
      })
    expect(wish).toThrow('disk full')
    await clock.pass(1000)
    expect(reconciler.desired().size + store.all('desired').size + store.all('meta').size).toBe(0)
    expect(running(substrate)).toEqual([])
  })

  it('starts what it has written down, also when it could not be made known', async () => {
    const { clock, substrate, begin } = worldOf()
    const { reconciler, endpoints } = await begin()
    reconciler.setDesired(desiredOf(desiredService('web')))
    const { sync } = endpoints
    endpoints.sync = () => {
      if (reconciler.observed().instances.length === 0) return
      endpoints.sync = sync
      throw new PandoError('internal', 'disk full')
    }
    await clock.pass(10_000)
    expect(running(substrate)).toEqual(['web/0@A'])
  })

  it('kills what does not stop', async () => {
    const { clock, substrate, begin } = worldOf(() => ({ stopsAfterMs: null }))
    const { reconciler, release, kinds } = await begin()
    reconciler.setDesired(desiredOf(desiredService('web')))
    await clock.pass(1000)
    const [{ id }] = substrate.running()
    reconciler.setDesired(new Map())
    await clock.pass(0)
    release(id)
    await clock.pass(9900)
    expect(running(substrate)).toHaveLength(1)
    await clock.pass(200)
    expect(running(substrate)).toHaveLength(0)
    expect(kinds('instance.killed')).toHaveLength(1)
  })

  it('goes on with what runs while nothing can be written, and writes it down once there is room', async () => {
    const store = new FullDisk()
    const { clock, substrate, begin } = worldOf(() => ({}), store)
    const { reconciler, table } = await begin()
    reconciler.setDesired(desiredOf(desiredService('web', { replicas: 2 })))
    await clock.pass(5000)
    const [first, second] = substrate.running()
    store.isFull = true
    substrate.crash(first!.id)
    await clock.pass(5000)
    // What crashed is replaced, what became of the others is known, and requests go to those that are well.
    expect(running(substrate)).toEqual(['web/0@A', 'web/1@A'])
    const replacement = substrate.running().find(({ id }) => id !== second!.id)!
    expect(replacement.id).not.toBe(first!.id)
    expect([...table.values()].map(({ id, state }) => `${id} ${state}`).sort()).toEqual(
      [`${replacement.id} healthy`, `${second!.id} healthy`].sort(),
    )
    expect([...store.all('health').keys()]).toContain(first!.id)
    store.isFull = false
    await clock.pass(2000)
    expect([...store.all('health').keys()].sort()).toEqual([replacement.id, second!.id].sort())
    expect([...store.all('slot').values()].map(({ failures }) => failures)).toEqual([1])
  })

  it('holds the service whose rollout cannot be written, and no other', async () => {
    const store = new FullDisk()
    const { clock, substrate, begin } = worldOf(() => ({}), store)
    const { reconciler, kinds, release } = await begin()
    reconciler.setDesired(desiredOf(desiredService('web'), desiredService('api')))
    await clock.pass(10_000)
    const put = store.put.bind(store)
    let isFull = true
    store.put = (kind, key, value) => {
      if (isFull && kind === 'rollout' && key === 'web') throw new PandoError('internal', 'disk full')
      put(kind, key, value)
    }
    reconciler.setDesired(desiredOf(desiredService('web', { revision: 'B' }), desiredService('api')))
    const api = substrate.running().find(({ service }) => service === 'api')!
    substrate.crash(api.id)
    await clock.pass(10_000)
    expect(running(substrate)).toEqual(['api/0@A', 'web/0@A'])
    expect(substrate.running().find(({ service }) => service === 'api')!.id).not.toBe(api.id)
    expect(kinds('fault')[0].message).toBe('could not go on with the rollout of web: disk full')
    const old = substrate.running().find(({ service }) => service === 'web')!
    release(old.id)
    isFull = false
    await clock.pass(10_000)
    expect(running(substrate)).toEqual(['api/0@A', 'web/1@B'])
  })
})
