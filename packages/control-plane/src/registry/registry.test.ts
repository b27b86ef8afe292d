import type { Endpoint, EndpointState, GatewayConfig, GatewayReport, Registration, WatchMessage } from '@pando/model'
import { PandoError } from '@pando/model'
import { beforeEach, describe, expect, test } from 'vitest'
import type { NewEvent } from '../events/events.js'
import { MemoryStore } from '../store/memory-store.js'
import { ManualClock } from './manual-clock.suite.js'
import type { RegistryLimits } from './registration.js'
import { Registry } from './registry.js'

let clock: ManualClock
let store: MemoryStore
let events: NewEvent[]
let registry: Registry

function open(limits: Partial<RegistryLimits> = {}): Registry {
  let seed = 0.1
  return new Registry({
    store,
    clock,
    random: () => (seed = (seed * 7.13) % 1),
    emit: (event) => events.push(event),
    limits,
  })
}

beforeEach(() => {
  clock = new ManualClock()
  store = new MemoryStore()
  events = []
  registry = open()
})

const registration = (port = 5000, more: Partial<Registration> = {}): Registration => ({
  address: { host: '127.0.0.1', port },
  ttl: 10,
  ...more,
})

function own(id: string, state: EndpointState = 'healthy', service = 'users'): Endpoint {
  return {
    id,
    service,
    address: { host: '127.0.0.1', port: 1 },
    state,
    revision: 'r',
    weight: 100,
    metadata: { slot: '0' },
    source: 'pando',
  }
}

function report(
  gateway: string,
  applied: number,
  draining: Record<string, number> = {},
  epoch = registry.epoch,
): GatewayReport {
  return { gateway, pid: 1, epoch, applied, workers: 2, draining, listenerErrors: {} }
}

function failure(work: () => unknown): PandoError {
  try {
    work()
  } catch (error) {
    if (error instanceof PandoError) return error
    throw error
  }
  throw new Error('did not throw')
}

const ids = (): string[] => registry.endpoints(null).map((endpoint) => endpoint.id)

describe('own endpoints', () => {
  test('a sync is one version with what differs, and none when nothing does', () => {
    const watcher = registry.watch({ service: null, hasConfig: false }, null, () => undefined)
    watcher.next()
    registry.sync([own('a'), own('b')])
    expect(registry.version).toBe(1)
    registry.sync([{ ...own('b'), metadata: { slot: '0' } }, own('a')])
    expect(registry.version).toBe(1)
    watcher.next()
    registry.sync([own('b', 'draining'), own('c')])
    const message = JSON.parse(String(watcher.next())) as WatchMessage
    expect(message).toEqual({
      type: 'change',
      from: 1,
      version: 2,
      set: [own('b', 'draining'), own('c')],
      removed: ['a'],
    })
  })

  test('leaves those alone that registered themselves', () => {
    registry.register('users', 'self-1', registration())
    registry.sync([own('a')])
    registry.sync([])
    expect(ids()).toEqual(['self-1'])
  })

  test('an instance of ours takes its id back from one that registered it', () => {
    registry.register('users', 'a', registration())
    registry.sync([own('a')])
    expect(registry.endpoints('users')).toEqual([own('a')])
    expect(store.all('lease').size).toBe(0)
    clock.go(60_000)
    expect(ids()).toEqual(['a'])
  })

  test('the same configuration again is no version', () => {
    const config = { app: 'shop' } as GatewayConfig
    registry.setConfig(config)
    registry.setConfig({ ...config })
    expect(registry.version).toBe(1)
    registry.setConfig({ ...config, app: 'shop2' })
    expect(registry.version).toBe(2)
  })
})

