import { EventEmitter, once } from 'node:events'
import { createServer, type Server } from 'node:net'
import type { Listener, RoutingTable } from '@pando/model'
import { describe, expect, it } from 'vitest'
import type { DataPlane, Listen, MetricsSnapshot } from '../data-plane.js'
import type { ToPrimary, ToWorker } from './messages.js'
import { config, edge, endpoint, tableOf } from './tables.suite.js'
import { runWorker, type WorkerOptions } from './worker.js'

/** A data plane that opens its listeners and otherwise does what the test says. */
class FakePlane implements DataPlane {
  connections = 0
  readonly applied: RoutingTable[] = []
  readonly counts = new Map<string, number>()
  closedAfterMs: number | null = null
  isReplaced: boolean | null = null
  refusal: string | null = null
  readonly #listen: Listen
  readonly #servers: Server[] = []
  #drained: (endpoint: string) => void = () => {}
  #opening: Promise<unknown> = Promise.resolve()

  constructor(listen: Listen) {
    this.#listen = listen
  }

  apply(table: RoutingTable): Promise<Readonly<Record<string, string>>> {
    if (this.refusal !== null) throw new Error(this.refusal)
    this.applied.push(table)
    const opened = this.#open(table.config.listeners)
    this.#opening = opened
    return opened
  }

  inFlight(): Map<string, number> {
    return this.counts
  }

  onDrained(callback: (endpoint: string) => void): void {
    this.#drained = callback
  }

  drained(id: string): void {
    this.counts.delete(id)
    this.#drained(id)
  }

  metrics(): MetricsSnapshot {
    return { families: [] }
  }

  async close(timeoutMs: number, isReplaced: boolean): Promise<void> {
    await this.#opening
    this.isReplaced = isReplaced
    this.closedAfterMs = timeoutMs
    for (const server of this.#servers) server.close()
  }

  async #open(listeners: readonly Listener[]): Promise<Record<string, string>> {
    const errors: Record<string, string> = {}
    for (const listener of listeners) {
      const server = createServer()
      try {
        await this.#listen(server, listener)
        this.#servers.push(server)
      } catch (error) {
        errors[listener.name] = (error as Error).message
      }
    }
    return errors
  }
}

function setUp(takeover: WorkerOptions['takeover'] = null) {
  const said: ToPrimary[] = []
  let hear: ((message: ToWorker, handle?: unknown) => void) | null = null
  let disconnect: (() => void) | null = null
  let plane: FakePlane | null = null
  const exited = new Promise<number>((exit) => {
    runWorker({
      line: {
        send: (message) => void said.push(message),
        onMessage: (callback) => (hear = callback),
        onDisconnect: (callback) => (disconnect = callback),
      },
      createPlane: (listen) => (plane = new FakePlane(listen)),
      takeover,
      exit,
    })
  })
  const tell = async (message: ToWorker) => {
    hear?.(message)
    await new Promise(setImmediate)
  }
  return { said, tell, exited, disconnect: () => disconnect?.(), plane: plane as unknown as FakePlane }
}

const shared = config([])
const status = (version: number, leaving: Record<string, number> = {}) => ({
  type: 'status',
  epoch: 'e1',
  version,
  listenerErrors: {},
  leaving,
})

describe('a worker', () => {
  it('says that it hears, then what it serves by', async () => {
    const { said, tell } = setUp()
    await tell({ type: 'table', table: tableOf(1, [endpoint('a', 1)], shared) })
    expect(said).toEqual([{ type: 'ready' }, status(1)])
  })

  it('keeps the configuration it has when only endpoints change', async () => {
    const { tell, plane } = setUp()
    await tell({ type: 'table', table: tableOf(1, [endpoint('a', 1), endpoint('b', 2)], shared) })
    await tell({ type: 'endpoints', epoch: 'e1', version: 2, set: [endpoint('c', 3)], removed: ['a'] })
    expect(plane.applied[1]).toEqual(tableOf(2, [endpoint('b', 2), endpoint('c', 3)], shared))
    expect(plane.applied[1]?.config).toBe(plane.applied[0]?.config)
  })

  it('counts what is in flight to endpoints that drain or are gone, and says when it is over', async () => {
    const { said, tell, plane } = setUp()
    for (const [id, count] of Object.entries({ a: 1, b: 2, gone: 3 })) plane.counts.set(id, count)
    await tell({ type: 'table', table: tableOf(1, [endpoint('a', 1), endpoint('b', 2, 'draining')], shared) })
    expect(said.at(-1)).toEqual(status(1, { b: 2, gone: 3 }))
    plane.drained('b')
    expect(said.at(-1)).toEqual(status(1, { gone: 3 }))
  })

  it('serves on by the table it has when it cannot apply the next one', async () => {
    const { said, tell, plane } = setUp()
    await tell({ type: 'table', table: tableOf(1, [], shared) })
    plane.refusal = 'broken'
    await tell({ type: 'table', table: tableOf(2, [], shared) })
    expect(said.at(-1)).toEqual({ type: 'refused', epoch: 'e1', version: 2, reason: 'Error: broken' })
    plane.drained('a')
    expect(said.at(-1)).toEqual(status(1))
  })

  it('asks the primary for each socket, and says which could not be had', async () => {
    const { said, tell } = setUp()
    await tell({ type: 'table', table: tableOf(1, [], config([edge(80)])) })
    expect(said.at(-1)).toEqual({ type: 'listen', listener: edge(80) })
    await tell({ type: 'listener', name: 'edge', error: 'port 80 is taken' })
    expect(said.at(-1)).toEqual({ ...status(1), listenerErrors: { edge: 'port 80 is taken' } })
  })

  it('ends when the primary is gone, also while it waits for a socket', async () => {
    const { tell, exited, disconnect, plane } = setUp()
    await tell({ type: 'table', table: tableOf(1, [], config([edge(80)])) })
    disconnect()
    expect(await exited).toBe(0)
    expect(plane.closedAfterMs).toBe(10_000)
    expect(plane.isReplaced).toBe(false)
  })

  it('serves on when the primary is gone, until there is a successor', async () => {
    const next = new EventEmitter()
    const { tell, exited, disconnect, plane } = setUp({ succeeded: async () => void (await once(next, 'announced')) })
    await tell({ type: 'table', table: tableOf(1, [], shared) })
    disconnect()
    await new Promise(setImmediate)
    expect(plane.closedAfterMs).toBe(null)
    next.emit('announced')
    expect(await exited).toBe(0)
    expect(plane.closedAfterMs).toBe(10_000)
    expect(plane.isReplaced).toBe(true)
  })

  it('drains once, for as long as it is told', async () => {
    const { tell, exited, disconnect, plane } = setUp()
    await tell({ type: 'drain', timeoutMs: 300, isReplaced: true })
    disconnect()
    expect(await exited).toBe(0)
    expect(plane.closedAfterMs).toBe(300)
    expect(plane.isReplaced).toBe(true)
  })
})
