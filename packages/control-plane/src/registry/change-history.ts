import type { Change } from './change.js'

/**
 * The newest changes, one a version, bounded in number and in what they hold together; the oldest go. It is what lets a watcher
 * catch up without a snapshot, and the only thing kept for slow watchers, however many there are.
 */
export class ChangeHistory {
  readonly #maxChanges: number
  readonly #maxItems: number
  #changes: Change[] = []
  /** Index in `#changes` of the oldest one kept; those before it are dropped in one go now and then. */
  #first = 0
  #items = 0
  #version = 0

  constructor(options: { readonly maxChanges: number; readonly maxItems: number }) {
    this.#maxChanges = options.maxChanges
    this.#maxItems = options.maxItems
  }

  /** The newest version; 0 before the first change. */
  get version(): number {
    return this.#version
  }

  append(change: Change): number {
    this.#changes.push(change)
    this.#items += size(change)
    this.#version++
    while (this.#length > this.#maxChanges || (this.#items > this.#maxItems && this.#length > 0)) {
      this.#items -= size(this.#changes[this.#first]!)
      this.#first++
    }
    if (this.#first > this.#maxChanges) {
      this.#changes = this.#changes.slice(this.#first)
      this.#first = 0
    }
    return this.#version
  }

  /** The changes after `version`, oldest first; null when they are not all kept, or `version` is none of ours. */
  after(version: number): readonly Change[] | null {
    const count = this.#version - version
    if (!Number.isInteger(version) || count < 0 || count > this.#length) return null
    return this.#changes.slice(this.#changes.length - count)
  }

  get #length(): number {
    return this.#changes.length - this.#first
  }
}

function size(change: Change): number {
  return change.set.length + change.removed.length + (change.config === undefined ? 0 : 100)
}
