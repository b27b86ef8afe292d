import type { Clock } from '../../clock.js'
import type { EngineClient } from './engine-client.js'
import type { ContainerStats } from './engine-types.js'

export interface Usage {
  readonly memoryBytes: number
  readonly cpuSeconds: number
}

/** Who asks for the state of things shall not wait for an engine that takes seconds to answer for a container that is ending. */
const waitMs = 200

/**
 * What instances use, as an engine says that may be slow: one question at a time for each, an answer within 200 ms, and until there is
 * a new one the last.
 */
export class UsageMeter {
  readonly #clock: Clock
  readonly #ask: (id: string) => Promise<Usage | null>
  readonly #last = new Map<string, Usage | null>()
  readonly #asking = new Map<string, Promise<Usage | null>>()

  constructor(options: { readonly clock: Clock; readonly ask: (id: string) => Promise<Usage | null> }) {
    this.#clock = options.clock
    this.#ask = options.ask
  }

  async of(id: string): Promise<Usage | null> {
    let cancel: (() => void) | undefined
    const last = new Promise<Usage | null>((resolve) => {
      cancel = this.#clock.after(waitMs, () => resolve(this.#last.get(id) ?? null))
    })
    try {
      return await Promise.race([this.#answer(id), last])
    } finally {
      cancel?.()
    }
  }

  forget(id: string): void {
    this.#last.delete(id)
  }

  #answer(id: string): Promise<Usage | null> {
    const underWay = this.#asking.get(id)
    if (underWay !== undefined) return underWay
    const asking = this.#ask(id)
      .catch(() => null)
      .then((usage) => {
        this.#asking.delete(id)
        this.#last.set(id, usage)
        return usage
      })
    this.#asking.set(id, asking)
    return asking
  }
}

/** What the engine says of a container now; null when it does not run. */
export async function usageOf(engine: EngineClient, container: string): Promise<Usage | null> {
  const query = { stream: 'false', 'one-shot': 'true' }
  const options = { query, absent: [404, 409], timeoutMs: 5000 }
  const stats = await engine.ask<ContainerStats>('GET', `/containers/${container}/stats`, options)
  const memory = stats?.memory_stats
  if (memory?.usage === undefined) return null
  // Pages of files that the kernel can drop are not what an instance needs.
  const cached = memory.stats?.['total_inactive_file'] ?? memory.stats?.['inactive_file'] ?? 0
  const nanoseconds = stats?.cpu_stats?.cpu_usage?.total_usage ?? 0
  return { memoryBytes: Math.max(0, memory.usage - cached), cpuSeconds: nanoseconds / 1e9 }
}
