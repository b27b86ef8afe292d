import type { Limit } from './limit.js'

/** Requests that were granted, by limit and key. Plain JSON: it crosses from worker to worker. */
export type Taken = readonly (readonly [limit: string, keys: readonly (readonly [key: string, requests: number])[]])[]

/** A request that another worker granted is known here this much later, and a little for the way. */
const tellAfterMs = 25
/** Keys in one message; more go in the next. */
const mostKeys = 2_000

/**
 * Makes a limit the gateway's, not the worker's: each worker counts all of a key's requests, its own at once and those of the others as they are
 * told, so it matters to nobody which worker a connection came to.
 *
 * The bound of the error: until a request is told, about 30 ms, others may grant what it took. With N workers a key gets, in any time t, at most
 * N × burst + rate × t; and what was granted too much is owed, so over longer times it is the rate, exactly. A worker that starts anew
 * knows nothing of before, which gives each key at most one more burst.
 */
export class WorkerShares {
  /** Told a few times a second while requests are granted; null: there is nobody to tell. */
  onTaken: ((taken: Taken) => void) | null = null
  readonly #limitOf: (id: string) => Limit | null
  readonly #now: () => number
  #untold = new Map<string, Map<string, number>>()
  #timer: NodeJS.Timeout | null = null

  constructor(limitOf: (id: string) => Limit | null, now: () => number) {
    this.#limitOf = limitOf
    this.#now = now
  }

  /** One request was granted here. */
  note(limit: string, key: string): void {
    if (this.onTaken === null) return
    const keys = this.#untold.get(limit)
    if (keys === undefined) this.#untold.set(limit, new Map([[key, 1]]))
    else keys.set(key, (keys.get(key) ?? 0) + 1)
    this.#timer ??= setTimeout(() => this.#tell(), tellAfterMs).unref()
  }

  /** Others have granted these. Of a limit that is not known here (a table came there first) nothing is kept. */
  hear(taken: Taken): void {
    const now = this.#now()
    for (const [id, keys] of taken) {
      const limit = this.#limitOf(id)
      if (limit === null) continue
      const { buckets, rate } = limit
      for (const [key, requests] of keys) buckets.set(key, buckets.debt(key, now) + requests * rate.cost, now)
    }
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.onTaken = null
    this.#untold.clear()
  }

  #tell(): void {
    this.#timer = null
    const taken: [string, [string, number][]][] = []
    let room = mostKeys
    for (const [limit, keys] of this.#untold) {
      const told = [...keys].slice(0, room)
      for (const [key] of told) keys.delete(key)
      if (keys.size === 0) this.#untold.delete(limit)
      if (told.length > 0) taken.push([limit, told])
      room -= told.length
      if (room === 0) break
    }
    if (this.#untold.size > 0) this.#timer = setTimeout(() => this.#tell(), tellAfterMs).unref()
    if (taken.length > 0) this.onTaken?.(taken)
  }
}
