import type { Rate } from './rate.js'

/** Buckets of one limit in one worker; about 150 bytes each. */
export const mostBuckets = 32_768
const firstBuckets = 256
const evictionChoices = 8
const cellCount = 65_536

/**
 * The debts of one limit by key, bounded. A key's debt is never forgotten to its advantage, or filling the table would be a way to a
 * new bucket: when the table is full, the smallest debt of eight leaves it, but is noted in one of 65,536 cells, by the key's hash and
 * as the largest of all that were noted there; whoever comes new begins with what his cell says. So a key's debt is always at least its
 * true one. What it costs: newcomers that share a cell pay together, so that a flood of keys is refused as a whole where it is more than
 * 65,536 times what one key may ask for; keys that are in the table keep what is theirs.
 */
export class BucketTable {
  readonly rate: Rate
  readonly #most: number
  readonly #seed: number
  readonly #slots = new Map<string, number>()
  readonly #keys: string[] = []
  #debts = new Float64Array(firstBuckets)
  #times = new Float64Array(firstBuckets)
  #hand = 0
  /** Made with the first eviction. */
  #cellDebts: Float64Array | null = null
  #cellTimes: Float64Array | null = null

  /** `seed`: a random whole number, so that nobody can choose keys that share a cell. */
  constructor(rate: Rate, seed: number, most: number = mostBuckets) {
    this.rate = rate
    this.#seed = seed
    this.#most = most
  }

  get size(): number {
    return this.#keys.length
  }

  /** What the key owes at `now`, in the rate's units. */
  debt(key: string, now: number): number {
    const slot = this.#slots.get(key)
    if (slot === undefined) return this.#cellDebt(key, now)
    return this.rate.debtAt(this.#debts[slot] as number, this.#times[slot] as number, now)
  }

  /** The key owes so much as of `now`. */
  set(key: string, debt: number, now: number): void {
    let slot = this.#slots.get(key)
    if (slot === undefined) {
      slot = this.#keys.length < this.#most ? this.#grow() : this.#evict(now)
      this.#keys[slot] = key
      this.#slots.set(key, slot)
    }
    this.#debts[slot] = debt
    this.#times[slot] = now
  }

  #grow(): number {
    const slot = this.#keys.length
    if (slot === this.#debts.length) {
      const capacity = Math.min(slot * 2, this.#most)
      this.#debts = larger(this.#debts, capacity)
      this.#times = larger(this.#times, capacity)
    }
    return slot
  }

  #evict(now: number): number {
    let chosen = this.#hand
    let least = Infinity
    for (let choice = 0; choice < evictionChoices && least > 0; choice++) {
      const slot = this.#hand
      this.#hand = (slot + 1) % this.#most
      const debt = this.rate.debtAt(this.#debts[slot] as number, this.#times[slot] as number, now)
      if (debt < least) {
        least = debt
        chosen = slot
      }
    }
    const key = this.#keys[chosen] as string
    this.#slots.delete(key)
    if (least > 0) this.#note(key, least, now)
    return chosen
  }

  #note(key: string, debt: number, now: number): void {
    this.#cellDebts ??= new Float64Array(cellCount)
    this.#cellTimes ??= new Float64Array(cellCount)
    const cell = this.#cellOf(key)
    const before = this.rate.debtAt(this.#cellDebts[cell] as number, this.#cellTimes[cell] as number, now)
    this.#cellDebts[cell] = Math.max(before, debt)
    this.#cellTimes[cell] = now
  }

  #cellDebt(key: string, now: number): number {
    if (this.#cellDebts === null || this.#cellTimes === null) return 0
    const cell = this.#cellOf(key)
    return this.rate.debtAt(this.#cellDebts[cell] as number, this.#cellTimes[cell] as number, now)
  }

  #cellOf(key: string): number {
    let hash = this.#seed | 0
    for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
    return ((hash ^ (hash >>> 15)) >>> 0) % cellCount
  }
}

function larger(values: Float64Array, capacity: number): Float64Array<ArrayBuffer> {
  const copy = new Float64Array(capacity)
  copy.set(values)
  return copy
}
