import { join } from 'node:path'
import type { GatewayReport, RoutingTable } from '@pando/model'
import type { MetricFamily, MetricsSnapshot } from '../data-plane.js'
import { renderPrometheus } from '../metrics/prometheus.js'
import { mergeSnapshots } from '../metrics/snapshot.js'
import { AdminServer, isSocketPath } from './admin-server.js'
import { Discovery } from './discovery.js'
import { forkWorker } from './fork-worker.js'
import { ListeningSockets } from './listening-sockets.js'
import type { GatewayOptions } from './options.js'
import { Reporter } from './reporter.js'
import { readStaticTable, TableFile } from './table-file.js'
import { Takeover } from './takeover.js'
import { TicketKeys } from './ticket-keys.js'
import { Warnings } from './warnings.js'
import { WorkerPool } from './worker-pool.js'

/** How long a start waits for the control plane before it serves the last life's table. */
const firstTableMs = 1_000
/** How often listeners that could not be opened are tried again. */
const listenAgainMs = 1_000

export interface PrimaryOptions extends GatewayOptions {
  /** The file that a worker runs. */
  readonly workerEntry: string
  readonly workerArgs: readonly string[]
  /** Null without a state directory: then the workers of a primary that was killed only drain. */
  readonly takeover: Takeover | null
  readonly log: (message: string) => void
  /** What workers write on their stderr. */
  readonly onStderr: (chunk: Buffer) => void
}

/**
 * The gateway's first process: it gets the table and gives it to the workers, holds the listening sockets, reports to the control plane and
 * answers on the admin socket. No request passes through it.
 */
export class GatewayPrimary {
  readonly #options: PrimaryOptions
  readonly #sockets: ListeningSockets
  readonly #pool: WorkerPool
  readonly #ticketKeys = new TicketKeys(() => this.#pool.sendTicketKeys())
  readonly #warnings: Warnings
  readonly #startedAt = Date.now()
  #discovery: Discovery | null = null
  #reporter: Reporter | null = null
  #file: TableFile | null = null
  #admin: AdminServer | null = null
  #table: RoutingTable | null = null
  #firstTable: NodeJS.Timeout | null = null
  #lastReported = ''
  #lastLost = ''
  /** What workers that are gone had counted. */
  #retired: MetricsSnapshot = { families: [] }
  #listenAgain: NodeJS.Timeout | null = null
  #stopping: Promise<void> | null = null

