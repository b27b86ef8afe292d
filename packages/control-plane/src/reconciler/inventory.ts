import { PandoError } from '@pando/model'
import type { Clock } from '../clock.js'
import type { Driver, InstanceReport } from '../drivers/driver.js'
import type { NewEvent } from '../events/events.js'
import { adopted, orphan } from './adopt.js'
import type { Executor } from './execute.js'
import type { Ledger, Run } from './ledger.js'
import type { Tasks } from './tasks.js'

/** A listing that has not come in this time is asked for again. */
const listDeadlineMs = 30_000
const firstListAgainMs = 1000

/**
 * What the driver lists, set against what is known.
 *
 * At most one listing is under way and at most one more is wanted. A listing says nothing of what changed after it began: runs
 * confirmed or refused since then are left alone, and so are those buried since then.
 */
export class Inventory {
  /** How many listings have begun. */
  listings = 0
  readonly #driver: Driver
  readonly #clock: Clock
  readonly #ledger: Ledger
  readonly #tasks: Tasks
  readonly #executor: Executor
  readonly #emit: (event: NewEvent) => void
  readonly #onExit: (report: InstanceReport) => void
  #state: 'new' | 'open' | 'closed' = 'new'
  #underWay: { readonly since: number } | null = null
  #isAnotherWanted = false
  readonly #buriedMeanwhile = new Set<string>()

  constructor(options: {
    driver: Driver
    clock: Clock
    ledger: Ledger
    tasks: Tasks
    executor: Executor
    emit: (event: NewEvent) => void
    onExit: (report: InstanceReport) => void
  }) {
    this.#driver = options.driver
    this.#clock = options.clock
    this.#ledger = options.ledger
    this.#tasks = options.tasks
    this.#executor = options.executor
    this.#emit = options.emit
    this.#onExit = options.onExit
  }

  /** Takes over what runs. Resolves when all of it is in the ledger. */
  async open(): Promise<void> {
    const reports = await this.#firstListing()
    if (this.#state === 'closed') return
    this.#state = 'open'
    const records = this.#ledger.records()
    const now = this.#clock.now()
    for (const report of reports) {
      const record = records.get(report.id)
      if (record === undefined) continue
      records.delete(report.id)
      this.#take(adopted(report, record, this.listings, now))
    }
    for (const report of reports) if (!this.#ledger.runs.has(report.id)) this.#onStray(report, now)
    for (const id of records.keys()) this.#ledger.forget(id)
  }

  /** Asks the driver again, now or when the listing under way has come. */
  relist(): void {
    if (this.#state !== 'open') return
    const now = this.#clock.now()
    if (this.#underWay !== null && Math.abs(now - this.#underWay.since) <= listDeadlineMs) {
      this.#isAnotherWanted = true
      return
    }
    this.#isAnotherWanted = false
    const number = ++this.listings
    const listing = { since: now }
    this.#underWay = listing
    this.#buriedMeanwhile.clear()
    this.#tasks.run(`list ${number}`, async () => {
      try {
        const reports = await this.#driver.list()
        if (this.#underWay === listing) this.#merge(reports, number)
      } finally {
        if (this.#underWay === listing) this.#underWay = null
        if (this.#isAnotherWanted) this.relist()
      }
    })
  }

  /** The listing under way may still report it. */
  onBuried(id: string): void {
    if (this.#underWay !== null) this.#buriedMeanwhile.add(id)
  }

  close(): void {
    this.#state = 'closed'
    this.#underWay = null
  }

  async #firstListing(): Promise<InstanceReport[]> {
    for (;;) {
      try {
        return await this.#driver.list()
      } catch (error) {
        if (this.#state === 'closed') return []
        this.#emit({ kind: 'fault', message: `could not list what runs: ${PandoError.from(error).message}` })
        await new Promise<void>((resolve) => this.#clock.after(firstListAgainMs, resolve))
      }
    }
  }

  #merge(reports: readonly InstanceReport[], number: number): void {
    const now = this.#clock.now()
    const listed = new Set<string>()
    for (const report of reports) {
      listed.add(report.id)
      const run = this.#ledger.runs.get(report.id)
      if (run === undefined) {
        if (!this.#buriedMeanwhile.has(report.id)) this.#onStray(report, now)
        continue
      }
      this.#executor.confirm(run, report)
      this.#onExit(report)
    }
    for (const run of this.#ledger.runs.values()) {
      if (listed.has(run.id) || run.exited !== null) continue
      if (run.confirmedAfter === null) {
        const { refused } = run
        if (refused === null || refused.after >= number) continue
        run.exited = { at: now, reason: { kind: 'start_failed', detail: refused.detail } }
      } else if (run.confirmedAfter < number) {
        run.exited = { at: now, reason: { kind: 'unknown' } }
      }
    }
  }

  /** Reported, and unknown here. An exited one was buried before its record could be removed. */
  #onStray(report: InstanceReport, now: number): void {
    if (report.state.kind === 'exited') this.#executor.remove(report.id)
    else this.#take(orphan(report, this.#ledger, this.listings, now))
  }

  #take(run: Run): void {
    this.#ledger.add(run)
    if (run.exited !== null) return
    const how = run.record.stop === null ? `is taken over, ${run.record.health}` : 'was found, and is stopped'
    this.#emit({ kind: 'instance.adopted', service: run.service, instance: run.id, message: `${run.id} ${how}` })
    this.#executor.repeat(run)
  }
}
