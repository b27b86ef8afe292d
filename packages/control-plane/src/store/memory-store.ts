import { PandoError } from '@pando/model'
import type { PandoEvent } from '@pando/model'
import { eventLimit, refusePromise } from './limits.js'
import type { RecordKind, Records, Store } from './store.js'

/** A store that lives and dies with the process: for tests and simulations. Values are kept as JSON, so nobody shares objects with it. */
export class MemoryStore implements Store {
  readonly #records = new Map<RecordKind, Map<string, string>>()
  #events: PandoEvent[] = []
  #seq = 0
  readonly #eventLimit: number
  /** What takes back each write of the running transaction, oldest first; null outside of one. */
  #undo: (() => void)[] | null = null
  #isClosed = false

  constructor(options: { readonly eventLimit?: number } = {}) {
    this.#eventLimit = options.eventLimit ?? eventLimit
  }

  get<K extends RecordKind>(kind: K, key: string): Records[K] | undefined {
    const text = this.#table(kind).get(key)
    return text === undefined ? undefined : (JSON.parse(text) as Records[K])
  }

  put<K extends RecordKind>(kind: K, key: string, value: Records[K]): void {
    const table = this.#table(kind)
    const before = table.get(key)
    table.set(key, JSON.stringify(value))
    this.#undo?.push(() => (before === undefined ? table.delete(key) : table.set(key, before)))
  }

  delete(kind: RecordKind, key: string): void {
    const table = this.#table(kind)
    const before = table.get(key)
    if (before === undefined) return
    table.delete(key)
    this.#undo?.push(() => table.set(key, before))
  }

  all<K extends RecordKind>(kind: K): Map<string, Records[K]> {
    // By bytes of UTF-8, as SQLite orders text, so that both stores agree on every key.
    const entries = [...this.#table(kind)].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    return new Map(entries.map(([key, text]) => [key, JSON.parse(text) as Records[K]]))
  }

  transaction<T>(work: () => T): T {
    this.#assertOpen()
    const isOuter = this.#undo === null
    const undo = (this.#undo ??= [])
    const begin = undo.length
    try {
      return refusePromise(work())
    } catch (error) {
      while (undo.length > begin) undo.pop()?.()
      throw error
    } finally {
      if (isOuter) this.#undo = null
    }
  }

  onRollback(undo: () => void): void {
    this.#undo?.push(undo)
  }

  appendEvent(event: Omit<PandoEvent, 'seq'>): PandoEvent {
    this.#assertOpen()
    const { at, kind, service, instance, message } = event
    const appended = { seq: ++this.#seq, at, kind, service, instance, message }
    this.#events.push(appended)
    if (this.#undo !== null) {
      this.#undo.push(() => {
        this.#events.pop()
        this.#seq--
      })
    } else if (this.#events.length > 2 * this.#eventLimit) {
      // Cut by halves, so that an append costs the same however many are kept.
      this.#events = this.#events.slice(-this.#eventLimit)
    }
    return { ...appended }
  }

  events(options: { after: number | null; limit: number; service?: string }): PandoEvent[] {
    this.#assertOpen()
    const { after, limit, service } = options
    if (limit <= 0) return []
    const matching = this.#events
      .slice(-this.#eventLimit)
      .filter((event) => (after === null || event.seq > after) && (service === undefined || event.service === service))
    return (after === null ? matching.slice(-limit) : matching.slice(0, limit)).map((event) => ({ ...event }))
  }

  close(): void {
    this.#isClosed = true
  }

  #table(kind: RecordKind): Map<string, string> {
    this.#assertOpen()
    let table = this.#records.get(kind)
    if (table === undefined) this.#records.set(kind, (table = new Map()))
    return table
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new PandoError('internal', 'the store is closed')
  }
}