describe('leases', () => {
  test('a registration is found, with its defaults, until it is taken back', () => {
    const lease = registry.register('users', 'u1', registration(5001, { metadata: { zone: 'a' } }))
    expect(lease.expiresAt).toBe(clock.now() + 10_000)
    expect(lease.endpoint).toEqual({
      id: 'u1',
      service: 'users',
      address: { host: '127.0.0.1', port: 5001 },
      state: 'healthy',
      revision: null,
      weight: 100,
      metadata: { zone: 'a' },
      source: 'self',
    })
    expect(registry.services()).toEqual([{ name: 'users', endpoints: 1, healthy: 1 }])
    registry.deregister('users', 'u1')
    expect(registry.services()).toEqual([])
    expect(events.map((event) => event.kind)).toEqual(['endpoint.registered', 'endpoint.deregistered'])
    expect(failure(() => registry.deregister('users', 'u1')).code).toBe('not_found')
    expect(failure(() => registry.renew('users', 'u1')).code).toBe('not_found')
  })

  test('without a renewal it ends after its time, with one it lives on; the timer ends with the last', () => {
    registry.register('users', 'u1', registration())
    registry.register('users', 'u2', registration())
    for (let i = 0; i < 4; i++) {
      clock.go(3_000)
      registry.renew('users', 'u2')
    }
    expect(ids()).toEqual(['u2'])
    expect(events.filter((event) => event.kind === 'endpoint.expired').map((event) => event.instance)).toEqual(['u1'])
    expect(store.all('lease').size).toBe(1)
    clock.go(11_000)
    expect(ids()).toEqual([])
    expect(clock.pending).toBe(0)
  })

  test('the same registration again renews it and is no change; another content is one', () => {
    registry.register('users', 'u1', registration())
    clock.go(8_000)
    registry.register('users', 'u1', registration())
    expect(registry.version).toBe(1)
    clock.go(8_000)
    expect(ids()).toEqual(['u1'])
    registry.register('users', 'u1', registration(5000, { state: 'draining' }))
    expect(registry.version).toBe(2)
    expect(events.length).toBe(1)
  })

  test('leases survive a restart of the control plane and have their whole time again', () => {
    registry.register('users', 'u1', registration())
    registry.register('users', 'u2', registration(5002, { ttl: 1 }))
    clock.go(900)
    registry.close()
    expect(clock.pending).toBe(0)
    clock.jump(3_600_000)
    const firstEpoch = registry.epoch
    registry = open()
    expect(firstEpoch).toMatch(/^[0-9a-z]{12}$/)
    expect(ids()).toEqual(['u1', 'u2'])
    clock.go(9_000)
    expect(ids()).toEqual(['u1', 'u2'])
    registry.renew('users', 'u1')
    clock.go(3_000)
    expect(ids()).toEqual(['u1'])
  })

  test('neither a clock that jumps nor a process that stalls ends a lease', () => {
    registry.register('users', 'u1', registration())
    clock.go(9_000)
    clock.jump(86_400_000)
    clock.go(9_000)
    expect(ids()).toEqual(['u1'])
    clock.jump(-86_400_000)
    clock.go(9_000)
    expect(ids()).toEqual(['u1'])
    clock.go(2_000)
    expect(ids()).toEqual([])
  })

  test('a lease ends also when the store cannot forget it', () => {
    registry.register('users', 'u1', registration())
    store.delete = () => {
      throw new PandoError('internal', 'disk full')
    }
    clock.go(11_000)
    expect(registry.endpoints('users')).toEqual([])
    expect(events.map((event) => event.kind)).toEqual(['endpoint.registered', 'fault', 'endpoint.expired'])
  })

  test('when all fall silent together nobody is evicted and it is said once; when renewals return, all goes on', () => {
    for (let i = 0; i < 20; i++) {
      registry.register('users', `u${i}`, registration(5000 + i))
      clock.go(100)
    }
    clock.go(60_000)
    expect(ids().length).toBe(20)
    const paused = events.filter((event) => event.kind === 'registry.eviction_paused')
    expect(paused.map((event) => event.service).sort()).toEqual([null, 'users'])
    for (let i = 0; i < 19; i++) {
      registry.renew('users', `u${i}`)
      clock.go(100)
    }
    expect(ids().length).toBe(20)
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 19; i++) registry.renew('users', `u${i}`)
      clock.go(3_000)
    }
    expect(ids().length).toBe(19)
    const resumed = events.filter((event) => event.kind === 'registry.eviction_resumed')
    expect(resumed.map((event) => event.service).sort()).toEqual([null, 'users'])
  })

  test('after ten minutes of silence they go', () => {
    for (let i = 0; i < 20; i++) registry.register('users', `u${i}`, registration(5000 + i))
    clock.go(9 * 60_000)
    expect(ids().length).toBe(20)
    clock.go(2 * 60_000)
    expect(ids()).toEqual([])
    expect(events.filter((event) => event.kind === 'endpoint.expired').length).toBe(1)
  })

  test('an id is one endpoint, whoever asks', () => {
    registry.sync([own('a')])
    registry.register('orders', 'x', registration())
    const ours = failure(() => registry.register('users', 'a', registration()))
    expect([ours.code, ours.message]).toEqual([
      'conflict',
      'a is an instance that Pando runs: it is registered already',
    ])
    const other = failure(() => registry.register('users', 'x', registration()))
    expect([other.code, other.hint]).toEqual(['conflict', expect.stringContaining('users-x')])
    expect(failure(() => registry.renew('users', 'a')).code).toBe('conflict')
  })

  test.each([
    ['Users', 'a', {}, 'service name'],
    ['users', '', {}, 'endpoint id'],
    ['users', 'a/b', {}, 'endpoint id'],
    ['users', 'x'.repeat(129), {}, 'endpoint id'],
    ['users', 'a', { address: { host: 'a b', port: 1 } }, 'address.host'],
    ['users', 'a', { address: { host: '127.0.0.1', port: 0 } }, 'address.port'],
    ['users', 'a', { address: { host: '127.0.0.1', port: 1.5 } }, 'address.port'],
    ['users', 'a', { ttl: 0.5 }, 'ttl'],
    ['users', 'a', { ttl: Number.NaN }, 'ttl'],
    ['users', 'a', { ttl: 3601 }, 'ttl'],
    ['users', 'a', { weight: 1001 }, 'weight'],
    ['users', 'a', { state: 'fine' as 'healthy' }, 'state'],
    ['users', 'a', { revision: '' }, 'revision'],
    ['users', 'a', { metadata: { big: 'x'.repeat(9_000) } }, 'metadata'],
    ['users', 'a', { metadata: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, ''])) }, 'metadata'],
  ])('refuses %s %s %o naming %s', (service, id, more, named) => {
    const error = failure(() => registry.register(service, id, registration(5000, more)))
    expect(error.code).toBe('usage')
    expect(error.message).toContain(named)
    expect(registry.version).toBe(0)
  })

  test('limits: services, endpoints of one, endpoints of all, watchers', () => {
    registry = open({ services: 2, endpointsPerService: 2, endpoints: 3, watchers: 1 })
    registry.register('a', 'a1', registration())
    registry.register('a', 'a2', registration())
    expect(failure(() => registry.register('a', 'a3', registration())).message).toContain('2 endpoints of a')
    registry.register('b', 'b1', registration())
    expect(failure(() => registry.register('c', 'c1', registration())).message).toContain('2 services')
    expect(failure(() => registry.register('b', 'b2', registration())).message).toContain('3 endpoints')
    registry.register('a', 'a1', registration(6000))
    registry.deregister('b', 'b1')
    registry.register('c', 'c1', registration())

    const all = { service: null, hasConfig: false }
    const watcher = registry.watch(all, null, () => undefined)
    expect(failure(() => registry.watch(all, null, () => undefined)).code).toBe('limit_reached')
    watcher.close()
    watcher.close()
    registry.watch(all, null, () => undefined)
    expect(failure(() => registry.watch(all, null, () => undefined)).code).toBe('limit_reached')
  })
})

