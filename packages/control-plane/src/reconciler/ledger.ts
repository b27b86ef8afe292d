import type { Address, ExitReason } from '@pando/model'
import type { InstanceReport } from '../drivers/driver.js'
import type { Store } from '../store/store.js'
import { Table } from '../store/table.js'
import { OwedWrites } from './owed-writes.js'
import { historyAfterExit } from './backoff.js'
import { rolloutSpecOf } from './rollout-state.js'
import { slotKey } from './service-view.js'
import type { BuildState, DesiredService, InstanceHealthRecord, Observed, Rollout, SlotHistory } from './state.js'

/** One instance as the loop knows it. The record is durable here; everything else is the driver's to remember. */
export interface Run {
  readonly id: string
  readonly service: string
  readonly slot: number
  readonly revision: string
  readonly generation: number
  readonly address: Address | null
  pid: number | null
  startedAt: number
  exited: { readonly at: number; readonly reason: ExitReason } | null
  record: InstanceHealthRecord
  /** The number of the listing after which the driver first reported it; null while its start is under way. */
  confirmedAfter: number | null
  /** Its start was refused after that listing: one later listing decides whether it runs all the same. */
  refused: { readonly after: number; readonly detail: string } | null
}

/**
 * All that is known, in memory as in the store. Every change of what is wanted is written to the store first, so that what is in memory, and
 * what is then done about it, has always been written down; a write that throws leaves memory as it was, and so does a transaction.
 *
 * What is seen of instances is true also when it cannot be written (the disk is full): memory has it at once, the store when there is room.
 * A control plane that dies before that leaves an older record, or none: the next one takes over what runs by what the driver lists.
 */
export class Ledger {
  readonly #store: Store
  readonly #owed: OwedWrites
  readonly runs = new Map<string, Run>()
  readonly builds = new Map<string, BuildState>()
  readonly #slots: Table<'slot'>
  readonly #rollouts: Table<'rollout'>
  readonly #desired: Table<'desired'>

  constructor(store: Store) {
    this.#store = store
    this.#owed = new OwedWrites(store)
    this.#desired = new Table(store, 'desired')
    this.#slots = new Table(store, 'slot')
    this.#rollouts = new Table(store, 'rollout')
  }

  get desired(): ReadonlyMap<string, DesiredService> {
    return this.#desired.values
  }

  /** By `service/slot`. */
  get slots(): ReadonlyMap<string, SlotHistory> {
    return this.#slots.values
  }

  /** By service. */
  get rollouts(): ReadonlyMap<string, Rollout> {
    return this.#rollouts.values
  }

  /** The health records of an earlier control plane, by instance id. */
  records(): Map<string, InstanceHealthRecord> {
    return this.#store.all('health')
  }

