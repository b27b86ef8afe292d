import type { RoutingTable, WatchMessage } from '@pando/model'

/** What a message did to the table. `start_over`: there is a gap, and only a new snapshot fills it. */
export type Outcome =
  | { readonly kind: 'changed'; readonly table: RoutingTable }
  | { readonly kind: 'same' }
  | { readonly kind: 'start_over'; readonly reason: string }

/**
 * The watch protocol's rules (model, `watch.ts`), decided purely: a snapshot replaces everything, a change applies only on the version
 * that it names, a heartbeat must agree. The configuration's object stays the same one until it changes.
 */
export function applyMessage(table: RoutingTable | null, message: WatchMessage): Outcome {
  switch (message.type) {
    case 'snapshot': {
      const { epoch, version, endpoints, config } = message
      if (config === undefined) return { kind: 'start_over', reason: 'a snapshot came without a configuration' }
      return { kind: 'changed', table: { epoch, version, config, endpoints } }
    }
    case 'change': {
      const { from, version, config } = message
      if (table === null) return { kind: 'start_over', reason: 'a change came before any snapshot' }
      if (from !== table.version || version <= from) {
        return { kind: 'start_over', reason: `a change from ${from} to ${version} came, this is at ${table.version}` }
      }
      const endpoints = new Map(table.endpoints.map((endpoint) => [endpoint.id, endpoint]))
      for (const id of message.removed) endpoints.delete(id)
      for (const endpoint of message.set) endpoints.set(endpoint.id, endpoint)
      return {
        kind: 'changed',
        table: { epoch: table.epoch, version, config: config ?? table.config, endpoints: [...endpoints.values()] },
      }
    }
    case 'heartbeat':
      // Before the first snapshot (the control plane has no configuration yet) there is nothing to compare.
      if (table === null || message.version === table.version) return { kind: 'same' }
      return { kind: 'start_over', reason: `a heartbeat says ${message.version}, this is at ${table.version}` }
  }
}
