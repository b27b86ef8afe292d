import type { EjectedEndpoint, Listener, RoutingTable } from '@pando/model'
import type { MetricsSnapshot } from '../data-plane.js'
import { ConnectionDealer, type DealtConnection } from './connection-dealer.js'
import type { ListeningSockets } from './listening-sockets.js'
import type { ToPrimary, ToWorker } from './messages.js'
import { Poll } from './poll.js'
import { RestartPause } from './restart-pause.js'
import { tableUpdate } from './table-update.js'
import { sumByName } from './sums.js'
import { mergeWarnings } from './warnings.js'

/** A worker's process as the pool sees it. */
export interface WorkerProcess {
  readonly pid: number | undefined
  /** `handle` is a socket that goes with the message; the copy here stays open, unless it is `given` away. */
  send(message: ToWorker, handle?: unknown, isGiven?: boolean): void
  kill(signal: 'SIGKILL'): void
  onMessage(callback: (message: ToPrimary, handle: unknown) => void): void
  /** Called once, also when the process could not be started. */
  onExit(callback: (how: string) => void): void
}

export interface WorkerPoolOptions {
  readonly size: number
  readonly fork: () => WorkerProcess
  readonly sockets: ListeningSockets
  /** A worker's status or the set of workers has changed. */
  readonly onChange: () => void
  /** A worker is gone, with the last numbers that it gave. */
  readonly onGone: (last: MetricsSnapshot | null) => void
  readonly log: (message: string) => void
  /** What sessions of encrypted connections are sealed with, in base64. */
  readonly ticketKeys: () => string
  /** Milliseconds, monotonic. */
  readonly now: () => number
}

type Status = Extract<ToPrimary, { type: 'status' }>

/**
 * `starting` until it has applied its first table, then `serving`; `draining` accepts nothing new and ends by itself. A worker only
 * moves forward through these.
 */
interface Member {
  readonly worker: WorkerProcess
  readonly startedAt: number
  phase: 'starting' | 'serving' | 'draining'
  isReady: boolean
  /** The first and the last table that it was sent. */
  first: RoutingTable | null
  sent: RoutingTable | null
  /** The table that it has, so that the next one can be told as what differs; null: it must be told whole. */
  base: RoutingTable | null
  /** A table is on its way and no status for it has come: one at a time, so a slow worker gets the newest, not all. */
  awaited: NodeJS.Timeout | null
  /** The next table waits a moment, so that many changes of a large table become few. */
  paced: NodeJS.Timeout | null
  mustResend: boolean
  status: Status | null
  /** As it said last, and those that it was given since. */
  connections: number
  metrics: MetricsSnapshot | null
}

/**
 * Compiling a table costs a worker about 0.5 µs an endpoint: with a pause of four times that after each, changes never take more
 * than a fifth of it (10,000 endpoints: a table every 25 ms).
 */
const endpointsPerMs = 500
/** A worker that has not applied a table by then hangs. */
const applyLimitMs = 30_000

/**
 * Keeps so many workers serving. A worker that ends is replaced at once (with a pause only when they keep dying young); on request they
 * are replaced one at a time, the new one serving before the old one drains.
 *
 * Invariant: starting and serving members together are never more than `size` but by the one replacement that is under way.
 */
export class WorkerPool {
  readonly #options: WorkerPoolOptions
  readonly #members = new Set<Member>()
  readonly #dealer = new ConnectionDealer(() => this.#serving())
  readonly #poll = new Poll<Member>()
  readonly #pause = new RestartPause()
  #table: RoutingTable | null = null
  #restarts = 0
  #refork: NodeJS.Timeout | null = null
  #isStopping = false
  #replacing: Promise<void> | null = null
  #waiting: (() => void)[] = []

  constructor(options: WorkerPoolOptions) {
    this.#options = options
  }

  start(): void {
    this.#fill()
  }

