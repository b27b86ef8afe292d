import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ListeningSockets } from './listening-sockets.js'
import type { ToPrimary, ToWorker } from './messages.js'
import { config, endpoint, tableOf } from './tables.suite.js'
import { WorkerPool } from './worker-pool.js'
import type { WorkerExit, WorkerProcess } from './worker-process.js'

/** A worker that does what the test says. */
class FakeWorker implements WorkerProcess {
  readonly pid: number
  readonly sent: ToWorker[] = []
  wasKilled = false
  #hear: (message: ToPrimary, handle: unknown) => void = () => {}
  readonly #onExit: ((exit: WorkerExit) => void)[] = []

  constructor(pid: number) {
    this.pid = pid
  }

  send(message: ToWorker): void {
    this.sent.push(message)
  }

  kill(): void {
    this.wasKilled = true
    this.exit('ended by SIGKILL')
  }

  onMessage(callback: (message: ToPrimary, handle: unknown) => void): void {
    this.#hear = callback
  }

  onExit(callback: (exit: WorkerExit) => void): void {
    this.#onExit.push(callback)
  }

  say(message: ToPrimary, handle?: unknown): void {
    this.#hear(message, handle)
  }

  /** Answers for the table it was sent last. */
  applied(version: number, leaving: Record<string, number> = {}, epoch = 'e1'): void {
    this.say({ type: 'status', epoch, version, listenerErrors: {}, leaving })
  }

  exit(how = 'ended with exit code 1', error = ''): void {
    for (const callback of this.#onExit) callback({ how, error, lines: [] })
  }

  tables(): string[] {
    return this.sent.flatMap((message) => {
      if (message.type === 'table') return [`table ${message.table.version}`]
      return message.type === 'endpoints' ? [`endpoints ${message.version}`] : []
    })
  }
}

let workers: FakeWorker[] = []
const logs: string[] = []
let now = 0
/** The whole pause. */
let random = 1

beforeEach(() => {
  vi.useFakeTimers()
  workers = []
  now = 0
  random = 1
})

afterEach(() => {
  vi.useRealTimers()
})

function poolOf(size: number): WorkerPool {
  const pool = new WorkerPool({
    size,
    fork: () => {
      const worker = new FakeWorker(workers.length)
      workers.push(worker)
      return worker
    },
    sockets: {} as ListeningSockets,
    onChange: () => {},
    onGone: () => {},
    log: (message) => logs.push(message),
    ticketKeys: () => 'keys',
    now: () => now,
    wallClock: () => 7,
    random: () => random,
  })
  pool.start()
  return pool
}

const one = config([])
const v1 = tableOf(1, [endpoint('a', 1)], one)
const v2 = tableOf(2, [endpoint('a', 1, 'draining')], one)
const v3 = tableOf(3, [], one)

describe('WorkerPool', () => {
  it('gives a worker the table before it serves, and then one at a time, the newest', () => {
    const pool = poolOf(1)
    pool.apply(v1)
    expect(workers[0]?.sent).toEqual([])
    workers[0]?.say({ type: 'ready' })
    pool.apply(v2)
    pool.apply(v3)
    expect(workers[0]?.tables()).toEqual(['table 1'])
    expect(pool.serving).toBe(0)
    workers[0]?.applied(1)
    expect(pool.serving).toBe(1)
    expect(workers[0]?.tables()).toEqual(['table 1', 'endpoints 3'])
  })

  it('says a version is applied only when all serve by it', () => {
    const pool = poolOf(2)
    pool.apply(v1)
    for (const worker of workers) worker.say({ type: 'ready' })
    expect(pool.applied('e1')).toBeNull()
    for (const worker of workers) worker.applied(1)
    pool.apply(v2)
    workers[0]?.applied(2)
    expect(pool.applied('e1')).toBe(1)
    workers[1]?.applied(2)
    expect(pool.applied('e1')).toBe(2)
    expect(pool.applied('e2')).toBe(0)
  })

  it('does not take back what it said when a new worker starts by that version', () => {
    const pool = poolOf(1)
    pool.apply(v1)
    workers[0]?.say({ type: 'ready' })
    workers[0]?.applied(1)
    pool.apply(v2)
    workers[0]?.applied(2)
    void pool.replaceAll(1_000)
    workers[1]?.say({ type: 'ready' })
    expect(pool.applied('e1')).toBe(2)
    pool.apply(v3)
    workers[0]?.applied(3)
    expect(pool.applied('e1')).toBe(2)
  })

  it('adds up what is in flight to leaving endpoints, draining workers included', async () => {
    const pool = poolOf(1)
    pool.apply(v2)
    workers[0]?.say({ type: 'ready' })
    workers[0]?.applied(2, { a: 3 })
    void pool.replaceAll(1_000)
    workers[1]?.say({ type: 'ready' })
    workers[1]?.applied(2, { a: 1 })
    await vi.advanceTimersByTimeAsync(0)
    expect(workers[0]?.sent.at(-1)).toEqual({ type: 'drain', timeoutMs: 1_000, isReplaced: true })
    expect(pool.summary().leaving).toEqual({ a: 4 })
    workers[0]?.exit('ended with exit code 0')
    expect(pool.summary().leaving).toEqual({ a: 1 })
  })

  it('replaces a dead worker at once, and pauses longer and longer only when they die young again and again', async () => {
    const pool = poolOf(1)
    for (let index = 0; index < 3; index++) workers.at(-1)?.exit()
    expect(workers).toHaveLength(4)
    const waits: number[] = []
    for (let index = 0; index < 8; index++) {
      const before = workers.length
      workers.at(-1)?.exit()
      let waited = 0
      while (workers.length === before) {
        await vi.advanceTimersByTimeAsync(100)
        waited += 100
      }
      waits.push(waited)
    }
    expect(waits).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000])
    pool.apply(v1)
    workers.at(-1)?.say({ type: 'ready' })
    // A worker that took long and never served was not sound.
    now += 60_000
    workers.at(-1)?.exit()
    expect(workers).toHaveLength(12)
    await vi.advanceTimersByTimeAsync(5_000)
    workers.at(-1)?.say({ type: 'ready' })
    workers.at(-1)?.applied(1)
    now += 10_000
    workers.at(-1)?.exit()
    expect(workers).toHaveLength(14)
    expect(pool.ends?.count).toBe(13)
  })

