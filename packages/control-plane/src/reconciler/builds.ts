import { PandoError } from '@pando/model'
import { buildOrderOf, type Builder } from '../build/builder.js'
import type { Clock } from '../clock.js'
import type { Program } from '../drivers/driver.js'
import type { NewEvent } from '../events/events.js'
import { backoffMs } from './backoff.js'
import type { BuildState, Desired, DesiredService } from './state.js'
import type { Tasks } from './tasks.js'

/** Lines of one build's output that become events; the builder itself says the last ones again when it fails. */
const outputLimit = 500

/** The builds of this control plane's life, by revision. A builder finds what an earlier life has built, so nothing here is durable. */
export class Builds {
  readonly #builder: Builder
  readonly #clock: Clock
  readonly #tasks: Tasks
  readonly #emit: (event: NewEvent) => void
  readonly #limit: number
  /** The ledger's own map: what the plan sees. */
  readonly #states: Map<string, BuildState>
  readonly #programs = new Map<string, Program>()
  readonly #failures = new Map<string, number>()
  readonly #aborts = new Map<string, AbortController>()

  constructor(options: {
    builder: Builder
    clock: Clock
    tasks: Tasks
    emit: (event: NewEvent) => void
    limit: number
    states: Map<string, BuildState>
  }) {
    this.#builder = options.builder
    this.#clock = options.clock
    this.#tasks = options.tasks
    this.#emit = options.emit
    this.#limit = options.limit
    this.#states = options.states
  }

  program(revision: string): Program | undefined {
    return this.#programs.get(revision)
  }

  /** Begins to build the service's revision; the state tells what comes of it. False when that is not possible yet. */
  begin({ name, revision, spec, source = null }: DesiredService): boolean {
    if (this.#aborts.size >= this.#limit) return false
    const abort = new AbortController()
    const order = buildOrderOf(spec, source)
    const isBegun = this.#tasks.run(`build ${revision}`, async () => {
      let lines = 0
      const onOutput = (message: string): void => {
        if (lines++ < outputLimit) this.#emit({ kind: 'build.output', service: name, message })
      }
      try {
        this.#emit({ kind: 'build.started', service: name, message: `${name} is being built` })
        const program = await this.#builder.build(order, onOutput, abort.signal)
        if (!abort.signal.aborted) this.#succeed(name, revision, program)
      } catch (error) {
        if (!abort.signal.aborted) this.#fail(name, revision, error)
      } finally {
        if (this.#aborts.get(revision) === abort) this.#aborts.delete(revision)
      }
    })
    // An aborted build of the same revision has not ended yet: its end asks for another look.
    if (!isBegun) return false
    this.#aborts.set(revision, abort)
    this.#states.set(revision, { kind: 'building' })
    return true
  }

  /** Forgets failures, so that a new wish is tried at once, and ends builds that nobody wants any more. */
  keepOnly(desired: Desired): void {
    const wanted = new Set(Array.from(desired.values(), (service) => service.revision))
    for (const [revision, state] of this.#states) {
      if (wanted.has(revision) && state.kind !== 'failed') continue
      this.#aborts.get(revision)?.abort()
      for (const map of [this.#states, this.#programs, this.#failures, this.#aborts]) map.delete(revision)
    }
  }

  close(): void {
    for (const abort of this.#aborts.values()) abort.abort()
  }

  #succeed(name: string, revision: string, program: Program): void {
    this.#programs.set(revision, program)
    this.#states.set(revision, { kind: 'ready' })
    this.#failures.delete(revision)
    this.#emit({ kind: 'build.succeeded', service: name, message: `${name} is built` })
  }

  #fail(name: string, revision: string, thrown: unknown): void {
    const failures = (this.#failures.get(revision) ?? 0) + 1
    this.#failures.set(revision, failures)
    const reason = PandoError.from(thrown).message
    this.#states.set(revision, { kind: 'failed', reason, retryAt: this.#clock.now() + backoffMs(failures) })
    this.#emit({ kind: 'build.failed', service: name, message: `${name} could not be built: ${reason}` })
  }
}
