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

const firstBackoffMs = 200
const longestBackoffMs = 10_000
/** A gateway that served this long is taken for sound: the next restart is immediate again. */
const soundAfterMs = 30_000

/**
 * Keeps one gateway process running beside the control plane. It outlives us: the next control plane adopts it. Invariant: at
 * most one gateway of this state directory runs, since a start happens only after the driver listed none.
 */
export class GatewayProcess {
  private readonly options: GatewayProcessOptions
  private current: InstanceReport | null = null
  private isWanted = false
  private failures = 0
  private workers: number | null = null
  private cancelRestart: (() => void) | null = null
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
      await this.options.driver.remove(report.id)
    }
    this.current = null
  }

  /** Stops watching; the gateway goes on. */
  async close(): Promise<void> {
    this.isWanted = false
    this.cancelRestart?.()
    this.unwatch?.()
    await this.turn
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
      for (const report of await this.options.driver.list()) {
        if (report.state.kind === 'running') {
          this.current = report
          return
        }
        await this.options.driver.remove(report.id)
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
    if (this.failures <= 1) void this.ensure()
    else this.restartLater()
  }

  private restartLater(): void {
    const wait = Math.min(longestBackoffMs, firstBackoffMs * 2 ** Math.min(this.failures, 10))
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
