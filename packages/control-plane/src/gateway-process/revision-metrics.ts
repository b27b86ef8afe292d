/** What the gateway has counted of one revision since it started. */
export interface RevisionCount {
  readonly errors: number
  /** By upper bound in seconds, cumulative, ascending; that of Infinity is the number of requests. */
  readonly buckets: ReadonlyMap<number, number>
}

const line = /^pando_gateway_revision_(errors_total|request_duration_seconds_bucket)\{([^}]*)\} (\S+)$/

/** By `service/revision`, out of the gateway's metrics in Prometheus' text format. Names need no escapes. */
export function readMetrics(text: string): Map<string, RevisionCount> {
  const found = new Map<string, { errors: number; buckets: Map<number, number> }>()
  for (const each of text.split('\n')) {
    const [, what, braces, number] = line.exec(each) ?? []
    if (braces === undefined) continue
    const labels = new Map([...braces.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value ?? '']))
    const key = `${labels.get('service')}/${labels.get('revision')}`
    const entry = found.get(key) ?? { errors: 0, buckets: new Map<number, number>() }
    found.set(key, entry)
    if (what === 'errors_total') entry.errors = Number(number)
    else entry.buckets.set(labels.get('le') === '+Inf' ? Infinity : Number(labels.get('le')), Number(number))
  }
  return found
}
