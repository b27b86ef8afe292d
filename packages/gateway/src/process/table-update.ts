import type { Endpoint, RoutingTable } from '@pando/model'
import type { ToWorker } from './messages.js'

/** The message that brings a worker from the table it was sent last (null: none) to `table`. */
export function tableUpdate(sent: RoutingTable | null, table: RoutingTable): ToWorker {
  if (sent === null || sent.config !== table.config) return { type: 'table', table }
  const before = new Map<string, Endpoint>(sent.endpoints.map((endpoint) => [endpoint.id, endpoint]))
  const set: Endpoint[] = []
  for (const endpoint of table.endpoints) {
    if (before.get(endpoint.id) !== endpoint) set.push(endpoint)
    before.delete(endpoint.id)
  }
  return { type: 'endpoints', epoch: table.epoch, version: table.version, set, removed: [...before.keys()] }
}