  it('waits for one slot only, and by chance half of its time', async () => {
    random = 0
    const pool = poolOf(2)
    const [, second] = workers
    workers[0]?.exit()
    for (let index = 0; index < 3; index++) workers.at(-1)?.exit()
    expect(workers).toHaveLength(5)
    second?.exit()
    expect(workers).toHaveLength(6)
    await vi.advanceTimersByTimeAsync(49)
    expect(workers).toHaveLength(6)
    await vi.advanceTimersByTimeAsync(1)
    expect(workers).toHaveLength(7)
    expect(pool.pids).toHaveLength(2)
  })

  it('tells which worker ended how and when it is started again, until it is known to be told', () => {
    const pool = poolOf(2)
    pool.apply(v1)
    expect(pool.ends).toBeNull()
    workers[1]?.say({ type: 'ready' })
    workers[1]?.applied(1)
    workers[0]?.exit('ended with exit code 1', 'Error: boom')
    now += 10_000
    workers[1]?.exit('ended by SIGKILL')
    const first = {
      number: 1,
      worker: 1,
      how: 'ended with exit code 1',
      hasServed: false,
      inARow: 1,
      error: 'Error: boom',
    }
    const second = { number: 2, worker: 2, how: 'ended by SIGKILL', hasServed: true, inARow: 0, error: '' }
    const both = [first, second].map((end) => ({ ...end, at: 7, workers: 2, pauseMs: 0, lines: [] }))
    expect(pool.ends).toEqual({ count: 2, told: 0, recent: both })
    pool.endsTaken({ count: 2, told: 0, recent: [] })
    expect(pool.ends).toEqual({ count: 2, told: 2, recent: both.slice(1) })
  })

  it('says why it killed a worker, and that a replacement which fails is not started again', async () => {
    const pool = poolOf(1)
    pool.apply(v1)
    workers[0]?.say({ type: 'ready' })
    workers[0]?.applied(1)
    void pool.replaceAll(1_000)
    workers[1]?.exit()
    expect(pool.ends?.recent).toMatchObject([{ worker: 1, pauseMs: null }])
    expect(workers).toHaveLength(2)
    pool.apply(v2)
    await vi.advanceTimersByTimeAsync(30_000)
    expect(pool.ends?.recent.at(-1)).toMatchObject({
      how: 'ended by SIGKILL',
      error: 'it had not applied table 2 in time',
    })
  })

  it('fills a slot whose worker ends while another is replaced', async () => {
    const pool = poolOf(2)
    pool.apply(v1)
    for (const worker of workers) {
      worker.say({ type: 'ready' })
      worker.applied(1)
    }
    void pool.replaceAll(1_000)
    workers[1]?.exit()
    expect(workers).toHaveLength(4)
    workers[2]?.say({ type: 'ready' })
    workers[2]?.applied(1)
    await vi.advanceTimersByTimeAsync(0)
    workers[0]?.exit('ended with exit code 0')
    expect(pool.pids).toEqual([2, 3])
  })