  setDesired(desired: ReadonlyMap<string, DesiredService>, alongside?: () => void): void {
    const used = new Set(Array.from(this.runs.values(), (run) => run.service))
    const stale = [...this.slots.keys()].filter((key) => {
      const service = key.slice(0, key.lastIndexOf('/'))
      return !desired.has(service) && !used.has(service)
    })
    const goneRollouts = [...this.rollouts.keys()].filter((name) => !desired.has(name))
    this.#store.transaction(() => {
      for (const name of this.desired.keys()) if (!desired.has(name)) this.#desired.delete(name)
      for (const [name, service] of desired) this.#desired.put(name, service)
      for (const key of stale) this.#slots.delete(key)
      for (const name of goneRollouts) this.#rollouts.delete(name)
      alongside?.()
    })
  }

  /**
   * The next state of a service's rollout, with what is wanted when it goes back, both or neither. One that begins forgets how the
   * revision fared when it was tried before. `tell` hears of it within the same transaction and may itself say what is wanted.
   */
  setRollout(name: string, next: Rollout, back: DesiredService | null, tell: () => void): void {
    const before = this.rollouts.get(name)
    const isNew = before?.revision !== next.revision || before.generation !== next.generation
    const owed = [...this.slots].filter(
      ([key, { of, ended }]) =>
        isNew &&
        key.slice(0, key.lastIndexOf('/')) === name &&
        ended === null &&
        of?.revision === next.revision &&
        of.generation === next.generation,
    )
    this.#store.transaction(() => {
      for (const [key] of owed) this.#slots.delete(key)
      this.#rollouts.put(name, next)
      if (back !== null) this.#desired.put(name, back)
      tell()
    })
  }

  /** A new run, or one that is adopted. */
  add(run: Run): void {
    this.runs.set(run.id, run)
    this.#writeRecord(run.id)
  }

  setRecord(run: Run, changes: Partial<InstanceHealthRecord>): void {
    run.record = { ...run.record, ...changes }
    this.#writeRecord(run.id)
  }

  /** Writes what could not be written before, if there is room by now. */
  settle(): void {
    this.#owed.settle()
  }

  /** Something is true that could not be written yet. */
  get isOwing(): boolean {
    return this.#owed.size > 0
  }

  /** The driver has reported it for the first time. */
  confirm(run: Run, report: InstanceReport, listings: number): void {
    run.confirmedAfter = listings
    run.pid = report.pid
    run.startedAt = report.startedAt
  }

  /** Counts the run in its slot's history and forgets it, both or neither. */
  bury(run: Run, now: number): SlotHistory {
    const key = slotKey(run.service, run.slot)
    const policy = this.desired.get(run.service)?.restart ?? null
    const history = historyAfterExit(this.slots.get(key), { ...run, isDrained: false }, policy, now)
    // A slot that ended as it should has nothing to remember.
    const isKept = policy !== null && (history.failures > 0 || history.ended !== null)
    this.runs.delete(run.id)
    const isWritten = this.#owed.attempt(
      () => {
        if (isKept) this.#slots.put(key, history)
        else this.#slots.delete(key)
        this.#store.delete('health', run.id)
      },
      { [`slot ${key}`]: () => this.#writeSlotNow(key), [`health ${run.id}`]: () => this.#writeRecordNow(run.id) },
    )
    if (!isWritten) this.#slots.assume(key, isKept ? history : undefined)
    return history
  }

  /** Drops the record of an instance that no driver knows. */
  forget(id: string): void {
    this.#writeRecord(id)
  }

  /** As it is in memory, be it that there is none. */
  #writeRecord(id: string): void {
    const write = (): void => this.#writeRecordNow(id)
    this.#owed.attempt(write, { [`health ${id}`]: write })
  }

  #writeRecordNow(id: string): void {
    const run = this.runs.get(id)
    if (run === undefined) this.#store.delete('health', id)
    else this.#store.put('health', id, run.record)
  }

  #writeSlotNow(key: string): void {
    const history = this.slots.get(key)
    if (history === undefined) this.#store.delete('slot', key)
    else this.#store.put('slot', key, history)
  }

  /**
   * Keeps the times of all records meaningful when the clock does not run evenly. After a leap forward (the clock was set, or the
   * machine slept) every wait goes on where it was. A time that lies ahead is taken to be now: its wait begins anew.
   */
  anchor(now: number, leapMs: number): void {
    for (const run of this.runs.values()) {
      const record = anchored(run.record, now, leapMs)
      if (record !== run.record) this.setRecord(run, record)
    }
    for (const [name, rollout] of this.rollouts) {
      const { stepSince, waitsSince, switchedAt } = rollout
      const latest = Math.max(stepSince ?? 0, waitsSince ?? 0, switchedAt ?? 0)
      if (latest === 0 || (leapMs === 0 && latest <= now)) continue
      const move = (at: number | null): number | null => (at === null ? null : Math.min(at + leapMs, now))
      const moved = { stepSince: move(stepSince), waitsSince: move(waitsSince), switchedAt: move(switchedAt) }
      this.setRollout(name, { ...rollout, ...moved }, null, () => {})
    }
  }

  /** Nobody watched for a while: half of the time without progress is forgiven at most, so that a late one can still arrive. */
  forgiveRollouts(now: number): void {
    for (const [name, rollout] of this.rollouts) {
      const service = this.desired.get(name)
      if (rollout.waitsSince === null || service === undefined) continue
      const waitsSince = Math.max(rollout.waitsSince, now - rolloutSpecOf(service).progressDeadlineMs / 2)
      if (waitsSince !== rollout.waitsSince) this.setRollout(name, { ...rollout, waitsSince }, null, () => {})
    }
  }

  observed(isDrained: (id: string) => boolean): Observed {
    const instances = Array.from(this.runs.values(), (run) => ({
      id: run.id,
      service: run.service,
      slot: run.slot,
      revision: run.revision,
      generation: run.generation,
      address: run.address,
      pid: run.pid,
      startedAt: run.startedAt,
      exited: run.exited,
      record: run.record,
      isDrained: run.record.drain !== null && (run.address === null || isDrained(run.id)),
    }))
    return { instances, builds: this.builds, slots: this.slots, rollouts: this.rollouts }
  }
}

function anchored(record: InstanceHealthRecord, now: number, leapMs: number): InstanceHealthRecord {
  const { since, drain, stop } = record
  const latest = Math.max(since, drain?.since ?? 0, stop?.since ?? 0, stop?.killedAt ?? 0)
  if (leapMs === 0 && latest <= now) return record
  const move = (at: number): number => Math.min(at + leapMs, now)
  return {
    ...record,
    since: move(since),
    drain: drain && { ...drain, since: move(drain.since) },
    stop: stop && { ...stop, since: move(stop.since), killedAt: stop.killedAt === null ? null : move(stop.killedAt) },
  }
}
