import type { FieldDiff } from '../api/deployment-control.js'
import { isSecretName } from '../manifest/names.js'
import type { DesiredService } from '../reconciler/state.js'

/** What names a service or counts its restarts is nothing that anybody wrote. */
const unwritten = new Set(['name', 'revision', 'source', 'generation', 'spec.service'])

/** What differs between two wishes for a service, field by field, by name in ascending order. */
export function differencesBetween(before: DesiredService | null, after: DesiredService | null): FieldDiff[] {
  const old = fieldsOf(before)
  const fresh = fieldsOf(after)
  return [...new Set([...old.keys(), ...fresh.keys()])]
    .filter((field) => old.get(field) !== fresh.get(field))
    .sort()
    .map((field) => ({
      field: field.replace(/^spec\./, ''),
      before: shown(field, old.get(field)),
      after: shown(field, fresh.get(field)),
    }))
}

function shown(field: string, value: string | undefined): string | null {
  if (value === undefined) return null
  const variable = /(?:^|\.)environment\.(.*)$/.exec(field)?.[1]
  return variable !== undefined && isSecretName(variable) ? '****' : value
}

function fieldsOf(service: DesiredService | null): Map<string, string> {
  const fields = new Map<string, string>()
  const add = (value: unknown, path: string): void => {
    if (unwritten.has(path)) return
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) add(inner, path === '' ? key : `${path}.${key}`)
    } else if (value !== null && value !== undefined) fields.set(path, JSON.stringify(value))
  }
  add(service, '')
  return fields
}
