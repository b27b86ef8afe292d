import type { IncomingMessage } from 'node:http'
import type { Endpoint, WatchMessage } from '@pando/model'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { begin, serveFake, until } from './fixture.suite.js'
import type { Fixture } from './fixture.suite.js'

let fixture: Fixture
beforeEach(async () => {
  fixture = await serveFake()
})
afterEach(() => fixture.close())

/** A watcher over the real socket, strict as the protocol wants it. */
class SocketWatcher {
  readonly response: IncomingMessage
  readonly table = new Map<string, Endpoint>()
  readonly delaysMs: number[] = []
  version = -1
  snapshots = 0
  changes = 0
  fault: string | null = null
  #rest = ''

  constructor(response: IncomingMessage) {
    this.response = response
    response.setEncoding('utf8').on('data', (text: string) => {
      const lines = text.split('\n')
      lines[0] = this.#rest + lines[0]
      this.#rest = lines.pop()!
      for (const line of lines) this.#apply(JSON.parse(line) as WatchMessage)
    })
  }

  #apply(message: WatchMessage): void {
    if (message.type === 'heartbeat') return
    if (message.type === 'snapshot') {
      this.snapshots++
      this.table.clear()
      for (const endpoint of message.endpoints) this.table.set(endpoint.id, endpoint)
    } else {
      this.changes++
      if (message.from !== this.version) this.fault = `has ${this.version}, got a change from ${message.from}`
      for (const id of message.removed) this.table.delete(id)
      for (const endpoint of message.set) {
        this.table.set(endpoint.id, endpoint)
        this.delaysMs.push(Date.now() - Number(endpoint.metadata['at']))
      }
    }
    this.version = message.version
  }
}

async function watch(): Promise<SocketWatcher> {
  return new SocketWatcher(await begin({ socketPath: fixture.socketPath, path: '/v1/registry/watch' }))
}

function register(id: number, padding = ''): void {
  const metadata = { at: String(Date.now()), padding }
  const registration = { address: { host: '127.0.0.1', port: 1 + id }, ttl: 3_600, metadata }
  fixture.registry.register(`service-${id % 50}`, `e${id}`, registration)
}

test('10,000 endpoints, 10 watchers: every change reaches every one, far within the second that is promised', async () => {
  for (let id = 0; id < 10_000; id++) register(id)
  const watchers = await Promise.all(Array.from({ length: 10 }, watch))
  await until(() => watchers.every((watcher) => watcher.snapshots === 1))
  for (let round = 0; round < 100; round++) {
    register(round * 7)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  await until(() => watchers.every((watcher) => watcher.version === fixture.registry.version))
  const wanted = fixture.registry.endpoints(null)
  for (const watcher of watchers) {
    expect(watcher.fault).toBeNull()
    expect(watcher.table.size).toBe(10_000)
    expect(wanted.every((endpoint) => watcher.table.get(endpoint.id)?.metadata['at'] === endpoint.metadata['at'])).toBe(
      true,
    )
    watcher.response.destroy()
  }
  const delays = watchers.flatMap((watcher) => watcher.delaysMs).sort((a, b) => a - b)
  // Twice what is promised, as the machine of a test has other things to do.
  expect(delays[Math.floor(delays.length * 0.99)]).toBeLessThan(2_000)
})

test('one that does not read holds up nobody, and has all of it when it reads again', async () => {
  register(0)
  const [slow, quick] = await Promise.all([watch(), watch()])
  await until(() => slow.snapshots === 1 && quick.snapshots === 1)
  slow.response.pause()
  for (let turn = 0; turn < 60; turn++) {
    // More than the history keeps, and far more than the buffers of a socket.
    for (let id = 0; id < 100; id++) register(id, `${turn}`.padEnd(1_000, '.'))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await until(() => quick.version === fixture.registry.version)
  expect(slow.version).toBeLessThan(fixture.registry.version)
  slow.response.resume()
  await until(() => slow.version === fixture.registry.version)
  for (const watcher of [slow, quick]) {
    expect(watcher.fault).toBeNull()
    expect([...watcher.table.values()].sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual(fixture.registry.endpoints(null))
    watcher.response.destroy()
  }
  expect(slow.snapshots).toBe(2)
})
