import { constants } from 'node:os'
import type { ExitReason } from '@pando/model'
import type { Clock } from '../clock.js'
import type { CommandResult, CommandRunner, Driver, InstanceReport, StartOrder, UsageReporter } from './driver.js'
import { ExitCodes } from './process/exit-code.js'

/** For its shell to become a program; one that is killed before never does. */
const lookEveryMs = 5
const mostLooks = 1_000

type FullDriver = Driver & UsageReporter & CommandRunner

/**
 * A driver of processes that also knows what those ended with of which nobody was the parent any more, as far as their orders
 * asked for it (`isExitKept`). Such a one runs behind a shell that waits for it and writes its exit code down.
 */
export class ExitKeeper implements FullDriver {
  readonly kind = 'process'
  readonly #driver: FullDriver
  readonly #codes: ExitCodes
  readonly #clock: Clock

  /** `folder`: absolute, for the exit codes. */
  constructor(options: { readonly driver: FullDriver; readonly folder: string; readonly clock: Clock }) {
    this.#driver = options.driver
    this.#clock = options.clock
    this.#codes = new ExitCodes(options.folder)
  }

  async start(order: StartOrder): Promise<InstanceReport> {
    if (order.isExitKept !== true) return this.#driver.start(order)
    const report = await this.#driver.start({ ...order, program: this.#codes.kept(order.id, order.program) })
    // A stop that comes right after the start shall not be lost.
    for (let look = 0; look < mostLooks && !this.#codes.hasBegun(order.id); look++) await this.#pause()
    return report
  }

  stop(id: string): Promise<void> {
    return this.#driver.stop(id)
  }

  kill(id: string): Promise<void> {
    return this.#driver.kill(id)
  }

  async remove(id: string): Promise<void> {
    await this.#driver.remove(id)
    this.#codes.forget(id)
  }

  async list(): Promise<InstanceReport[]> {
    return (await this.#driver.list()).map((report) => this.#known(report))
  }

  watch(onExit: (report: InstanceReport) => void): () => void {
    return this.#driver.watch((report) => onExit(this.#known(report)))
  }

  usage(id: string): ReturnType<UsageReporter['usage']> {
    return this.#driver.usage(id)
  }

  run(id: string, command: string | readonly string[], timeoutMs: number): Promise<CommandResult> {
    return this.#driver.run(id, command, timeoutMs)
  }

  close(): Promise<void> {
    return this.#driver.close()
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#clock.after(lookEveryMs, resolve))
  }

  #known(report: InstanceReport): InstanceReport {
    const { id, state } = report
    // What the system itself saw says more of a shell that was killed before it could write.
    if (state.kind !== 'exited' || (state.reason.kind !== 'unknown' && state.reason.kind !== 'exit')) return report
    const code = this.#codes.read(id)
    return code === null ? report : { ...report, state: { ...state, reason: reasonOf(code) } }
  }
}

/** A shell says 128 and the signal's number of a program that a signal has ended. */
function reasonOf(code: number): ExitReason {
  const signal = Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0]
  return signal === undefined ? { kind: 'exit', code } : { kind: 'signal', signal }
}
