/**
 * 32 bits of a text, the same in every worker and every process: FNV-1a over its UTF-16 units, then mixed so that texts that differ in one character
 * land far apart. No defence against somebody who seeks collisions: what is balanced by it bounds the load besides.
 */
export function hashText(text: string, seed = 0): number {
  let hash = (0x811c9dc5 ^ seed) | 0
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return mix(hash)
}

/** The finalizer of MurmurHash3: every bit of the input changes every bit of the output in half of all cases. */
export function mix(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
