import type { Endpoint, GatewayConfig, WatchMessage } from '@pando/model'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { coalesce, narrow } from './change.js'
import type { Scope } from './change.js'
import { WatchHub } from './watch-hub.js'
import type { Position, Watcher } from './watch-hub.js'

const all: Scope = { service: null, hasConfig: false }
const gateway: Scope = { service: null, hasConfig: true }

function endpoint(id: string, service = 'users', port = 1): Endpoint {
  return {
    id,
    service,
    address: { host: '127.0.0.1', port },
    state: 'healthy',
    revision: null,
    weight: 100,
    metadata: {},
    source: 'pando',
  }
}

const config = (app: string): GatewayConfig => ({ app }) as GatewayConfig

/** A watcher as the protocol asks it to be: it applies only what follows on what it has, and anything else is a failure. */
class Client {
  readonly endpoints = new Map<string, Endpoint>()
  config: GatewayConfig | undefined
  position: Position | null = null
  snapshots = 0
  changes = 0

  apply(bytes: Uint8Array): void {
    const line = Buffer.from(bytes).toString()
    if (!line.endsWith('\n')) throw new Error('no whole line')
    const message = JSON.parse(line) as WatchMessage
    if (message.type === 'heartbeat') {
      if (message.version !== this.position?.version) throw new Error('a heartbeat of another version')
      return
    }
    if (message.type === 'snapshot') {
      this.snapshots++
      this.endpoints.clear()
      for (const item of message.endpoints) this.endpoints.set(item.id, item)
      this.config = message.config
      this.position = { epoch: message.epoch, version: message.version }
      return
    }
    this.changes++
    if (this.position === null || message.from !== this.position.version) {
      throw new Error(`gap: has ${this.position?.version}, got a change from ${message.from}`)
    }
    if (message.version <= message.from) throw new Error('a change that leads nowhere')
    for (const id of message.removed) this.endpoints.delete(id)
    for (const item of message.set) this.endpoints.set(item.id, item)
    if (message.config !== undefined) this.config = message.config
    this.position = { epoch: this.position.epoch, version: message.version }
  }

  drink(watcher: Watcher): void {
    for (let line = watcher.next(); line !== null; line = watcher.next()) this.apply(line)
  }

