import type { Clock } from '../clock.js'
import { adminRequest } from './admin-request.js'
import { readMetrics, type RevisionCount } from './revision-metrics.js'

/** Counts of one revision of one service in some time; see `Figures` of the reconciler, which it is made for. */
interface Difference {
  readonly requests: number
  readonly errors: number
  readonly ejections: number
  readonly durations: readonly (readonly [bound: number, count: number])[]
}

const periodMs = 1000
const zero: RevisionCount = { errors: 0, ejections: 0, buckets: new Map() }

/**
 * What the gateway has counted by revision, asked for every second while somebody wants to know. What was counted before a
 * comparison began is taken off; when the counts fall, the gateway is another one, and the comparison begins anew.
 */
export class RevisionFigures {
  readonly #read: () => Promise<string>
  readonly #now: () => number
  #counts: ReadonlyMap<string, RevisionCount> = new Map()
  #readAt = -Infinity
  #isReading = false
  readonly #bases = new Map<string, { since: number; counts: ReadonlyMap<string, RevisionCount> }>()

  static ofGateway(adminSocket: string, clock: Pick<Clock, 'now'>): RevisionFigures {
    return new RevisionFigures({
      read: () => adminRequest(adminSocket, '/metrics'),
      now: () => clock.now(),
    })
  }

  /** `read` gives the gateway's metrics as text. */
  constructor(options: { readonly read: () => Promise<string>; readonly now: () => number }) {
    this.#read = options.read
    this.#now = options.now
  }

  /** Of both revisions since about `since`; null until the gateway has answered. */
  compare(service: string, fresh: string, old: string, since: number): { fresh: Difference; old: Difference } | null {
    this.#refresh()
    if (this.#readAt === -Infinity || this.#readAt < since) return null
    const base = this.#bases.get(service)
    const names = [`${service}/${fresh}`, `${service}/${old}`]
    if (base === undefined || base.since !== since || names.some((name) => this.#hasFallen(name, base.counts))) {
      this.#bases.set(service, { since, counts: this.#counts })
      return null
    }
    const [one, other] = names.map((name) =>
      differenceOf(this.#counts.get(name) ?? zero, base.counts.get(name) ?? zero),
    )
    return { fresh: one!, old: other! }
  }

  #refresh(): void {
    if (this.#isReading || Math.abs(this.#now() - this.#readAt) < periodMs) return
    this.#isReading = true
    void this.#take().finally(() => {
      this.#isReading = false
    })
  }

  async #take(): Promise<void> {
    try {
      this.#counts = readMetrics(await this.#read())
      this.#readAt = this.#now()
    } catch {
      // A gateway that does not answer now is asked again.
    }
  }

  #hasFallen(name: string, base: ReadonlyMap<string, RevisionCount>): boolean {
    return total(this.#counts.get(name) ?? zero) < total(base.get(name) ?? zero)
  }
}

function differenceOf(now: RevisionCount, base: RevisionCount): Difference {
  const cumulative = [...now.buckets].map(([bound, count]) => [bound, count - (base.buckets.get(bound) ?? 0)] as const)
  const durations = cumulative.map(([bound, count], i) => [bound, count - (cumulative[i - 1]?.[1] ?? 0)] as const)
  return {
    requests: total(now) - total(base),
    errors: now.errors - base.errors,
    ejections: now.ejections - base.ejections,
    durations,
  }
}

function total({ buckets }: RevisionCount): number {
  return buckets.get(Infinity) ?? 0
}