describe('gateways', () => {
  let drained: string[]
  beforeEach(() => {
    drained = []
    registry.onDrained((endpoint) => drained.push(endpoint))
    registry.sync([own('a'), own('b')])
  })

  test('with no gateway a draining endpoint is drained at once, and it is told later, not within the call', () => {
    registry.sync([own('a', 'draining'), own('b')])
    expect(registry.isDrained('a')).toBe(true)
    expect(registry.isDrained('b')).toBe(false)
    expect(drained).toEqual([])
    clock.go(0)
    expect(drained).toEqual(['a'])
  })

  test('what was never in the table is drained', () => {
    expect(registry.isDrained('never')).toBe(true)
  })

  test('every gateway must serve by that version and have nothing in flight', () => {
    registry.report(report('g1', 1))
    registry.report(report('g2', 1))
    registry.sync([own('a', 'draining'), own('b')])
    expect(registry.isDrained('a')).toBe(false)
    registry.report(report('g1', 2))
    registry.report(report('g2', 2, { a: 3 }))
    expect(registry.isDrained('a')).toBe(false)
    registry.report(report('g2', 2, { a: 0 }))
    expect(registry.isDrained('a')).toBe(true)
    clock.go(1)
    expect(drained).toEqual(['a'])
    registry.report(report('g2', 2))
    clock.go(1)
    expect(drained).toEqual(['a'])
  })

  test('it stays drained when other things change, and is not when it serves again', () => {
    registry.report(report('g1', 1))
    registry.sync([own('a', 'draining'), own('b')])
    registry.report(report('g1', 2))
    registry.sync([own('a', 'draining'), own('b', 'unhealthy')])
    expect(registry.isDrained('a')).toBe(true)
    registry.sync([own('a'), own('b')])
    expect(registry.isDrained('a')).toBe(false)
    registry.sync([own('a', 'draining'), own('b')])
    expect(registry.isDrained('a')).toBe(false)
    registry.report(report('g1', registry.version))
    expect(registry.isDrained('a')).toBe(true)
  })

  test('a removed endpoint is drained when the gateways have let go of it', () => {
    registry.report(report('g1', 1))
    registry.sync([own('b')])
    expect(registry.isDrained('a')).toBe(false)
    registry.report(report('g1', 2, { a: 1 }))
    expect(registry.isDrained('a')).toBe(false)
    registry.report(report('g1', 2))
    expect(registry.isDrained('a')).toBe(true)
  })

  test('a report of another life says nothing about this one', () => {
    registry.sync([own('a', 'draining'), own('b')])
    registry.sync([own('a'), own('b')])
    registry.report(report('g1', 99, {}, 'other'))
    registry.sync([own('a', 'draining'), own('b')])
    expect(registry.isDrained('a')).toBe(false)
    registry.report(report('g1', registry.version))
    expect(registry.isDrained('a')).toBe(true)
  })

  test('a gateway that is no longer heard of is forgotten after ten seconds, one whose watch is open is not', () => {
    registry.report(report('dead', 1))
    registry.gatewayConnected('alive', true)
    registry.sync([own('a', 'draining'), own('b')])
    clock.go(9_000)
    registry.report(report('alive', 2))
    expect(registry.isDrained('a')).toBe(false)
    clock.go(2_000)
    expect(registry.isDrained('a')).toBe(true)
    expect(drained).toEqual(['a'])
    clock.go(60_000)
    expect(registry.gateways().map((known) => known.gateway)).toEqual(['alive'])
    registry.gatewayConnected('alive', false)
    clock.go(11_000)
    expect(registry.gateways()).toEqual([])
  })

  test('who listens hears of every report when it has taken effect, until it listens no more', () => {
    registry.report(report('g1', 1))
    registry.sync([own('a', 'draining'), own('b')])
    const heard: [number, boolean][] = []
    const stop = registry.onReport(({ applied }) => heard.push([applied, registry.isDrained('a')]))
    registry.report(report('g1', 2))
    stop()
    registry.report(report('g1', 2))
    expect(heard).toEqual([[2, true]])
  })

  test('a gateway that is known to have ended is waited for no longer', () => {
    registry.report(report('g1', 1))
    registry.sync([own('a', 'draining'), own('b')])
    registry.gatewayEnded('g1')
    expect(registry.isDrained('a')).toBe(true)
  })

  test('after a restart the gateways of the life before are waited for until they speak, ten seconds at most', () => {
    registry.report(report('g1', 1))
    registry.report(report('g2', 1))
    registry.close()
    registry = open()
    registry.sync([own('a', 'draining'), own('b')])
    expect(registry.isDrained('a')).toBe(false)
    registry.report(report('g1', 1))
    expect(registry.isDrained('a')).toBe(false)
    clock.go(6_000)
    registry.report(report('g1', 1))
    clock.go(5_000)
    expect(registry.isDrained('a')).toBe(true)
    expect(store.get('meta', 'registry.gateways')).toEqual(['g1'])
  })
})