  /** The table that all are to serve by. */
  apply(table: RoutingTable): void {
    this.#table = table
    for (const member of this.#members) this.#sendTable(member)
  }

  /** Sends the table again as it is: a listener that could not be opened may open now. */
  reapply(): void {
    for (const member of this.#members) {
      member.mustResend = true
      this.#sendTable(member)
    }
  }

  /** Workers that accept. */
  get serving(): number {
    return this.#serving().length
  }

  /** Open connections of the workers that accept, by process id, as they said last. */
  get connections(): Record<string, number> {
    return Object.fromEntries(this.#serving().map(({ worker, connections }) => [String(worker.pid), connections]))
  }

  /** Workers replaced because they had ended by themselves. */
  get restarts(): number {
    return this.#restarts
  }

  get pids(): number[] {
    return [...this.#members].flatMap((member) => member.worker.pid ?? [])
  }

  /**
   * The highest version of that epoch that every worker serves by; 0 while some worker may still serve by another epoch, null before
   * any serves. A worker that has not answered yet serves by nothing older than the first table it was sent.
   */
  applied(epoch: string): number | null {
    let lowest: number | null = null
    for (const member of this.#members) {
      const known = member.status ?? member.first
      if (known === null) continue
      const version = known.epoch === epoch ? known.version : 0
      if (lowest === null || version < lowest) lowest = version
    }
    return this.serving === 0 ? null : lowest
  }

  /** In flight to endpoints that leave, over all workers. */
  leaving(): Record<string, number> {
    return sumByName(Array.from(this.#members, ({ status }) => status?.leaving))
  }

  /** What waits for services that sleep, over all workers. */
  held(): Record<string, number> {
    return sumByName(Array.from(this.#members, ({ status }) => status?.held))
  }

  ejected(): Readonly<Record<string, EjectedEndpoint>> {
    return Object.assign({}, ...Array.from(this.#members, ({ status }) => status?.ejected))
  }

  listenerErrors(): Record<string, string> {
    const errors: Record<string, string> = {}
    for (const { status, phase } of this.#members)
      if (phase !== 'draining') Object.assign(errors, status?.listenerErrors)
    return errors
  }

  /** As every worker reads the same files, what they warn of is said once. */
  warnings(of: 'warnings' | 'authenticatorWarnings' | 'storeWarnings'): Readonly<Record<string, readonly string[]>> {
    const serving = [...this.#members].filter(({ phase }) => phase !== 'draining')
    return mergeWarnings(serving.map(({ status }) => status?.[of] ?? {}))
  }

  /** In how many workers the circuit breaker of a service is open; only services of which it is in some. */
  openCircuits(): Record<string, number> {
    const open = [...this.#members].flatMap(({ status }) => status?.openCircuits ?? [])
    return sumByName(open.map((service) => ({ [service]: 1 })))
  }

  /** There is another key. */
  sendTicketKeys(): void {
    for (const { worker } of this.#members) worker.send({ type: 'ticket_keys', keys: this.#options.ticketKeys() })
  }

  reopenLogs(): void {
    for (const { worker } of this.#members) worker.send({ type: 'reopen_logs' })
  }

  /** What every worker counts; of one that does not answer within a second, what it said last. */
  async metrics(): Promise<MetricsSnapshot[]> {
    await this.#poll.ask(this.#members, ({ worker }, ask) => worker.send({ type: 'metrics', ask }))
    return [...this.#members].flatMap((member) => member.metrics ?? [])
  }

  /** Replaces every worker that there is now, one at a time. A second call while one is under way joins it. */
  replaceAll(drainMs: number): Promise<void> {
    this.#replacing ??= this.#replaceAll(drainMs).finally(() => {
      this.#replacing = null
    })
    return this.#replacing
  }

  /** All drain; resolves when all are gone, those that are not by then having been killed. */
  async stop(drainMs: number): Promise<void> {
    this.#isStopping = true
    if (this.#refork !== null) clearTimeout(this.#refork)
    for (const member of this.#members) this.#drain(member, drainMs)
    await this.#until(() => this.#members.size === 0)
    this.#dealer.stop()
  }

  killAll(): void {
    for (const { worker } of this.#members) worker.kill('SIGKILL')
  }

  async #replaceAll(drainMs: number): Promise<void> {
    for (const old of Array.from(this.#members)) {
      if (old.phase === 'draining' || !this.#members.has(old)) continue
      const successor = this.#fork()
      await this.#until(() => successor.phase !== 'starting' || !this.#members.has(successor) || this.#isStopping)
      if (this.#isStopping) return
      // A successor that died takes its own way to a replacement: the old one stays.
      if (!this.#members.has(successor)) continue
      this.#drain(old, drainMs)
      await this.#until(() => !this.#members.has(old))
    }
    this.#options.log('all workers have been replaced')
  }

  #fill(): void {
    while (!this.#isStopping && this.#live() < this.#options.size) this.#fork()
  }

  #serving(): Member[] {
    return [...this.#members].filter((member) => member.phase === 'serving')
  }

  #live(): number {
    return [...this.#members].filter((member) => member.phase !== 'draining').length
  }

  #fork(): Member {
    const worker = this.#options.fork()
    const member: Member = {
      worker,
      startedAt: this.#options.now(),
      phase: 'starting',
      isReady: false,
      first: null,
      sent: null,
      base: null,
      awaited: null,
      paced: null,
      mustResend: false,
      status: null,
      connections: 0,
      metrics: null,
    }
    this.#members.add(member)
    worker.onMessage((message, handle) => this.#hear(member, message, handle))
    worker.onExit((how) => this.#gone(member, how))
    return member
  }

  #hear(member: Member, message: ToPrimary, handle: unknown): void {
    switch (message.type) {
      case 'ready':
        member.isReady = true
        member.worker.send({ type: 'ticket_keys', keys: this.#options.ticketKeys() })
        this.#sendTable(member)
        return
      case 'listen':
        void this.#giveSocket(member.worker, message.listener)
        return
      case 'status':
        member.status = message
        if (member.phase === 'starting') {
          member.phase = 'serving'
          this.#dealer.tell()
        }
        this.#settled(member, message)
        this.#changed()
        return
      case 'refused':
        this.#options.log(`worker ${member.worker.pid} cannot apply table ${message.version}: ${message.reason}`)
        member.base = null
        if (member.first === member.sent) member.first = null
        this.#settled(member, message)
        return
      case 'load':
        member.connections = message.connections
        this.#dealer.tellSoon()
        return
      case 'connection':
        this.#dealer.deal(member, message.listener, handle as DealtConnection | undefined)
        return
      case 'taken':
        for (const other of this.#members) if (other !== member && other.isReady) other.worker.send(message)
        return
      case 'metrics':
        member.metrics = message.snapshot
        this.#poll.answered(message.ask, member)
        return
      case 'log':
        this.#options.log(`worker ${member.worker.pid}: ${message.message}`)
    }
  }

  /** An answer to the table that was sent last makes way for the next one. */
  #settled(member: Member, answer: { readonly epoch: string; readonly version: number }): void {
    if (answer.version !== member.sent?.version || answer.epoch !== member.sent.epoch) return
    if (member.awaited !== null) clearTimeout(member.awaited)
    member.awaited = null
    const pauseMs = Math.floor(member.sent.endpoints.length / endpointsPerMs)
    if (pauseMs === 0) {
      this.#sendTable(member)
      return
    }
    member.paced = setTimeout(() => {
      member.paced = null
      this.#sendTable(member)
    }, pauseMs)
  }

  async #giveSocket(worker: WorkerProcess, listener: Listener): Promise<void> {
    const { error, socket } = await this.#options.sockets.get(listener)
    worker.send({ type: 'listener', name: listener.name, error }, socket ?? undefined)
  }

  #sendTable(member: Member): void {
    const table = this.#table
    if (table === null || !member.isReady || member.awaited !== null || member.paced !== null) return
    if (member.sent === table && !member.mustResend) return
    member.worker.send(tableUpdate(member.mustResend ? null : member.base, table))
    member.mustResend = false
    member.base = table
    member.first ??= table
    member.sent = table
    member.awaited = setTimeout(() => {
      this.#options.log(`worker ${member.worker.pid} has not applied table ${table.version} in time and is killed`)
      member.worker.kill('SIGKILL')
    }, applyLimitMs)
  }

  #drain(member: Member, drainMs: number): void {
    if (member.phase === 'draining') return
    member.phase = 'draining'
    member.worker.send({ type: 'drain', timeoutMs: drainMs })
    const limit = setTimeout(() => member.worker.kill('SIGKILL'), drainMs + 1_000)
    member.worker.onExit(() => clearTimeout(limit))
  }

  #gone(member: Member, how: string): void {
    this.#members.delete(member)
    this.#poll.left(member)
    this.#dealer.tell()
    if (member.awaited !== null) clearTimeout(member.awaited)
    if (member.paced !== null) clearTimeout(member.paced)
    this.#options.onGone(member.metrics)
    if (member.phase !== 'draining') {
      this.#options.log(`worker ${member.worker.pid ?? 'without pid'} ended (${how}), another takes its place`)
      this.#replace(this.#options.now() - member.startedAt)
    }
    this.#changed()
  }

  #replace(livedMs: number): void {
    if (this.#isStopping) return
    this.#restarts++
    const pauseMs = this.#pause.after(livedMs)
    if (pauseMs === 0) {
      this.#fill()
      return
    }
    this.#refork ??= setTimeout(() => {
      this.#refork = null
      this.#fill()
    }, pauseMs)
  }

  #changed(): void {
    for (const check of this.#waiting.slice()) check()
    this.#options.onChange()
  }

  #until(isTrue: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!isTrue()) return
        this.#waiting = this.#waiting.filter((other) => other !== check)
        resolve()
      }
      this.#waiting.push(check)
      check()
    })
  }
}
