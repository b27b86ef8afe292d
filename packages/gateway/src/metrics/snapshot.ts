import type { MetricFamily, MetricSeries, MetricsSnapshot } from '../data-plane.js'

/** Adds up the snapshots of several workers: families by name, series by labels, every number its sum. */
export function mergeSnapshots(snapshots: readonly MetricsSnapshot[]): MetricsSnapshot {
  const families = new Map<string, { family: MetricFamily; series: Map<string, MetricSeries> }>()
  for (const snapshot of snapshots) {
    for (const family of snapshot.families) {
      let merged = families.get(family.name)
      if (merged === undefined) {
        merged = { family, series: new Map() }
        families.set(family.name, merged)
      }
      for (const series of family.series) {
        const key = keyOf(series.labels)
        const before = merged.series.get(key)
        merged.series.set(
          key,
          before === undefined ? series : { labels: series.labels, values: sum(before.values, series.values) },
        )
      }
    }
  }
  return {
    families: [...families.values()].map(({ family, series }) => ({ ...family, series: [...series.values()] })),
  }
}

function keyOf(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Different lengths mean different versions of the gateway side by side: what only one of them knows is kept as it is. */
function sum(one: readonly number[], other: readonly number[]): number[] {
  const length = Math.max(one.length, other.length)
  return Array.from({ length }, (_, index) => (one[index] ?? 0) + (other[index] ?? 0))
}
