import type { MetricFamily, MetricsSnapshot } from '../data-plane.js'

/** Media type of what `renderPrometheus` makes. */
export const prometheusContentType = 'text/plain; version=0.0.4; charset=utf-8'

/** Prometheus' text exposition format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/). */
export function renderPrometheus(snapshot: MetricsSnapshot): string {
  const lines: string[] = []
  for (const family of snapshot.families) {
    lines.push(`# HELP ${family.name} ${family.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`)
    lines.push(`# TYPE ${family.name} ${family.type}`)
    for (const series of family.series) {
      if (family.type === 'histogram') renderHistogram(lines, family, series.labels, series.values)
      else lines.push(`${family.name}${braces(series.labels)} ${number(series.values[0])}`)
    }
  }
  lines.push('')
  return lines.join('\n')
}

function renderHistogram(
  lines: string[],
  family: MetricFamily,
  labels: Readonly<Record<string, string>>,
  values: readonly number[],
): void {
  const bounds = family.bounds ?? []
  let count = 0
  for (let index = 0; index <= bounds.length; index++) {
    count += values[index] ?? 0
    const le = index === bounds.length ? '+Inf' : number(bounds[index])
    lines.push(`${family.name}_bucket${braces({ ...labels, le })} ${number(count)}`)
  }
  lines.push(`${family.name}_sum${braces(labels)} ${number(values[bounds.length + 1] ?? 0)}`)
  lines.push(`${family.name}_count${braces(labels)} ${number(count)}`)
}

function braces(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function number(value: number): string {
  if (value === Infinity) return '+Inf'
  if (value === -Infinity) return '-Inf'
  return String(value)
}
