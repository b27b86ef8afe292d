import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import type { StartOrder } from '../driver.js'
import type { InstanceFacts } from './instance-facts.js'

/** Which state directory's control plane it belongs to. */
export const appLabel = 'pando.app'
export const instanceLabel = 'pando.instance'
const factsLabel = 'pando.record'

/** A container's labels are its record: all that a later control plane has to know of it. */
export function labelsOf(key: string, order: StartOrder, facts: InstanceFacts): Record<string, string> {
  return {
    [appLabel]: key,
    [instanceLabel]: order.id,
    'pando.app-name': order.environment['PANDO_APP'] ?? '',
    'pando.service': order.service,
    'pando.slot': String(order.slot),
    'pando.revision': order.revision,
    'pando.generation': String(order.generation),
    [factsLabel]: JSON.stringify(facts),
  }
}

/** Null for a container that is none of ours, whatever its other labels say. */
export function factsIn(labels: Readonly<Record<string, string>> | null): InstanceFacts | null {
  try {
    const facts = JSON.parse(labels?.[factsLabel] ?? 'null') as InstanceFacts | null
    return facts !== null && facts.id === labels?.[instanceLabel] ? facts : null
  } catch {
    return null
  }
}

/** Two apps of the same name in two folders must not meet in one engine. */
export function containerKey(stateDir: string): string {
  return createHash('sha256').update(resolve(stateDir)).digest('hex').slice(0, 12)
}
