import type { Clock } from '../../clock.js'

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