  get table(): unknown {
    return Object.fromEntries([...this.endpoints].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}

describe('WatchHub', () => {
  test('first a snapshot, then every change, and nothing twice', () => {
    const hub = new WatchHub({ epoch: 'e' })
    hub.publish({ set: [endpoint('a')] })
    let calls = 0
    const watcher = hub.watch(all, null, () => calls++)
    const client = new Client()
    client.drink(watcher)
    expect(client.snapshots).toBe(1)
    expect(watcher.next()).toBeNull()
    hub.publish({ set: [endpoint('b')] })
    hub.publish({ removed: ['a'] })
    expect(calls).toBe(1)
    client.drink(watcher)
    expect([...client.endpoints.keys()]).toEqual(['b'])
    expect([client.snapshots, client.changes]).toEqual([1, 1])
    client.apply(watcher.heartbeat())
    watcher.close()
    hub.publish({ removed: ['b'] })
    expect(calls).toBe(1)
  })

  test('who resumes with a version gets what came after it; another epoch, a future or a forgotten version get a snapshot', () => {
    const hub = new WatchHub({ epoch: 'e', maxChanges: 3 })
    for (let i = 1; i <= 6; i++) hub.publish({ set: [endpoint(`i${i}`)] })
    const first = (since: Position) =>
      JSON.parse(String(hub.watch(all, since, () => undefined).next())) as WatchMessage | null
    expect(first({ epoch: 'e', version: 6 })).toBeNull()
    expect(first({ epoch: 'e', version: 4 })).toMatchObject({ type: 'change', from: 4, version: 6 })
    expect(first({ epoch: 'e', version: 3 })).toMatchObject({ type: 'change', from: 3, version: 6 })
    expect(first({ epoch: 'e', version: 2 })?.type).toBe('snapshot')
    expect(first({ epoch: 'x', version: 6 })?.type).toBe('snapshot')
    expect(first({ epoch: 'e', version: 7 })?.type).toBe('snapshot')
    expect(first({ epoch: 'e', version: 4.5 })?.type).toBe('snapshot')
    expect(first({ epoch: 'e', version: -1 })?.type).toBe('snapshot')
  })

  test('a watcher that falls behind the history gets a new snapshot', () => {
    const hub = new WatchHub({ epoch: 'e', maxChanges: 3 })
    const client = new Client()
    const watcher = hub.watch(all, null, () => undefined)
    client.drink(watcher)
    for (let i = 0; i < 10; i++) hub.publish({ set: [endpoint(`i${i}`)] })
    client.drink(watcher)
    expect([client.snapshots, client.changes, client.endpoints.size]).toEqual([2, 0, 10])
  })

  test('the history is bounded by what it holds, too', () => {
    const hub = new WatchHub({ epoch: 'e', maxChanges: 100, maxItems: 10 })
    hub.publish({ set: [endpoint('a')] })
    hub.publish({ set: Array.from({ length: 10 }, (_, i) => endpoint(`i${i}`)) })
    const line = hub.watch(all, { epoch: 'e', version: 0 }, () => undefined).next()!
    expect((JSON.parse(String(line)) as WatchMessage).type).toBe('snapshot')
  })

  test('a gateway’s first word waits for the configuration; others never see it', () => {
    const hub = new WatchHub({ epoch: 'e' })
    hub.publish({ set: [endpoint('a')] })
    let calls = 0
    const ofGateway = hub.watch(gateway, null, () => calls++)
    const ofOther = hub.watch(all, null, () => undefined)
    expect(ofGateway.next()).toBeNull()
    ofOther.next()
    hub.publish({ set: [endpoint('b')] })
    expect(ofGateway.next()).toBeNull()
    expect(ofOther.next()).not.toBeNull()
    hub.publish({ config: config('shop') })
    expect(calls).toBe(2)
    const client = new Client()
    client.drink(ofGateway)
    expect(client.config).toEqual({ app: 'shop' })
    expect(client.endpoints.size).toBe(2)
    expect(ofOther.next()).toBeNull()
    hub.publish({ config: config('shop2') })
    client.drink(ofGateway)
    expect([client.config, client.snapshots]).toEqual([{ app: 'shop2' }, 1])
  })

  test('one of another life that still waits for its first word is not told that it is behind', () => {
    const hub = new WatchHub({ epoch: 'e' })
    const watcher = hub.watch(gateway, { epoch: 'before', version: 123 }, () => undefined)
    expect(watcher.next()).toBeNull()
    expect(JSON.parse(String(watcher.heartbeat()))).toEqual({ type: 'heartbeat', version: 123 })
  })

  test('who watches one service hears of no other, and is not called for it', () => {
    const hub = new WatchHub({ epoch: 'e' })
    let calls = 0
    const watcher = hub.watch({ service: 'orders', hasConfig: false }, null, () => calls++)
    const client = new Client()
    client.drink(watcher)
    for (let i = 0; i < 20; i++) hub.publish({ set: [endpoint(`u${i}`, 'users')] })
    expect(calls).toBe(0)
    hub.publish({ set: [endpoint('o', 'orders')] })
    expect(calls).toBe(1)
    client.drink(watcher)
    expect([...client.endpoints.keys()]).toEqual(['o'])
    // It moves away: gone for this one, only different for who sees both.
    hub.publish({ set: [endpoint('o', 'users')] })
    client.drink(watcher)
    expect(client.endpoints.size).toBe(0)
  })

  test('watchers in step share one line', () => {
    const hub = new WatchHub({ epoch: 'e' })
    const watchers = Array.from({ length: 50 }, () => hub.watch(all, null, () => undefined))
    for (const watcher of watchers) watcher.next()
    let reads = 0
    const counted = new Proxy(endpoint('a'), {
      get(target, key) {
        if (key === 'toJSON') reads++
        return Reflect.get(target, key) as unknown
      },
    })
    hub.publish({ set: [counted] })
    const lines = watchers.map((watcher) => watcher.next())
    expect(new Set(lines).size).toBe(1)
    expect(reads).toBe(1)
  })

  test('any watcher with any delays, drops and resumptions ends with the registry’s state and never meets a gap', () => {
    const ids = ['a', 'b', 'c', 'd', 'e']
    const services = ['x', 'y', 'z']
    const item = fc.record({
      id: fc.constantFrom(...ids),
      service: fc.constantFrom(...services),
      port: fc.integer({ min: 1, max: 9 }),
    })
    const scopes: Scope[] = [all, gateway, { service: 'x', hasConfig: false }, { service: 'y', hasConfig: true }]
    const action = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          kind: fc.constant('publish' as const),
          set: fc.array(item, { maxLength: 3 }),
          removed: fc.subarray(ids),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('config' as const), name: fc.string({ maxLength: 3 }) }) },
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant('drink' as const),
          who: fc.nat(7),
          sips: fc.integer({ min: 1, max: 3 }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('reconnect' as const), who: fc.nat(7) }) },
    )
    fc.assert(
      fc.property(fc.array(action, { maxLength: 80 }), fc.integer({ min: 1, max: 8 }), (actions, maxChanges) => {
        const hub = new WatchHub({ epoch: 'e', maxChanges, maxItems: 20 })
        const waiting = new Set<number>()
        const join = (index: number, since: Position | null): Watcher => {
          waiting.delete(index)
          return hub.watch(scopes[index % scopes.length]!, since, () => {
            // At most once between two looks.
            if (waiting.has(index)) throw new Error('called twice')
            waiting.add(index)
          })
        }
        const clients = Array.from({ length: 8 }, () => new Client())
        const watchers = clients.map((_, index) => join(index, null))
        const drink = (index: number, sips: number): void => {
          for (let sip = 0; sip < sips; sip++) {
            const line = watchers[index]!.next()
            if (line === null) {
              waiting.delete(index)
              return
            }
            clients[index]!.apply(line)
            waiting.delete(index)
          }
        }
        for (const act of actions) {
          if (act.kind === 'publish') {
            const set = [...new Map(act.set.map((e) => [e.id, endpoint(e.id, e.service, e.port)])).values()]
            hub.publish({ set, removed: act.removed.filter((id) => !set.some((e) => e.id === id)) })
          } else if (act.kind === 'config') hub.publish({ config: config(act.name) })
          else if (act.kind === 'drink') drink(act.who, act.sips)
          else {
            watchers[act.who]!.close()
            watchers[act.who] = join(act.who, clients[act.who]!.position)
          }
        }
        hub.publish({ config: config('last') })
        clients.forEach((client, index) => {
          client.drink(watchers[index]!)
          const scope = scopes[index % scopes.length]!
          const wanted = hub.endpoints(scope.service).sort((a, b) => (a.id < b.id ? -1 : 1))
          expect(client.table).toEqual(Object.fromEntries(wanted.map((e) => [e.id, e])))
          expect(client.config).toEqual(scope.hasConfig ? { app: 'last' } : undefined)
        })
      }),
      { numRuns: 400 },
    )
  })
})

