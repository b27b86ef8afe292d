import type { Endpoint, GatewayConfig } from '@pando/model'

/** What one version, or a run of versions, did to the table. No id of one service stands in both `set` and `removed`. */
export interface Change {
  readonly set: readonly Endpoint[]
  readonly removed: readonly Removal[]
  readonly config?: GatewayConfig
}

/** A removal keeps the service, so that those who watch one service hear of it. */
export interface Removal {
  readonly id: string
  readonly service: string
}

/** What a watcher wants to hear: one service or all, with the gateway's configuration or without. */
export interface Scope {
  readonly service: string | null
  readonly hasConfig: boolean
}

/**
 * Folds consecutive changes, oldest first, into the one that has the same effect: of every endpoint only its last word is kept, so the
 * result is never larger than the table plus what has left it.
 */
export function coalesce(changes: readonly Change[]): Change {
  if (changes.length === 1) return changes[0]!
  const last = new Map<string, Endpoint | Removal>()
  let config: GatewayConfig | undefined
  for (const change of changes) {
    for (const removal of change.removed) last.set(`${removal.service}/${removal.id}`, removal)
    for (const endpoint of change.set) last.set(`${endpoint.service}/${endpoint.id}`, endpoint)
    if (change.config !== undefined) config = change.config
  }
  const set: Endpoint[] = []
  const removed: Removal[] = []
  for (const word of last.values()) {
    if ('address' in word) set.push(word)
    else removed.push(word)
  }
  return { set, removed, ...(config === undefined ? {} : { config }) }
}

/** The part of a change that `scope` wants; null when there is none. */
export function narrow(
  change: Change,
  scope: Scope,
): { set: Endpoint[]; removed: string[]; config?: GatewayConfig } | null {
  const { service } = scope
  const isWanted = (item: { service: string }): boolean => service === null || item.service === service
  const set = change.set.filter(isWanted)
  // An endpoint that went from one service to another is gone from the first, but to one who watches both it is only different.
  const present = new Set(set.map((endpoint) => endpoint.id))
  const removed = change.removed.filter((item) => isWanted(item) && !present.has(item.id)).map((item) => item.id)
  const config = scope.hasConfig ? change.config : undefined
  if (set.length === 0 && removed.length === 0 && config === undefined) return null
  return { set, removed, ...(config === undefined ? {} : { config }) }
}
