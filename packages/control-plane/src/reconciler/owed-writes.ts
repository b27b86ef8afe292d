import type { Store } from '../store/store.js'

/**
 * What is true whether or not it can be written down, and could not be when it came to be: a full disk must not keep anybody from acting on
 * it. One entry a record; as many as there are instances, and of those that end meanwhile.
 */
export class OwedWrites {
  readonly #store: Store
  readonly #owed = new Map<string, () => void>()

  constructor(store: Store) {
    this.#store = store
  }

  get size(): number {
    return this.#owed.size
  }

  /**
   * All or nothing. When it fails, the records that it is about (by names of their own) are owed: what stands here writes each as it is
   * by then. False then.
   */
  attempt(write: () => void, records: Readonly<Record<string, () => void>>): boolean {
    try {
      this.#store.transaction(write)
    } catch {
      for (const [name, writeNow] of Object.entries(records)) this.#owed.set(name, writeNow)
      return false
    }
    for (const name of Object.keys(records)) this.#owed.delete(name)
    return true
  }

  /** Writes all that is owed, or nothing, and then it goes on being owed. */
  settle(): void {
    if (this.#owed.size === 0) return
    try {
      this.#store.transaction(() => {
        for (const write of this.#owed.values()) write()
      })
      this.#owed.clear()
    } catch {
      // There is no room yet.
    }
  }
}
