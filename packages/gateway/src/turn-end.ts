/** What has something to send at the end of a turn of the event loop. */
export interface Dirty {
  flush(): void
}

/** By then the kernel's part has been called often enough in a row, and every message that waits keeps a buffer. */
const mostDirty = 32

/**
 * Has what a turn of the event loop brings sent at its end: what is for one connection in one write, and the writes of all connections one after the
 * other. Serving requests and writing to the kernel's TCP are much code each, more than a processor's first cache holds; to change between them with
 * every request costs 4 % of all that a request takes.
 */
export class TurnEnd {
  readonly #later: (callback: () => void) => void
  readonly #flush = (): void => {
    this.#isDue = false
    this.#flushAll()
  }
  #dirty: Dirty[] = []
  #isDue = false

  /** `later` calls back once all that has happened by now has been dealt with. */
  constructor(later: (callback: () => void) => void = setImmediate) {
    this.#later = later
  }

  /** Has it flushed, once, at the end of the turn; those before it at once when they have become many. */
  flushLater(dirty: Dirty): void {
    if (this.#dirty.length >= mostDirty) this.#flushAll()
    this.#dirty.push(dirty)
    if (this.#isDue) return
    this.#isDue = true
    this.#later(this.#flush)
  }

  #flushAll(): void {
    const dirty = this.#dirty
    this.#dirty = []
    for (const each of dirty) each.flush()
  }
}
