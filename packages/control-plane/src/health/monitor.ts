import type { HealthCheck } from '@pando/model'
import type { Clock } from '../clock.js'
import type { Prober, ProbeResult, ProbeTarget } from './prober.js'
import { trackHealth, type ProbedHealth } from './tracker.js'

/** A starting instance is asked at least this often, so that it is noticed soon after it can serve. */
const startingIntervalMs = 250
/** A prober that has not answered so long after its own timeout is given up. */
const lateMs = 1000

interface Watched {
  readonly target: ProbeTarget
  readonly check: HealthCheck
  health: ProbedHealth
  cancel: () => void
}

/**
 * Asks every watched instance for its health, again and again.
 *
 * Of one instance at most one probe is under way, because the next is scheduled only by the end of the last. Over all instances
 * at most `limit` are; those whose time has come meanwhile wait in the order of their coming, each at most once.
 */
export class HealthMonitor {
  readonly #prober: Prober
  readonly #clock: Clock
  readonly #random: () => number
  readonly #limit: number
  readonly #onResult: (id: string, health: ProbedHealth) => void
  readonly #watched = new Map<string, Watched>()
  readonly #due = new Set<Watched>()
  #inFlight = 0

  /** `random` answers 0 to 1 and spreads the probes; `onResult` hears of every answer. */
  constructor(options: {
    prober: Prober
    clock: Clock
    random: () => number
    onResult: (id: string, health: ProbedHealth) => void
    limit?: number
  }) {
    this.#prober = options.prober
    this.#clock = options.clock
    this.#random = options.random
    this.#onResult = options.onResult
    this.#limit = options.limit ?? 32
  }

  /** Begins to ask. No effect when it is watched already. */
  watch(target: ProbeTarget, check: HealthCheck, health: Omit<ProbedHealth, 'count'>): void {
    if (this.#watched.has(target.id)) return
    const watched: Watched = { target, check, health: { ...health, count: 0 }, cancel: () => {} }
    this.#watched.set(target.id, watched)
    // One that is known to be well was adopted, likely with many others: the first round is spread over an interval.
    this.#schedule(watched, health.health === 'starting' ? 0 : check.intervalMs * this.#random())
  }

  unwatch(id: string): void {
    const watched = this.#watched.get(id)
    if (watched === undefined) return
    this.#watched.delete(id)
    this.#due.delete(watched)
    watched.cancel()
  }

  ids(): string[] {
    return [...this.#watched.keys()]
  }

  close(): void {
    for (const id of this.ids()) this.unwatch(id)
  }

  #schedule(watched: Watched, ms: number): void {
    watched.cancel = this.#clock.after(ms, () => {
      this.#due.add(watched)
      this.#askNext()
    })
  }

  #askNext(): void {
    for (const watched of this.#due) {
      if (this.#inFlight >= this.#limit) return
      this.#due.delete(watched)
      this.#ask(watched)
    }
  }

  #ask(watched: Watched): void {
    const { target, check } = watched
    this.#inFlight++
    let isOver = false
    const end = (result: ProbeResult): void => {
      if (isOver) return
      isOver = true
      cancelLate()
      this.#inFlight--
      this.#answer(watched, result)
      this.#askNext()
    }
    const cancelLate = this.#clock.after(check.timeoutMs + lateMs, () => end({ ok: false, detail: 'no answer' }))
    this.#prober.probe(target, check.probe, check.timeoutMs).then(end, (error: unknown) => {
      end({ ok: false, detail: error instanceof Error ? error.message : String(error) })
    })
  }

  #answer(watched: Watched, result: ProbeResult): void {
    if (this.#watched.get(watched.target.id) !== watched) return
    const { check } = watched
    watched.health = trackHealth(watched.health, result, check, this.#clock.now())
    const isStarting = watched.health.health === 'starting'
    const intervalMs = isStarting ? Math.min(check.intervalMs, startingIntervalMs) : check.intervalMs
    this.#schedule(watched, intervalMs * (0.9 + 0.2 * this.#random()))
    this.#onResult(watched.target.id, watched.health)
  }
}
