import { describeExit, type RevisionSpec } from '@pando/model'
import type { Clock } from '../clock.js'
import type { Driver, InstanceReport } from '../drivers/driver.js'

export interface GatewayProcessOptions {
  /** A driver of the gateway's own, so that its record never mixes with the services' instances. */
  readonly driver: Driver
  readonly clock: Clock
  /** Absolute path of the gateway's entry file. */
  readonly entry: string
  /** What it calls itself to the control plane. */
  readonly name: string
  readonly controlSocket: string
  readonly adminSocket: string
  readonly stateDir: string
  readonly environment: Readonly<Record<string, string>>
  readonly onStarted: (message: string) => void
  /** It has ended without being asked to, or could not be started. */
  readonly onEnded: (message: string) => void
}

/** So many crashes in a row are mended at once: while nothing listens everything fails, and a crash may well come from outside. */
const promptRestarts = 3
const firstBackoffMs = 200
const longestBackoffMs = 10_000
/** A gateway that served this long is taken for sound: the next restart is immediate again. */
const soundAfterMs = 30_000
/** The workers of a gateway that was killed serve until the next one takes over, and end what is in flight, within so long. */
const restMs = 45_000

/**
 * Keeps one gateway process running beside the control plane. It outlives us: the next control plane adopts it. Invariant: at
 * most one gateway's primary of this state directory runs, since a start happens only after the driver listed none.
 */
export class GatewayProcess {
  private readonly options: GatewayProcessOptions
  private current: InstanceReport | null = null
  private isWanted = false
  private failures = 0
  private workers: number | null = null
  private cancelRestart: (() => void) | null = null
  /** Gateways that have ended, each with what cancels its removal. */
  private readonly restsOf = new Map<string, () => void>()
  private unwatch: (() => void) | null = null
  private turn: Promise<void> = Promise.resolve()
  private onGone: (() => void) | null = null

  constructor(options: GatewayProcessOptions) {
    this.options = options
  }

  get pid(): number | null {
    return this.current?.pid ?? null
  }

  /** Takes over the gateway that runs, if one does; starts none. */
  async adopt(): Promise<void> {
    const reports = await this.options.driver.list()
    this.current = reports.find((report) => report.state.kind === 'running') ?? null
  }

  /** Adopts the gateway that runs, or starts one. `workers: null` takes one a processor. */
  async start(workers: number | null): Promise<void> {
    this.isWanted = true
    this.workers = workers
    this.unwatch ??= this.options.driver.watch((report) => this.exited(report))
    await this.ensure()
  }

  /** Lets it finish what is in flight, then ends it; resolves when it has gone. */
  async stop(graceMs: number): Promise<void> {
    this.isWanted = false
    this.cancelRestart?.()
    await this.turn
    this.unwatch ??= this.options.driver.watch((report) => this.exited(report))
    const running = (await this.options.driver.list()).filter((report) => report.state.kind === 'running')
    for (const report of running) {
      this.current = report
      const gone = new Promise<void>((resolve) => {
        this.onGone = resolve
      })
      await this.options.driver.stop(report.id)
      const cancel = this.options.clock.after(graceMs, () => void this.options.driver.kill(report.id))
      await gone
      cancel()
    }
    this.current = null
    this.forgetRests()
    for (const { id } of await this.options.driver.list()) await this.options.driver.remove(id)
  }

  /** Stops watching; the gateway goes on. */
  async close(): Promise<void> {
    this.isWanted = false
    this.cancelRestart?.()
    this.unwatch?.()
    await this.turn
    this.forgetRests()
    await this.options.driver.close()
  }

  /** One at a time: two starts that overlap would both find no gateway. */
  private ensure(): Promise<void> {
    this.turn = this.turn.then(() => this.ensureNow())
    return this.turn
  }

  private async ensureNow(): Promise<void> {
    if (!this.isWanted) return
    try {
      const reports = await this.options.driver.list()
      for (const { id, state } of reports) if (state.kind === 'exited') this.removeLater(id)
      const running = reports.find(({ state }) => state.kind === 'running')
      if (running !== undefined) {
        this.current = running
        return
      }
      this.current = await this.options.driver.start({
        id: `gateway-${this.options.clock.now().toString(36)}`,
        service: 'gateway',
        slot: 0,
        revision: 'builtin',
        generation: 0,
        spec: gatewaySpec(this.options.stateDir),
        address: null,
        program: { command: this.command(), workdir: this.options.stateDir, environment: {}, path: [] },
        environment: this.options.environment,
      })
      this.options.onStarted(`gateway started (pid ${this.current.pid ?? 'unknown'})`)
    } catch (error) {
      this.options.onEnded(`gateway could not be started: ${String(error)}`)
      this.restartLater()
    }
  }

  private command(): string[] {
    const { entry, name, controlSocket, adminSocket, stateDir } = this.options
    const workers = this.workers === null ? [] : ['--workers', String(this.workers)]
    return [
      process.execPath,
      entry,
      '--gateway',
      name,
      '--control-socket',
      controlSocket,
      '--admin-socket',
      adminSocket,
      '--state-dir',
      stateDir,
      ...workers,
    ]
  }

  private exited(report: InstanceReport): void {
    if (this.current !== null && report.id !== this.current.id) return
    this.onGone?.()
    this.onGone = null
    if (!this.isWanted || report.state.kind !== 'exited') return
    const isSound = report.state.at - report.startedAt >= soundAfterMs
    this.failures = isSound ? 0 : this.failures + 1
    this.current = null
    const reason = describeExit(report.state.reason)
    this.options.onEnded(`gateway ended (${reason}), starting it again`)
    if (this.failures <= promptRestarts) void this.ensure()
    else this.restartLater()
  }

  /** What is left of it goes on until then. */
  private removeLater(id: string): void {
    if (this.restsOf.has(id)) return
    const remove = (): void => void this.options.driver.remove(id).catch(() => {})
    this.restsOf.set(id, this.options.clock.after(restMs, remove))
  }

  private forgetRests(): void {
    for (const cancel of this.restsOf.values()) cancel()
    this.restsOf.clear()
  }

  private restartLater(): void {
    const wait = Math.min(
      longestBackoffMs,
      firstBackoffMs * 2 ** Math.min(Math.max(0, this.failures - promptRestarts), 10),
    )
    this.cancelRestart?.()
    this.cancelRestart = this.options.clock.after(wait, () => void this.ensure())
  }
}

/** The gateway as the driver is told of it: no port of its own, no limits, no health check of ours (it reports by itself). */
function gatewaySpec(stateDir: string): RevisionSpec {
  return {
    service: 'gateway',
    build: { kind: 'none', context: stateDir, command: null },
    workdir: stateDir,
    command: null,
    environment: {},
    protocol: 'none',
    port: null,
    healthcheck: { probe: { kind: 'tcp' }, intervalMs: 2000, timeoutMs: 2000, rise: 1, fall: 3, startupMs: 60_000 },
    resources: { memoryBytes: null, cpus: null },
    stopSignal: 'SIGTERM',
    stopGracePeriodMs: 10_000,
    logs: { maxBytes: 10 * 1024 * 1024, maxFiles: 3 },
  }
}
