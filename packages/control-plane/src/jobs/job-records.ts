import type { JobRun } from '@pando/model'
import type { Store } from '../store/store.js'
import { Table } from '../store/table.js'

/** Ended runs that are remembered of a service whose schedule says nothing of it. */
const keptRuns = 20

/** The runs of every service, durable and bounded. */
export class JobRecords {
  readonly #store: Store
  /** Their numbers grow over all services. */
  readonly #table: Table<'job_run'>

  constructor(store: Store) {
    this.#store = store
    this.#table = new Table(store, 'job_run')
  }

  get(id: string): JobRun | undefined {
    const key = this.#keyOf(id)
    return key === undefined ? undefined : this.#table.get(key)
  }

  /** Newest first. */
  list(service: string | null = null): JobRun[] {
    return this.#newestFirst(service).map(([, run]) => run)
  }

  /** Written when it returns; the oldest ended ones go. When it throws, nothing has changed. */
  put(run: JobRun, kept = keptRuns): void {
    this.#store.transaction(() => {
      this.#table.put(this.#keyOf(run.id) ?? this.#newKey(run.service), run)
      const ended = this.#newestFirst(run.service).filter(([, one]) => one.endedAt !== null)
      for (const [key] of ended.slice(kept)) this.#table.delete(key)
    })
  }

  #newestFirst(service: string | null): (readonly [key: string, run: JobRun])[] {
    const all = [...this.#table.values].filter(([, run]) => service === null || run.service === service)
    return all.sort(([a], [b]) => numberIn(b) - numberIn(a))
  }

  #keyOf(id: string): string | undefined {
    for (const [key, run] of this.#table.values) if (run.id === id) return key
    return undefined
  }

  #newKey(service: string): string {
    const last = [...this.#table.values.keys()].reduce((most, key) => Math.max(most, numberIn(key)), 0)
    return `${service}/${String(last + 1).padStart(10, '0')}`
  }
}

function numberIn(key: string): number {
  return Number(key.slice(key.lastIndexOf('/') + 1))
}
