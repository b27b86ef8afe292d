/** Longer words are not compared: nobody mistypes them by a letter, and the comparison takes the product of both lengths. */
const longestWord = 64

/**
 * The candidate that was most likely meant, or null when none is near: at most a third of the letters may differ
 * (one for short words). Distance after Damerau-Levenshtein (optimal string alignment); case does not count.
 */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  if (word.length > longestWord) return null
  const written = word.toLowerCase().replaceAll('-', '_')
  let best: string | null = null
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of candidates) {
    if (candidate.length > longestWord || candidate === word) continue
    const distance = editDistance(written, candidate.toLowerCase().replaceAll('-', '_'))
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** A hint for a word that is not known: the nearest known one, or all of them when they are few. */
export function suggest(word: string, candidates: readonly string[]): string | undefined {
  const meant = nearest(word, candidates)
  if (meant !== null) return `did you mean "${meant}"?`
  if (candidates.length > 0 && candidates.length <= 16) return `known here: ${[...candidates].sort().join(', ')}`
  return undefined
}

/** Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1]
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (isSame ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1)
      }
      row.push(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.length] ?? 0
}