  it('replaces one at a time: the new one serves before the old one drains', async () => {
    const pool = poolOf(2)
    pool.apply(v1)
    for (const worker of workers) {
      worker.say({ type: 'ready' })
      worker.applied(1)
    }
    const done = pool.replaceAll(1_000)
    expect(workers).toHaveLength(3)
    workers[2]?.say({ type: 'ready' })
    await vi.advanceTimersByTimeAsync(0)
    expect(workers[0]?.sent.some((message) => message.type === 'drain')).toBe(false)
    workers[2]?.applied(1)
    await vi.advanceTimersByTimeAsync(0)
    expect(workers[0]?.sent.find((message) => message.type === 'drain')?.isReplaced).toBe(true)
    expect(workers).toHaveLength(3)
    workers[0]?.exit('ended with exit code 0')
    await vi.advanceTimersByTimeAsync(0)
    expect(workers).toHaveLength(4)
    workers[3]?.say({ type: 'ready' })
    workers[3]?.applied(1)
    await vi.advanceTimersByTimeAsync(0)
    workers[1]?.exit('ended with exit code 0')
    await done
    expect(pool.ends).toBeNull()
    expect(pool.pids).toEqual([2, 3])
  })

  it('kills a worker that drains too long or does not apply a table', async () => {
    const pool = poolOf(2)
    pool.apply(v1)
    workers[0]?.say({ type: 'ready' })
    await vi.advanceTimersByTimeAsync(30_000)
    expect(workers[0]?.wasKilled).toBe(true)
    expect(workers).toHaveLength(3)
    const stopped = pool.stop(5_000)
    expect(workers[1]?.sent.at(-1)).toEqual({ type: 'drain', timeoutMs: 5_000, isReplaced: false })
    await vi.advanceTimersByTimeAsync(6_000)
    await stopped
    expect(workers.map((worker) => worker.wasKilled)).toEqual([true, true, true])
    expect(workers).toHaveLength(3)
  })

  it('leaves a worker with its table when it cannot apply the next one, and tells it the one after that whole', () => {
    const pool = poolOf(1)
    pool.apply(v1)
    workers[0]?.say({ type: 'ready' })
    workers[0]?.applied(1)
    pool.apply(v2)
    workers[0]?.say({ type: 'refused', epoch: 'e1', version: 2, reason: 'broken' })
    workers[0]?.applied(1)
    expect(pool.applied('e1')).toBe(1)
    expect(workers[0]?.tables()).toEqual(['table 1', 'endpoints 2'])
    pool.apply(v3)
    expect(workers[0]?.tables()).toEqual(['table 1', 'endpoints 2', 'table 3'])
    workers[0]?.applied(3)
    expect(pool.applied('e1')).toBe(3)
    vi.advanceTimersByTime(60_000)
    expect(workers[0]?.wasKilled).toBe(false)
  })

  it('makes few of many changes when the table is large', async () => {
    const pool = poolOf(1)
    const many = Array.from({ length: 10_000 }, (_, index) => endpoint(`u${index}`, 1))
    pool.apply(tableOf(1, many, one))
    workers[0]?.say({ type: 'ready' })
    workers[0]?.applied(1)
    for (let version = 2; version <= 9; version++) {
      pool.apply(tableOf(version, many.slice(version), one))
      await vi.advanceTimersByTimeAsync(2)
    }
    expect(workers[0]?.tables()).toEqual(['table 1'])
    await vi.advanceTimersByTimeAsync(10)
    expect(workers[0]?.tables()).toEqual(['table 1', 'endpoints 9'])
  })

  it('deals connections to the worker with the fewest, never to one that drains', async () => {
    const pool = poolOf(3)
    pool.apply(v1)
    for (const worker of workers) {
      worker.say({ type: 'ready' })
      worker.applied(1)
    }
    workers[0]?.say({ type: 'load', connections: 30 })
    workers[1]?.say({ type: 'load', connections: 2 })
    workers[2]?.say({ type: 'load', connections: 4 })
    for (let index = 0; index < 4; index++)
      workers[0]?.say({ type: 'connection', listener: 'edge' }, { close: () => {} })
    const dealt = () => workers.map((worker) => worker.sent.filter(({ type }) => type === 'connection').length)
    expect(dealt()).toEqual([0, 3, 1])
    await vi.advanceTimersByTimeAsync(200)
    expect(workers[2]?.sent.at(-1)).toEqual({ type: 'share', workers: 3, mean: 40 / 3 })
    for (const worker of workers.slice(1)) worker.exit()
    workers[0]?.say({ type: 'connection', listener: 'edge' }, { close: () => {} })
    expect(dealt()).toEqual([1, 3, 1, 0, 0])
    void pool.stop(1_000)
    let closed = 0
    workers[0]?.say({ type: 'connection', listener: 'edge' }, { close: () => closed++ })
    expect(closed).toBe(1)
  })

  it('waits for no worker that does not answer with its numbers', async () => {
    const pool = poolOf(2)
    const snapshot = { families: [] }
    const asked = pool.metrics()
    const ask = workers[0]?.sent.find((message) => message.type === 'metrics')
    workers[0]?.say({ type: 'metrics', ask: ask?.type === 'metrics' ? ask.ask : 0, snapshot })
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await asked).toEqual([snapshot])
  })
})
