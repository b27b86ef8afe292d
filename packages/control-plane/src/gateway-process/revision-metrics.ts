import { samplesOf } from './samples.js'

/** What the gateway has counted of one revision since it started. */
export interface RevisionCount {
  readonly errors: number
  /** Times that the gateway left an instance of it alone. */
  readonly ejections: number
  /** By upper bound in seconds, cumulative, ascending; that of Infinity is the number of requests. */
  readonly buckets: ReadonlyMap<number, number>
}

const errors = 'pando_gateway_revision_errors_total'
const ejections = 'pando_gateway_revision_ejections_total'
const asked: ReadonlySet<string> = new Set([
  errors,
  ejections,
  'pando_gateway_revision_request_duration_seconds_bucket',
])

/** By `service/revision`, out of the gateway's metrics. */
export function readMetrics(text: string): Map<string, RevisionCount> {
  const found = new Map<string, { errors: number; ejections: number; buckets: Map<number, number> }>()
  for (const { name, labels, value } of samplesOf(text, (one) => asked.has(one))) {
    const key = `${labels.get('service')}/${labels.get('revision')}`
    const entry = found.get(key) ?? { errors: 0, ejections: 0, buckets: new Map<number, number>() }
    found.set(key, entry)
    const le = labels.get('le')
    if (name === errors) entry.errors = value
    else if (name === ejections) entry.ejections = value
    else entry.buckets.set(le === '+Inf' ? Infinity : Number(le), value)
  }
  return found
}
