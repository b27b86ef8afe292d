import type { AutoscaleSpec } from '@pando/model'
import type { Clock } from '../clock.js'
import { decide } from './decide.js'
import { Memory, type InstanceUsage, type Limits } from './memory.js'

const periodMs = 1000
/** The gateway says every two seconds what it holds; what it said longer ago is over. */
const heldMs = 10_000

/** A service whose count follows its load, as it is wanted now. */
export interface ScaledService {
  readonly name: string
  readonly spec: AutoscaleSpec
  /** The count that is wanted. */
  readonly replicas: number
  readonly isRolling: boolean
  readonly isHeld: boolean
  readonly limits: Limits
  /** Healthy instances of the wanted revision, by id. */
  readonly healthy: readonly string[]
}

export interface Move {
  readonly from: number
  readonly to: number
  readonly why: string
}

export interface AutoscalerOptions {
  readonly clock: Clock
  /** Those that follow their load and are not stopped. */
  readonly services: () => readonly ScaledService[]
  /** What the gateway has of every service, by name. Rejects while there is no gateway. */
  readonly figures: () => Promise<ReadonlyMap<string, { readonly inFlight: number; readonly requests: number }>>
  /** Null when the instance does not run. */
  readonly usage: (instance: string) => Promise<Omit<InstanceUsage, 'instance'> | null>
  /** Carries the move out, unless something else was ordered meanwhile. */
  readonly move: (service: string, move: Move) => Promise<void>
  readonly onFault: (what: string, error: unknown) => void
}

/**
 * Lets counts follow the load: looks every second, decides purely, orders. What it remembers is for its windows only, and is gone with
 * it: the count itself is part of the desired state, and without figures nothing moves.
 */
export class Autoscaler {
  readonly #options: AutoscalerOptions
  readonly #memories = new Map<string, Memory>()
  /** Services with an order on its way. */
  readonly #moving = new Set<string>()
  #held: Readonly<Record<string, number>> = {}
  #heldAt = -Infinity
  #cancel = (): void => {}
  #isClosed = false

  constructor(options: AutoscalerOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#isClosed) return
    this.#cancel = this.#options.clock.after(periodMs, () => {
      void this.look()
        .catch((error: unknown) => this.#options.onFault('could not look at the load', error))
        .finally(() => this.start())
    })
  }

  close(): void {
    this.#isClosed = true
    this.#cancel()
  }

  /** The gateway holds so many requests for services that sleep; those are woken at once. */
  noteHeld(held: Readonly<Record<string, number>>): void {
    this.#held = held
    this.#heldAt = this.#options.clock.now()
    if (Object.keys(held).length === 0) return
    for (const service of this.#options.services()) {
      if (service.replicas === 0) this.#decide(service)
    }
  }

  /** Measures every service and moves those that need it. */
  async look(): Promise<void> {
    const services = this.#options.services()
    for (const name of this.#memories.keys()) {
      if (!services.some((service) => service.name === name)) this.#memories.delete(name)
    }
    if (services.length === 0) return
    const figures = await this.#options.figures().catch(() => null)
    const usages = new Map<string, readonly InstanceUsage[]>()
    for (const service of services) usages.set(service.name, await this.#usage(service))
    // While that was asked something may have been ordered.
    for (const service of this.#options.services()) {
      const seen = figures?.get(service.name)
      const now = this.#options.clock.now()
      this.#memoryOf(service).note(
        {
          inFlight: seen?.inFlight ?? null,
          requests: seen?.requests ?? null,
          usage: usages.get(service.name) ?? [],
        },
        service.replicas,
        now,
      )
      this.#decide(service)
    }
  }

  #decide(service: ScaledService): void {
    const { name, spec, replicas, isRolling, isHeld, limits } = service
    if (this.#isClosed || this.#moving.has(name)) return
    const now = this.#options.clock.now()
    const memory = this.#memoryOf(service)
    const held = now - this.#heldAt > heldMs ? 0 : (this.#held[name] ?? 0)
    const load = memory.load(limits, now)
    const decision = decide({ spec, present: replicas, load, past: memory.past, held, isRolling, isHeld, now })
    memory.remember(decision.asked, spec, now)
    if (decision.replicas === replicas) return
    this.#moving.add(name)
    this.#options
      .move(name, { from: replicas, to: decision.replicas, why: decision.why })
      .catch((error: unknown) => this.#options.onFault(`could not scale ${name}`, error))
      .finally(() => this.#moving.delete(name))
  }

  #memoryOf({ name, replicas }: ScaledService): Memory {
    const known = this.#memories.get(name)
    if (known !== undefined) return known
    const memory = new Memory(replicas, this.#options.clock.now())
    this.#memories.set(name, memory)
    return memory
  }

  async #usage({ spec, healthy }: ScaledService): Promise<InstanceUsage[]> {
    if (spec.cpuPercent === null && spec.memoryPercent === null) return []
    const found: InstanceUsage[] = []
    for (const instance of healthy) {
      const usage = await this.#options.usage(instance).catch(() => null)
      if (usage !== null) found.push({ instance, ...usage })
    }
    return found
  }
}
