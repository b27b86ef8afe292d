import type { Listener, RoutingTable, WorkerEnds } from '@pando/model'
import type { MetricsSnapshot } from '../data-plane.js'
import { ConnectionDealer, type DealtConnection } from './connection-dealer.js'
import type { ListeningSockets } from './listening-sockets.js'
import type { ToPrimary } from './messages.js'
import { Poll } from './poll.js'
import { RestartPause } from './restart-pause.js'
import { tableUpdate } from './table-update.js'
import { EndsToTell } from './worker-ends.js'
import type { WorkerExit, WorkerProcess } from './worker-process.js'
import { type Status, summaryOf, type WorkersSummary } from './workers-summary.js'

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
  /** Unix time, milliseconds. */
  readonly wallClock: () => number
  /** From 0 to below 1. */
  readonly random: () => number
}

/**
 * `starting` until it has applied its first table, then `serving`; `draining` accepts nothing new and ends by itself. A worker only
 * moves forward through these.
 */
interface Member {
  readonly worker: WorkerProcess
  readonly slot: Slot
  /** When it began to serve; null: it never has. */
  servingSince: number | null
  /** Why it was killed here; empty: it was not. */
  fault: string
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

/** One of the places that are to be filled, from 1, whoever fills it. */
interface Slot {
  readonly number: number
  readonly pause: RestartPause
  refork: NodeJS.Timeout | null
}

/**
 * Compiling a table costs a worker about 0.5 µs an endpoint: with a pause of four times that after each, changes never take more
 * than a fifth of it (10,000 endpoints: a table every 25 ms).
 */
const endpointsPerMs = 500
/** A worker that has not applied a table by then hangs. */
const applyLimitMs = 30_000

/**
 * Keeps so many workers serving. A worker that ends is replaced at once (with a pause only when those of its slot keep dying young); on
 * request they are replaced one at a time, the new one serving before the old one drains.
 *
 * Invariant: a slot has at most one starting or serving member, and one more while it is the one whose member is replaced.
 */
export class WorkerPool {
  readonly #options: WorkerPoolOptions
  readonly #members = new Set<Member>()
  readonly #dealer = new ConnectionDealer(() => this.#serving())
  readonly #poll = new Poll<Member>()
  readonly #slots: readonly Slot[]
  readonly #ends = new EndsToTell()
  #table: RoutingTable | null = null
  #isStopping = false
  #replacing: Promise<void> | null = null
  #waiting: (() => void)[] = []

  constructor(options: WorkerPoolOptions) {
    this.#options = options
    this.#slots = Array.from({ length: options.size }, (_, index) => ({
      number: index + 1,
      pause: new RestartPause(options.random),
      refork: null,
    }))
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

  /** Of workers that nobody had told to end; null: of none. */
  get ends(): WorkerEnds | null {
    return this.#ends.report
  }

  /** The control plane has taken these in. */
  endsTaken(ends: WorkerEnds): void {
    this.#ends.taken(ends)
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

  summary(): WorkersSummary {
    return summaryOf([...this.#members].map(({ status, phase }) => ({ status, isDraining: phase === 'draining' })))
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
    for (const { refork } of this.#slots) if (refork !== null) clearTimeout(refork)
    for (const member of this.#members) this.#drain(member, drainMs, false)
    await this.#until(() => this.#members.size === 0)
    this.#dealer.stop()
  }

  killAll(): void {
    for (const { worker } of this.#members) worker.kill('SIGKILL')
  }

  async #replaceAll(drainMs: number): Promise<void> {
    for (const old of Array.from(this.#members)) {
      if (old.phase === 'draining' || !this.#members.has(old)) continue
      const successor = this.#fork(old.slot)
      await this.#until(() => successor.phase !== 'starting' || !this.#members.has(successor) || this.#isStopping)
      if (this.#isStopping) return
      // A successor that died takes its own way to a replacement: the old one stays.
      if (!this.#members.has(successor)) continue
      this.#drain(old, drainMs, true)
      await this.#until(() => !this.#members.has(old))
    }
    this.#options.log('all workers have been replaced')
  }

  #fill(): void {
    if (this.#isStopping) return
    for (const slot of this.#slots) if (slot.refork === null && !this.#isFilled(slot)) this.#fork(slot)
  }

  #serving(): Member[] {
    return [...this.#members].filter((member) => member.phase === 'serving')
  }

  #isFilled(slot: Slot): boolean {
    return [...this.#members].some((member) => member.slot === slot && member.phase !== 'draining')
  }

  #fork(slot: Slot): Member {
    const worker = this.#options.fork()
    const member: Member = {
      worker,
      slot,
      servingSince: null,
      fault: '',
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
    worker.onExit((exit) => this.#gone(member, exit))
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
          member.servingSince = this.#options.now()
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
      member.fault = `it had not applied table ${table.version} in time`
      this.#options.log(`worker ${member.worker.pid} is killed: ${member.fault}`)
      member.worker.kill('SIGKILL')
    }, applyLimitMs)
  }

  #drain(member: Member, drainMs: number, isReplaced: boolean): void {
    if (member.phase === 'draining') return
    member.phase = 'draining'
    member.worker.send({ type: 'drain', timeoutMs: drainMs, isReplaced })
    const limit = setTimeout(() => member.worker.kill('SIGKILL'), drainMs + 1_000)
    member.worker.onExit(() => clearTimeout(limit))
  }

  #gone(member: Member, exit: WorkerExit): void {
    this.#members.delete(member)
    this.#poll.left(member)
    this.#dealer.tell()
    if (member.awaited !== null) clearTimeout(member.awaited)
    if (member.paced !== null) clearTimeout(member.paced)
    this.#options.onGone(member.metrics)
    if (member.phase !== 'draining' && !this.#isStopping) this.#replace(member, exit)
    this.#fill()
    this.#changed()
  }

  #replace({ slot, worker, servingSince, fault }: Member, { how, error, lines }: WorkerExit): void {
    const pauseMs = slot.pause.after(servingSince === null ? 0 : this.#options.now() - servingSince)
    const again = this.#isFilled(slot) ? null : pauseMs
    this.#options.log(
      `worker ${worker.pid ?? 'without pid'} ${how}${again === null ? '' : `, another takes its place${again === 0 ? '' : ` in ${again} ms`}`}`,
    )
    this.#ends.add({
      at: this.#options.wallClock(),
      worker: slot.number,
      workers: this.#options.size,
      how,
      hasServed: servingSince !== null,
      inARow: slot.pause.inARow,
      pauseMs: again,
      error: fault || error,
      lines,
    })
    if (again === null || again === 0) return
    slot.refork ??= setTimeout(() => {
      slot.refork = null
      this.#fill()
    }, again)
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
