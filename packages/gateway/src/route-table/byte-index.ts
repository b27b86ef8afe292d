const offsetBasis = 0x811c9dc5
const prime = 0x01000193

/** FNV-1a over bytes, resumable: start with `hashStart`, step with `hashStep`. */
export const hashStart = offsetBasis | 0
export function hashStep(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, prime)
}

export function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = hashStart
  for (let at = start; at < end; at++) hash = hashStep(hash, bytes[at])
  return hash
}

/** A map from byte strings that is read with ranges of a larger buffer: open addressing, at most half full. Built once, then only read. */
export class ByteIndex<Value> {
  readonly #mask: number
  readonly #keys: (Uint8Array | undefined)[]
  readonly #values: Value[] = []

  constructor(entries: readonly (readonly [Uint8Array, Value])[]) {
    let capacity = 4
    while (capacity < entries.length * 2) capacity *= 2
    this.#mask = capacity - 1
    this.#keys = Array.from({ length: capacity }, () => undefined)
    for (const [key, value] of entries) {
      let slot = hashOf(key, 0, key.length) & this.#mask
      while (this.#keys[slot] !== undefined) slot = (slot + 1) & this.#mask
      this.#keys[slot] = key
      this.#values[slot] = value
    }
  }

  /** `hash` is that of `bytes[start, end)`: who scans for the end computes it on the way. */
  get(hash: number, bytes: Uint8Array, start: number, end: number): Value | null {
    let slot = hash & this.#mask
    for (;;) {
      const key = this.#keys[slot]
      if (key === undefined) return null
      if (isSame(key, bytes, start, end)) return this.#values[slot]
      slot = (slot + 1) & this.#mask
    }
  }
}

function isSame(key: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start
  if (key.length !== length) return false
  for (let at = 0; at < length; at++) if (key[at] !== bytes[start + at]) return false
  return true
}
