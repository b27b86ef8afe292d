import { createHash } from 'node:crypto'
import type { RevisionSpec } from './service.js'

/**
 * The revision of a spec and of the sources it is built from: the first 10 hex digits of the SHA-256 of their canonical JSON (keys
 * sorted), the same on every machine. `source` is the digest of the service's folder, null for one that runs from a live folder.
 */
export function revisionOf(spec: RevisionSpec, source: string | null = null): string {
  const named = source === null ? spec : { source, spec }
  return createHash('sha256').update(canonicalJson(named)).digest('hex').slice(0, 10)
}

/** JSON with every object's keys sorted, so that equal values have equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`
  }
  return JSON.stringify(value) ?? 'null'
}
