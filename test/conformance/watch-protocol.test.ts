import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Events, MemoryStore, Registry, createControlApi, serveControlApi, systemClock } from '@pando/control-plane'
import type { AppControl } from '@pando/control-plane'
import type { Endpoint, GatewayConfig, GatewayReport, RoutingTable } from '@pando/model'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Discovery } from '../../packages/gateway/src/process/discovery.js'
import { Reporter } from '../../packages/gateway/src/process/reporter.js'

const config: GatewayConfig = {
  app: 'shop',
  listeners: [],
  routes: [],
  services: [{ name: 'users', protocol: 'http', balancer: 'round_robin' }],
  limits: {
    maxTargetBytes: 1,
    maxHeadBytes: 1,
    maxHeaders: 1,
    maxBodyBytes: 1,
    headTimeoutMs: 1,
    keepAliveTimeoutMs: 1,
    idleTimeoutMs: 1,
    requestTimeoutMs: 1,
    connectTimeoutMs: 1,
    maxConnections: 1,
    maxConnectionsPerEndpoint: 1,
    maxPending: 1,
    pendingTimeoutMs: 1,
    maxRetries: 1,
  },
  accessLog: null,
}

function instance(id: string, state: Endpoint['state'] = 'healthy'): Endpoint {
  const address = { host: '127.0.0.1', port: 5001 }
  return { id, service: 'users', address, state, revision: 'r', weight: 100, metadata: {}, source: 'pando' }
}

/** The control plane's half, as its parts are wired. */
class ControlPlane {
  readonly registry: Registry
  readonly #socketPath: string
  #server: { close(): Promise<void> } | null = null

  constructor(store: MemoryStore, socketPath: string) {
    const events = new Events({ store, clock: systemClock })
    this.registry = new Registry({
      store,
      clock: systemClock,
      random: Math.random,
      emit: (event) => events.emit(event),
    })
    this.#socketPath = socketPath
  }

  async serve(): Promise<void> {
    const { registry } = this
    const events = new Events({ store: new MemoryStore(), clock: systemClock })
    const app = createControlApi({
      jobs: undefined as never,
      keys: undefined as never,
      control: {} as AppControl,
      registry,
      events,
      version: '0',
      heartbeatMs: 20,
    })
    this.#server = await serveControlApi({ app, socketPath: this.#socketPath, token: 't' })
  }

  async end(): Promise<void> {
    await this.#server?.close()
    this.registry.close()
  }
}

/** The gateway's half, without workers: it serves by every table at once. */
class Gateway {
  table: RoutingTable | null = null
  inFlight: Record<string, number> = {}
  readonly lost: string[] = []
  readonly #discovery: Discovery
  readonly #reporter: Reporter

  constructor(controlSocket: string) {
    this.#reporter = new Reporter(controlSocket, { make: () => this.#report(), onTaken: () => {} })
    this.#discovery = new Discovery({
      controlSocket,
      gateway: 'gateway',
      table: null,
      onTable: (table) => {
        this.table = table
        this.#reporter.send()
      },
      onLost: (reason) => this.lost.push(reason),
    })
    this.#discovery.start()
  }

  finish(): void {
    this.inFlight = {}
    this.#reporter.send()
  }

  stop(): void {
    this.#discovery.stop()
    this.#reporter.stop()
  }

  get states(): string {
    return (this.table?.endpoints ?? []).map(({ id, state }) => `${id} ${state}`).join(', ')
  }

  #report(): GatewayReport | null {
    if (this.table === null) return null
    const { epoch, version } = this.table
    return {
      gateway: 'gateway',
      pid: 1,
      epoch,
      applied: version,
      workers: 1,
      draining: this.inFlight,
      listenerErrors: {},
    }
  }
}

let folder: string
let store: MemoryStore
let control: ControlPlane
let gateway: Gateway

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pando-watch-'))
  store = new MemoryStore()
  control = new ControlPlane(store, join(folder, 'control.sock'))
  await control.serve()
  gateway = new Gateway(join(folder, 'control.sock'))
})
afterEach(async () => {
  gateway.stop()
  await control.end()
  rmSync(folder, { recursive: true, force: true })
})

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe('control plane and gateway by the watch protocol', () => {
  test('the gateway has a table when there is a configuration, follows every change, and is never told to start over', async () => {
    await until(() => control.registry.gateways().length === 1)
    control.registry.sync([instance('a'), instance('b')])
    control.registry.setConfig(config)
    await until(() => gateway.states === 'a healthy, b healthy')
    for (let i = 0; i < 50; i++) {
      control.registry.sync([instance('a'), instance(`c${i}`)])
      if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 25))
    }
    control.registry.setConfig({ ...config, app: 'shop2' })
    await until(() => gateway.table?.version === control.registry.version)
    expect(gateway.states).toBe('a healthy, c49 healthy')
    expect(gateway.table?.config.app).toBe('shop2')
    expect(gateway.lost).toEqual([])
  })

  test('a draining endpoint is drained when the gateway has let go of it, not before', async () => {
    control.registry.sync([instance('a'), instance('b')])
    control.registry.setConfig(config)
    await until(() => control.registry.gateways()[0]?.report?.applied === control.registry.version)
    const drained: string[] = []
    control.registry.onDrained((endpoint) => drained.push(endpoint))
    gateway.inFlight = { a: 2 }
    control.registry.sync([instance('a', 'draining'), instance('b')])
    expect(control.registry.isDrained('a')).toBe(false)
    await until(() => control.registry.gateways()[0]?.report?.applied === control.registry.version)
    expect(control.registry.isDrained('a')).toBe(false)
    gateway.finish()
    await until(() => drained.length > 0)
    expect(drained).toEqual(['a'])
    expect(control.registry.isDrained('a')).toBe(true)
  })

  test('a control plane that dies and comes back finds the gateway on its last table, and waits for it', async () => {
    control.registry.sync([instance('a'), instance('b')])
    control.registry.setConfig(config)
    await until(() => control.registry.gateways()[0]?.report?.applied === control.registry.version)
    await control.end()
    await until(() => gateway.lost.length > 0)
    expect(gateway.states).toBe('a healthy, b healthy')

    control = new ControlPlane(store, join(folder, 'control.sock'))
    control.registry.sync([instance('a', 'draining'), instance('b')])
    expect(control.registry.isDrained('a')).toBe(false)
    await control.serve()
    // It is there before there is a configuration, and keeps what it has until there is one.
    await until(() => control.registry.gateways().some((known) => known.watches === 1))
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(gateway.states).toBe('a healthy, b healthy')
    expect(gateway.lost.filter((reason) => reason.includes('starting over'))).toEqual([])
    control.registry.setConfig(config)
    await until(() => control.registry.isDrained('a'))
    expect(gateway.states).toBe('a draining, b healthy')
    expect(gateway.table?.epoch).toBe(control.registry.epoch)
  })
})
