/** Counts of several workers, added up by name. */
export function sumByName(all: readonly (Readonly<Record<string, number>> | undefined)[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const [name, count] of all.flatMap((some) => Object.entries(some ?? {}))) sums[name] = (sums[name] ?? 0) + count
  return sums
}