  constructor(options: PrimaryOptions) {
    this.#options = options
    this.#sockets = new ListeningSockets(options.takeover)
    this.#warnings = new Warnings(options.log)
    this.#pool = new WorkerPool({
      size: options.workers,
      fork: () => forkWorker({ entry: options.workerEntry, args: options.workerArgs, onStderr: options.onStderr }),
      sockets: this.#sockets,
      onChange: () => this.#changed(),
      onGone: (last) => this.#retire(last),
      log: options.log,
      ticketKeys: () => this.#ticketKeys.text,
      now: () => performance.now(),
      wallClock: Date.now,
      random: Math.random,
    })
  }

  async start(): Promise<void> {
    const { source, stateDir, log } = this.#options
    // Read first: a mistake in it must be told before anything runs.
    if (source.kind === 'file') this.#apply(readStaticTable(source.path))
    this.#options.takeover?.clear()
    await this.#openAdmin()
    this.#pool.start()
    if (source.kind === 'file') return
    this.#file = new TableFile(join(stateDir as string, 'gateway-table.json'), (error) =>
      log(`the table could not be kept on disk: ${error.message}`),
    )
    this.#reporter = new Reporter(source.controlSocket, {
      make: () => this.#report(),
      onTaken: ({ workerEnds }) => {
        if (workerEnds !== undefined) this.#pool.endsTaken(workerEnds)
      },
    })
    this.#discovery = new Discovery({
      controlSocket: source.controlSocket,
      gateway: this.#options.gateway,
      table: null,
      onTable: (table) => this.#take(table),
      onLost: (reason) => this.#lost(reason),
    })
    this.#discovery.start()
    this.#firstTable = setTimeout(() => this.#startFromFile(), firstTableMs)
  }

  /** Reads a static table again; what is wrong with it is logged and the old one stays. */
  reload(): void {
    const { source, log } = this.#options
    if (source.kind !== 'file') return
    try {
      const table = readStaticTable(source.path)
      const before = this.#table
      // A version that did not move would hide from the workers' answers which table they speak of.
      const version = before === null ? table.version : Math.max(table.version, before.version + 1)
      this.#apply({ ...table, version })
      log(`the table was read again (version ${version})`)
    } catch (error) {
      log(`the table was not read again: ${(error as Error).message}`)
    }
  }

  get isStatic(): boolean {
    return this.#options.source.kind === 'file'
  }

  async replaceWorkers(): Promise<void> {
    await this.#pool.replaceAll(this.#options.drainMs)
  }

  reopenLogs(): void {
    this.#pool.reopenLogs()
  }

  /** Drains every worker, then closes everything. A second call cuts the drain short. */
  stop(): Promise<void> {
    if (this.#stopping !== null) {
      this.#pool.killAll()
      return this.#stopping
    }
    this.#stopping = this.#stop()
    return this.#stopping
  }

  async metrics(): Promise<MetricsSnapshot> {
    const own: MetricFamily[] = [
      gauge('pando_gateway_workers', 'Workers that serve.', this.#pool.serving),
      gauge('pando_gateway_start_time_seconds', 'Unix time at which the gateway started.', this.#startedAt / 1000),
      gauge('pando_gateway_table_version', 'Version of the table that is wanted.', this.#table?.version ?? 0),
      {
        ...gauge(
          'pando_gateway_worker_restarts_total',
          'Workers replaced because they had ended.',
          this.#pool.ends?.count ?? 0,
        ),
        type: 'counter',
      },
    ]
    const workers = await this.#pool.metrics()
    return mergeSnapshots([{ families: own }, this.#retired, ...workers])
  }

  /** A path that no socket can have costs the admin socket, not the traffic. */
  async #openAdmin(): Promise<void> {
    const { adminSocket, log } = this.#options
    if (adminSocket === null) return
    if (!isSocketPath(adminSocket)) {
      log(`no admin socket: ${adminSocket} is too long for one; --admin-socket gives it another place`)
      return
    }
    this.#admin = new AdminServer(adminSocket, {
      metrics: async () => renderPrometheus(await this.metrics()),
      readiness: () => this.#readiness(),
      table: () => this.#table,
    })
    await this.#admin.open()
  }

  async #stop(): Promise<void> {
    if (this.#firstTable !== null) clearTimeout(this.#firstTable)
    if (this.#listenAgain !== null) clearTimeout(this.#listenAgain)
    // First, or what connects from now on would wait for workers that do not come.
    this.#sockets.close()
    this.#ticketKeys.stop()
    await this.#pool.stop(this.#options.drainMs)
    this.#discovery?.stop()
    this.#reporter?.stop()
    await this.#file?.close()
    await this.#admin?.close()
  }

  /** A table from the control plane. */
  #take(table: RoutingTable): void {
    if (this.#firstTable !== null) clearTimeout(this.#firstTable)
    this.#firstTable = null
    this.#lastLost = ''
    this.#file?.save(table)
    this.#apply(table)
  }

  #apply(table: RoutingTable): void {
    if (this.#stopping !== null) return
    this.#table = table
    this.#sockets.keep(table.config.listeners)
    this.#pool.apply(table)
  }

  #lost(reason: string): void {
    // A control plane that is away is tried for again every two seconds; one line says all.
    if (reason !== this.#lastLost) this.#options.log(`the control plane is away (${reason}); the last table stays`)
    this.#lastLost = reason
    this.#startFromFile()
  }

  #startFromFile(): void {
    if (this.#firstTable !== null) clearTimeout(this.#firstTable)
    this.#firstTable = null
    if (this.#table !== null) return
    const table = this.#file?.read() ?? null
    if (table === null) return
    this.#options.log(`serving the table of the last life (version ${table.version})`)
    this.#discovery?.seed(table)
    this.#apply(table)
  }

  #changed(): void {
    const summary = this.#pool.summary()
    this.#warnings.note(summary.warnings)
    const report = this.#report(summary)
    if (report === null) return
    const text = JSON.stringify(report)
    if (text !== this.#lastReported) {
      this.#lastReported = text
      this.#reporter?.send()
    }
    if (Object.keys(report.listenerErrors).length > 0 && this.#stopping === null) {
      this.#listenAgain ??= setTimeout(() => {
        this.#listenAgain = null
        this.#pool.reapply()
      }, listenAgainMs)
    }
  }

  #report(summary = this.#pool.summary()): GatewayReport | null {
    const table = this.#table
    if (table === null) return null
    const applied = this.#pool.applied(table.epoch)
    const { ends } = this.#pool
    // Where nothing serves since workers end as they start, just that is to be told.
    if (applied === null && ends === null) return null
    const { leaving, listenerErrors, warnings, ...rest } = summary
    return {
      gateway: this.#options.gateway,
      pid: process.pid,
      epoch: table.epoch,
      applied: applied ?? -1,
      workers: this.#pool.serving,
      draining: leaving,
      listenerErrors,
      ...filled({ ...rest, listenerWarnings: warnings }),
      ...(ends === null ? {} : { workerEnds: ends }),
    }
  }

  #readiness(): { isReady: boolean; detail: unknown } {
    const report = this.#report()
    const isReady = report !== null && report.workers >= this.#options.workers
    const { workers: wanted } = this.#options
    const listeners = this.#sockets.addresses()
    return {
      isReady,
      detail: {
        ready: isReady,
        wanted,
        pids: this.#pool.pids,
        connections: this.#pool.connections,
        listeners,
        ...report,
      },
    }
  }

  #retire(last: MetricsSnapshot | null): void {
    if (last === null) return
    const families = last.families.filter((family) => family.type !== 'gauge')
    this.#retired = mergeSnapshots([this.#retired, { families }])
  }
}

function gauge(name: string, help: string, value: number): MetricFamily {
  return { name, help, type: 'gauge', series: [{ labels: {}, values: [value] }] }
}

/** Only what has something in it. */
function filled<Parts extends Readonly<Record<string, object>>>(parts: Parts): Partial<Parts> {
  return Object.fromEntries(Object.entries(parts).filter(([, part]) => Object.keys(part).length > 0)) as Partial<Parts>
}
