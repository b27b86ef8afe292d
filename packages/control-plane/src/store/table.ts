import type { RecordKind, Records, Store } from './store.js'

/**
 * One kind of record in memory, always as the store has it: a change is written first, and memory goes back with a transaction
 * that fails, be it an outer one's commit. Whoever remembers records does it here, and so can never be ahead of the store, but by
 * `assume`.
 */
export class Table<K extends RecordKind> {
  readonly #store: Store
  readonly #kind: K
  #values: ReadonlyMap<string, Records[K]>

  constructor(store: Store, kind: K) {
    this.#store = store
    this.#kind = kind
    this.#values = store.all(kind)
  }

  /** By key. A change makes a new map, so what was taken from here stays as it was. */
  get values(): ReadonlyMap<string, Records[K]> {
    return this.#values
  }

  get(key: string): Records[K] | undefined {
    return this.#values.get(key)
  }

  put(key: string, value: Records[K]): void {
    this.#store.put(this.#kind, key, value)
    this.#become(new Map(this.#values).set(key, value))
  }

  /** Changes memory alone: what is true and could not be written. Whoever does this writes it later. */
  assume(key: string, value: Records[K] | undefined): void {
    const values = new Map(this.#values)
    if (value === undefined) values.delete(key)
    else values.set(key, value)
    this.#values = values
  }

  delete(key: string): void {
    if (!this.#values.has(key)) return
    this.#store.delete(this.#kind, key)
    const values = new Map(this.#values)
    values.delete(key)
    this.#become(values)
  }

  #become(values: ReadonlyMap<string, Records[K]>): void {
    const before = this.#values
    this.#values = values
    this.#store.onRollback(() => {
      this.#values = before
    })
  }
}
