import type { ApiKeyInfo, Deployment, Endpoint, EventKind, JobRun, PandoEvent } from '@pando/model'
import type { Revision } from '../deployments/revision.js'
import type { DesiredService, InstanceHealthRecord, Rollout, SlotHistory } from '../reconciler/state.js'

/** Everything that must outlive the control plane, once, with its key. A new kind of record is added here. */
export interface Records {
  /** Key: service name. */
  desired: DesiredService
  /** Key: instance id. */
  health: InstanceHealthRecord
  /** Key: `service/slot`. */
  slot: SlotHistory
  /** Key: service name; its present or last rollout, and the last revision that was whole. */
  rollout: Rollout
  /** Key: service name; the port of its stable mesh address. */
  mesh_port: { readonly port: number }
  /** Key: `service/id`; endpoints that registered themselves. */
  lease: { readonly endpoint: Endpoint; readonly expiresAt: number; readonly ttlMs: number }
  /** Key: `service/number`, the number in ten digits. */
  deployment: Deployment
  /** Key: `service/revision`; as long as a deployment of it is remembered. */
  revision: Revision
  /** Key: `service/number`, the number in ten digits; the newest of each service. */
  job_run: JobRun
  /** Key: service name; up to when everything that its schedule asked for is dealt with. Unix time, ms. */
  schedule: { readonly cron: string; readonly since: number }
  /** Key: its name. The hash is SHA-256 in hex; the key itself is nowhere. */
  api_key: ApiKeyInfo & { readonly hash: string }
  /** Key: a name, for example `app`. */
  meta: unknown
}

export type RecordKind = keyof Records

/**
 * Durable records and the event log. Calls are synchronous: when one returns, what it wrote survives a kill -9 of this process.
 * Two implementations, `SqliteStore` and `MemoryStore`, pass one contract suite.
 */
export interface Store {
  get<K extends RecordKind>(kind: K, key: string): Records[K] | undefined
  put<K extends RecordKind>(kind: K, key: string, value: Records[K]): void
  delete(kind: RecordKind, key: string): void
  /** All of one kind, by key in ascending order. */
  all<K extends RecordKind>(kind: K): Map<string, Records[K]>
  /** All or nothing of what `work` writes; nested calls join the outer one. */
  transaction<T>(work: () => T): T
  /**
   * What takes back a change of memory that goes with what the running transaction writes. When that is not to be, because its
   * function or its commit or those of an outer one fail, all that were given within it are called, newest first. They must not throw
   * or write. Outside of a transaction it is never called: what was written then stands. See `Table`.
   */
  onRollback(undo: () => void): void
  /** Appends and returns the event with its number; the oldest go when there are more than the store's limit (10,000). */
  appendEvent(event: {
    at: number
    kind: EventKind
    service: string | null
    instance: string | null
    message: string
  }): PandoEvent
  /** At most `limit` events with `seq > after`, oldest first. `after: null` takes the newest `limit`, oldest of them first. */
  events(options: { after: number | null; limit: number; service?: string }): PandoEvent[]
  close(): void
}