describe('coalesce', () => {
  test('keeps each endpoint’s last word, and the last configuration', () => {
    const folded = coalesce([
      { set: [endpoint('a', 'x', 1), endpoint('b', 'x', 1)], removed: [] },
      { set: [endpoint('a', 'x', 2)], removed: [{ id: 'b', service: 'x' }], config: config('1') },
      { set: [], removed: [{ id: 'c', service: 'x' }], config: config('2') },
    ])
    expect(folded.set).toEqual([endpoint('a', 'x', 2)])
    expect(folded.removed.map((item) => item.id)).toEqual(['b', 'c'])
    expect(folded.config).toEqual({ app: '2' })
  })

  test('an endpoint that changed its service is gone for the one and new for the other', () => {
    const folded = coalesce([
      { set: [endpoint('a', 'x')], removed: [] },
      { set: [endpoint('a', 'y')], removed: [{ id: 'a', service: 'x' }] },
    ])
    expect(narrow(folded, { service: 'x', hasConfig: false })).toEqual({ set: [], removed: ['a'] })
    expect(narrow(folded, { service: 'y', hasConfig: false })).toEqual({ set: [endpoint('a', 'y')], removed: [] })
    expect(narrow(folded, all)).toEqual({ set: [endpoint('a', 'y')], removed: [] })
    expect(narrow(folded, { service: 'z', hasConfig: true })).toBeNull()
  })
})
