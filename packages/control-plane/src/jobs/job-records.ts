import type { JobRun } from '@pando/model'
import type { Store } from '../store/store.js'

/** Ended runs that are remembered of a service whose schedule says nothing of it. */
const keptRuns = 20

/** The runs of every service, durable and bounded. */
export class JobRecords {
  readonly #store: Store
  /** By id. */
  readonly #keys = new Map<string, string>()
  readonly #runs = new Map<string, JobRun>()
  #next = 1

  constructor(store: Store) {
    this.#store = store
    for (const [key, run] of store.all('job_run')) {
      this.#keys.set(run.id, key)
      this.#runs.set(run.id, run)
      this.#next = Math.max(this.#next, Number(key.slice(key.lastIndexOf('/') + 1)) + 1)
    }
  }

  get(id: string): JobRun | undefined {
    return this.#runs.get(id)
  }

  /** Newest first. */
  list(service: string | null = null): JobRun[] {
    const all = [...this.#runs.values()].filter((run) => service === null || run.service === service)
    const keyOf = (run: JobRun): string => (this.#keys.get(run.id) ?? '').slice(run.service.length)
    return all.sort((a, b) => (keyOf(a) < keyOf(b) ? 1 : -1))
  }

  /** Written when it returns; the oldest ended ones go. */
  put(run: JobRun, kept = keptRuns): void {
    const key = this.#keys.get(run.id) ?? `${run.service}/${String(this.#next++).padStart(10, '0')}`
    this.#store.transaction(() => {
      this.#store.put('job_run', key, run)
      this.#keys.set(run.id, key)
      this.#runs.set(run.id, run)
      const ended = this.list(run.service).filter((one) => one.endedAt !== null)
      for (const { id } of ended.slice(kept)) {
        this.#store.delete('job_run', this.#keys.get(id) ?? '')
        this.#keys.delete(id)
        this.#runs.delete(id)
      }
    })
  }
}
