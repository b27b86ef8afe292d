import { MemoryStore } from './memory-store.js'

/** While it is full, its outermost transaction fails when all has been written and is about to become durable. */
export class FullDisk extends MemoryStore {
  isFull = false
  #depth = 0

  override transaction<T>(work: () => T): T {
    return super.transaction(() => {
      this.#depth++
      try {
        const result = work()
        if (this.isFull && this.#depth === 1) throw new Error('the disk is full')
        return result
      } finally {
        this.#depth--
      }
    })
  }
}
