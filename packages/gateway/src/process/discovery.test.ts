import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RoutingTable, WatchMessage } from '@pando/model'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Discovery } from './discovery.js'
import { endpoint, tableOf } from './tables.suite.js'

/** A control plane that says what it is told to: each watch that is opened is handed out once. */
class ScriptedControlPlane {
  readonly path: string
  readonly #server: Server
  readonly #opened: { url: URL; response: ServerResponse }[] = []
  #waiting: (() => void) | null = null

  constructor(path: string) {
    this.path = path
    this.#server = createServer((request, response) => {
      this.#opened.push({ url: new URL(request.url ?? '', 'http://pando'), response })
      this.#waiting?.()
    })
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(this.path, resolve))
  }

  async watch(): Promise<{ url: URL; response: ServerResponse; say: (...messages: WatchMessage[]) => void }> {
    while (this.#opened.length === 0) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve
      })
    }
    const opened = this.#opened.shift() as { url: URL; response: ServerResponse }
    return {
      ...opened,
      say: (...messages) =>
        void opened.response.write(messages.map((message) => `${JSON.stringify(message)}\n`).join('')),
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

let folder = ''
let plane: ScriptedControlPlane
let discovery: Discovery | null = null
let tables: RoutingTable[] = []
let losses: string[] = []
let onEvent: (() => void) | null = null

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pando-discovery-'))
  plane = new ScriptedControlPlane(join(folder, 'control.sock'))
  tables = []
  losses = []
  await plane.listen()
})

afterEach(async () => {
  discovery?.stop()
  await plane.close()
  rmSync(folder, { recursive: true, force: true })
})

function follow(options: { table?: RoutingTable; silenceMs?: number } = {}): void {
  discovery = new Discovery({
    controlSocket: plane.path,
    gateway: 'g1',
    table: options.table ?? null,
    onTable: (table) => {
      tables.push(table)
      onEvent?.()
    },
    onLost: (reason) => {
      losses.push(reason)
      onEvent?.()
    },
    random: () => 0,
    ...(options.silenceMs === undefined ? {} : { silenceMs: options.silenceMs }),
  })
  discovery.start()
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) {
    await new Promise<void>((resolve) => {
      onEvent = resolve
    })
  }
}

const snapshot = (version: number): WatchMessage => ({ type: 'snapshot', ...tableOf(version, [endpoint('a', 1)]) })
const change = (from: number, version: number): WatchMessage => ({
  type: 'change',
  from,
  version,
  set: [endpoint('b', version)],
  removed: ['a'],
})

describe('Discovery', () => {
  it('asks for a snapshot first, then follows the changes', async () => {
    follow()
    const watch = await plane.watch()
    expect(watch.url.pathname).toBe('/v1/gateway/watch')
    expect(watch.url.searchParams.get('gateway')).toBe('g1')
    expect(watch.url.searchParams.has('since')).toBe(false)
    watch.say(snapshot(1), { type: 'heartbeat', version: 1 }, change(1, 2))
    await until(() => tables.length === 2)
    expect(tables[1]).toEqual({ ...tableOf(2, [endpoint('b', 2)]) })
    expect(losses).toEqual([])
  })

  it('resumes behind what it has when the watch ends', async () => {
    follow()
    const watch = await plane.watch()
    watch.say(snapshot(1))
    await until(() => tables.length === 1)
    watch.response.destroy()
    const next = await plane.watch()
    expect(next.url.searchParams.get('since')).toBe('e1:1')
    next.say(change(1, 4))
    await until(() => tables.length === 2)
    expect(tables[1]?.version).toBe(4)
  })

  it('starts over after a gap, and builds on nothing until the snapshot is here', async () => {
    follow()
    const watch = await plane.watch()
    watch.say(snapshot(1), change(2, 3), change(1, 2))
    await until(() => losses.length === 1)
    expect(losses[0]).toContain('starting over')
    const next = await plane.watch()
    expect(next.url.searchParams.has('since')).toBe(false)
    next.say(change(1, 2))
    await until(() => losses.length === 2)
    const last = await plane.watch()
    last.say(snapshot(7))
    await until(() => tables.length === 2)
    expect(tables.map((table) => table.version)).toEqual([1, 7])
  })

  it('starts over when a line cannot be understood', async () => {
    follow()
    const watch = await plane.watch()
    watch.say(snapshot(1))
    await until(() => tables.length === 1)
    watch.response.write('{"type":"chan\n')
    const next = await plane.watch()
    expect(next.url.searchParams.has('since')).toBe(false)
  })

  it('resumes from a table that it was given, into a new epoch by its snapshot', async () => {
    follow({ table: tableOf(9, []) })
    const watch = await plane.watch()
    expect(watch.url.searchParams.get('since')).toBe('e1:9')
    watch.say({ type: 'snapshot', ...tableOf(1, [], undefined, 'e2') })
    await until(() => tables.length === 1)
    expect(tables[0]?.epoch).toBe('e2')
  })

  it('takes a silent control plane for gone', async () => {
    follow({ silenceMs: 150 })
    const watch = await plane.watch()
    watch.say(snapshot(1))
    await until(() => losses.length === 1)
    expect(losses[0]).toContain('nothing was heard')
    expect((await plane.watch()).url.searchParams.get('since')).toBe('e1:1')
  })

  it('keeps trying while nobody listens, or the answer is no watch', async () => {
    await plane.close()
    plane = new ScriptedControlPlane(plane.path)
    follow()
    await until(() => losses.length === 2)
    await plane.listen()
    const refused = await plane.watch()
    refused.response.writeHead(503).end()
    const watch = await plane.watch()
    watch.say(snapshot(1))
    await until(() => tables.length === 1)
    expect(losses.at(-1)).toContain('503')
  })
})
