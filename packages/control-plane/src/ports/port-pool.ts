import { PandoError, type Address } from '@pando/model'
import { findFreePort, type PortRange } from './free-port.js'

/**
 * Free ports, found ahead of time so that one can be taken without waiting. A port in the pool was free a moment ago; should
 * somebody else have taken it since, the instance that gets it fails to start and the next try takes another.
 */
export class PortPool {
  readonly #options: PortPoolOptions
  #free: number[] = []
  #filling: Promise<void> | null = null
  #isClosed = false

  constructor(options: PortPoolOptions) {
    this.#options = options
  }

  /** Resolves when the pool holds its whole size, or no more can be found. */
  fill(): Promise<void> {
    this.#filling ??= this.#fill().finally(() => {
      this.#filling = null
    })
    return this.#filling
  }

  /** Takes one that none of `taken` is. Throws `limit_reached` when there is none. */
  take(taken: ReadonlySet<number>): number {
    for (;;) {
      const port = this.#free.shift()
      if (port === undefined) {
        throw new PandoError('limit_reached', 'no free port is at hand', {
          hint: 'wait a moment, or stop something that listens on many ports',
        })
      }
      void this.fill()
      if (!taken.has(port)) return port
    }
  }

  close(): void {
    this.#isClosed = true
  }

  async #fill(): Promise<void> {
    const { host, range, size, random, isFree } = this.#options
    while (!this.#isClosed && this.#free.length < size) {
      try {
        const taken = new Set(this.#free)
        this.#free.push(await findFreePort({ host, range, taken, random, ...(isFree === undefined ? {} : { isFree }) }))
      } catch {
        // The range is used up: whoever finds the pool empty is told.
        return
      }
    }
  }
}

export interface PortPoolOptions {
  readonly host: string
  readonly range: PortRange
  /** How many are kept ready. */
  readonly size: number
  /** 0 ≤ r < 1. */
  readonly random: () => number
  /** The system's answer by default. */
  readonly isFree?: (address: Address) => Promise<boolean>
}
