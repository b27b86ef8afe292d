import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  LocalProber,
  ProcessDriver,
  Reconciler,
  Registry,
  SqliteStore,
  systemClock,
  type DesiredService,
  type NewEvent,
} from '@pando/control-plane'
import { revisionOf, type Address, type Endpoint, type RevisionSpec } from '@pando/model'
import { afterEach, describe, expect, it, vi } from 'vitest'

// The reconciler with everything real around it: processes, probes over the network, SQLite, the registry.

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean()
})

const program = `
const server = require('node:http').createServer((request, response) => {
  if (request.url === '/exit') process.exit(3)
  response.end(JSON.stringify({ instance: process.env.PANDO_INSTANCE, greeting: process.env.GREETING, pid: process.pid }))
})
server.listen(process.env.PORT, '127.0.0.1')
process.on('SIGTERM', () => server.close(() => process.exit(0)) && server.closeAllConnections())
`

function appDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'pando-reconciler-'))
  writeFileSync(join(directory, 'serve.cjs'), program)
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

function service(
  name: string,
  directory: string,
  changes: Partial<RevisionSpec> & { replicas?: number } = {},
): DesiredService {
  const { replicas = 1, ...specChanges } = changes
  const spec: RevisionSpec = {
    service: name,
    build: { kind: 'none', context: directory, command: null },
    workdir: directory,
    command: [process.execPath, 'serve.cjs'],
    environment: {},
    protocol: 'http',
    port: null,
    healthcheck: {
      probe: { kind: 'http', path: '/' },
      intervalMs: 1000,
      timeoutMs: 5000,
      rise: 1,
      fall: 3,
      startupMs: 60_000,
    },
    resources: { memoryBytes: null, cpus: null },
    stopSignal: 'SIGTERM',
    stopGracePeriodMs: 10_000,
    logs: { maxBytes: 1_000_000, maxFiles: 2 },
    ...specChanges,
  }
  return {
    name,
    revision: revisionOf(spec),
    spec,
    generation: 1,
    replicas,
    isStopped: false,
    restart: 'always',
    dependsOn: {},
    drainTimeoutMs: 5000,
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** A control plane without its API and manifest. Ports are found beforehand, since a preparation cannot wait. */
async function controlPlane(directory: string, ports: number[]) {
  const events: NewEvent[] = []
  const emit = (event: NewEvent): void => void events.push(event)
  const store = new SqliteStore({ path: join(directory, 'state.db') })
  const driver = new ProcessDriver({ stateDir: directory, clock: systemClock })
  const registry = new Registry({ store, clock: systemClock, random: Math.random, emit })
  const reconciler = new Reconciler({
    driver,
    builder: {
      build: async ({ workdir, command }) => ({ command: command ?? '', workdir, environment: {}, path: [] }),
    },
    prober: new LocalProber({ commands: driver }),
    store,
    clock: systemClock,
    random: Math.random,
    endpoints: registry,
    emit,
    prepare: ({ spec }, _slot, id) => {
      const address: Address = { host: '127.0.0.1', port: ports.shift()! }
      const { PATH = '' } = process.env
      return { address, environment: { PATH, PORT: String(address.port), PANDO_INSTANCE: id, ...spec.environment } }
    },
  })
  await reconciler.start()
  const close = async (): Promise<void> => {
    await reconciler.close()
    await driver.close()
    registry.close()
    store.close()
  }
  const endpoints = (state?: Endpoint['state']): Endpoint[] =>
    registry.endpoints(null).filter((endpoint) => state === undefined || endpoint.state === state)
  return { reconciler, registry, driver, events, endpoints, close }
}

type ControlPlane = Awaited<ReturnType<typeof controlPlane>>

async function end({ reconciler, driver, close }: ControlPlane): Promise<void> {
  reconciler.setDesired(new Map())
  await vi.waitFor(async () => expect(await driver.list()).toEqual([]), { timeout: 30_000 })
  await close()
}

const ask = async ({ address }: Endpoint): Promise<{ instance: string; greeting?: string; pid: number }> =>
  (await fetch(`http://127.0.0.1:${address.port}/`)).json() as never

const soon = { timeout: 30_000, interval: 20 }

describe('the reconciler over real processes', { timeout: 90_000 }, () => {
  it('starts, replaces what crashes, is followed by a next one without a restart, rolls, and goes down', async () => {
    const directory = appDirectory()
    const ports = await Promise.all(Array.from({ length: 10 }, freePort))
    const first = await controlPlane(directory, ports)
    let current = first
    cleanups.push(() => end(current))
    first.reconciler.setDesired(new Map([['web', service('web', directory, { replicas: 2 })]]))
    await vi.waitFor(() => expect(first.endpoints('healthy')).toHaveLength(2), soon)
    const [one, other] = first.endpoints()
    expect((await ask(one)).instance).toBe(one.id)

    await fetch(`http://127.0.0.1:${one.address.port}/exit`).catch(() => {})
    await vi.waitFor(() => expect(first.endpoints().map(({ id }) => id)).not.toContain(one.id), soon)
    await vi.waitFor(() => expect(first.endpoints('healthy')).toHaveLength(2), soon)
    expect(first.events.find(({ kind }) => kind === 'instance.failed')?.message).toContain('exit code 3')
    expect(first.endpoints().map(({ id }) => id)).toContain(other.id)

    const before = await Promise.all(first.endpoints().map(ask))
    await first.close()
    const second = await controlPlane(directory, ports)
    current = second
    expect(second.endpoints('healthy')).toHaveLength(2)
    await second.reconciler.idle()
    expect(await Promise.all(second.endpoints().map(ask))).toEqual(before)

    const next = service('web', directory, { replicas: 2, environment: { GREETING: 'hello' } })
    second.reconciler.setDesired(new Map([['web', next]]))
    let fewest = Infinity
    await vi.waitFor(() => {
      const healthy = second.endpoints('healthy')
      fewest = Math.min(fewest, healthy.length)
      expect(second.endpoints().map(({ revision }) => revision)).toEqual([next.revision, next.revision])
      expect(healthy).toHaveLength(2)
    }, soon)
    expect(fewest).toBe(2)
    expect((await Promise.all(second.endpoints().map(ask))).map(({ greeting }) => greeting)).toEqual(['hello', 'hello'])

    second.reconciler.setDesired(new Map())
    await vi.waitFor(async () => expect(await second.driver.list()).toEqual([]), soon)
    expect(second.endpoints()).toEqual([])
    expect(second.events.filter(({ kind }) => kind === 'fault')).toEqual([])
  })

  it('runs a job to its end before what depends on it', async () => {
    const directory = appDirectory()
    const plane = await controlPlane(directory, await Promise.all(Array.from({ length: 4 }, freePort)))
    cleanups.push(() => end(plane))
    const spec = {
      command: 'sleep 1',
      protocol: 'none',
      healthcheck: { ...service('x', directory).spec.healthcheck, probe: { kind: 'none' } },
    } as const
    const job: DesiredService = { ...service('job', directory, spec), restart: 'on-failure' }
    const web: DesiredService = { ...service('web', directory), dependsOn: { job: 'service_completed_successfully' } }
    plane.reconciler.setDesired(
      new Map([
        ['job', job],
        ['web', web],
      ]),
    )
    await vi.waitFor(() => expect(plane.endpoints('healthy').map((e) => e.service)).toContain('web'), soon)
    const order = plane.events.filter(({ kind }) => kind === 'instance.started' || kind === 'instance.exited')
    expect(order.map(({ kind, service: name }) => `${kind} ${name}`)).toEqual([
      'instance.started job',
      'instance.exited job',
      'instance.started web',
    ])
    await plane.reconciler.idle()
    expect(plane.reconciler.observed().instances).toHaveLength(1)
  })
})
