import { dirname } from 'node:path'
import { PandoError } from '@pando/model'
import type { EventKind, PandoEvent } from '@pando/model'
import { eventLimit, refusePromise } from './limits.js'
import { closeSqliteFile, openSqliteFile, resultCode } from './sqlite-file.js'
import type { Database } from './sqlite-file.js'
import type { RecordKind, Records, Store } from './store.js'

/** SQLITE_READONLY, SQLITE_IOERR, SQLITE_FULL: nothing is wrong with what was to be written. */
const unwritable = new Set([8, 10, 13])

type Statement = ReturnType<Database['prepare']>

interface Statements {
  readonly get: Statement
  readonly put: Statement
  readonly delete: Statement
  readonly all: Statement
  readonly append: Statement
  readonly prune: Statement
  readonly newest: Statement
  readonly newestOf: Statement
  readonly after: Statement
  readonly afterOf: Statement
}

/** Durable records and events in one SQLite file; see `openSqliteFile` for what survives what, and for who may open it. */
export class SqliteStore implements Store {
  readonly #database: Database
  readonly #path: string
  readonly #eventLimit: number
  readonly #run: Statements
  #depth = 0
  /** What takes memory back with the running transaction, oldest first. */
  #undo: (() => void)[] = []
  #isClosed = false
  readonly #onUnwritable: (error: PandoError) => void

  /** `path`: absolute path of the file; its folder is made when missing. `onUnwritable` is told each time that there is no room for a write. */
  constructor(options: {
    readonly path: string
    readonly eventLimit?: number
    readonly onUnwritable?: (error: PandoError) => void
  }) {
    this.#path = options.path
    this.#onUnwritable = options.onUnwritable ?? (() => {})
    this.#eventLimit = options.eventLimit ?? eventLimit
    this.#database = openSqliteFile(options.path)
    this.#run = prepare(this.#database)
  }

  get<K extends RecordKind>(kind: K, key: string): Records[K] | undefined {
    return this.#mapErrors(() => {
      const row = this.#run.get.get(kind, key) as { value: string } | undefined
      return row === undefined ? undefined : (JSON.parse(row.value) as Records[K])
    })
  }

  put<K extends RecordKind>(kind: K, key: string, value: Records[K]): void {
    this.#mapErrors(() => this.#run.put.run(kind, key, JSON.stringify(value)))
  }

  delete(kind: RecordKind, key: string): void {
    this.#mapErrors(() => this.#run.delete.run(kind, key))
  }

  all<K extends RecordKind>(kind: K): Map<string, Records[K]> {
    return this.#mapErrors(() => {
      const rows = this.#run.all.all(kind) as { key: string; value: string }[]
      return new Map(rows.map((row) => [row.key, JSON.parse(row.value) as Records[K]]))
    })
  }

  transaction<T>(work: () => T): T {
    // The outermost is a transaction, inner ones are savepoints in it: each is all or nothing, and durable with the outermost.
    const isOuter = this.#depth === 0
    const name = `nested_${this.#depth}`
    this.#mapErrors(() => this.#database.exec(isOuter ? 'BEGIN IMMEDIATE' : `SAVEPOINT ${name}`))
    this.#depth++
    const begin = this.#undo.length
    try {
      const result = refusePromise(work())
      this.#mapErrors(() => this.#database.exec(isOuter ? 'COMMIT' : `RELEASE ${name}`))
      return result
    } catch (error) {
      for (const undo of this.#undo.splice(begin).toReversed()) undo()
      // SQLite may have rolled back by itself (disk full); then there is nothing left to take back.
      if (this.#database.isTransaction) {
        this.#database.exec(isOuter ? 'ROLLBACK' : `ROLLBACK TO ${name}; RELEASE ${name}`)
      }
      throw error
    } finally {
      this.#depth--
      if (isOuter) this.#undo = []
    }
  }

  onRollback(undo: () => void): void {
    if (this.#depth > 0) this.#undo.push(undo)
  }

  appendEvent(event: Omit<PandoEvent, 'seq'>): PandoEvent {
    return this.transaction(() =>
      this.#mapErrors(() => {
        const { at, kind, service, instance, message } = event
        const seq = Number(this.#run.append.run(at, kind, service, instance, message).lastInsertRowid)
        this.#run.prune.run(seq - this.#eventLimit)
        return { seq, at, kind, service, instance, message }
      }),
    )
  }

  events(options: { after: number | null; limit: number; service?: string }): PandoEvent[] {
    const { after, limit, service } = options
    if (limit <= 0) return []
    return this.#mapErrors(() => {
      if (after === null) {
        const rows = service === undefined ? this.#run.newest.all(limit) : this.#run.newestOf.all(service, limit)
        return (rows as EventRow[]).map(toEvent).toReversed()
      }
      const rows =
        service === undefined ? this.#run.after.all(after, limit) : this.#run.afterOf.all(service, after, limit)
      return (rows as EventRow[]).map(toEvent)
    })
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    closeSqliteFile(this.#database, this.#path)
  }

  #mapErrors<T>(work: () => T): T {
    if (this.#isClosed) throw new PandoError('internal', 'the store is closed')
    try {
      return work()
    } catch (error) {
      if (error instanceof PandoError) throw error
      const reason = error instanceof Error ? error.message : String(error)
      const isFull = unwritable.has(resultCode(error))
      const failure = new PandoError('internal', `the state file ${this.#path} failed: ${reason}`, {
        cause: error,
        ...(isFull ? { hint: `make room on the disk that holds ${dirname(this.#path)}; it goes on by itself` } : {}),
      })
      if (isFull) this.#onUnwritable(failure)
      throw failure
    }
  }
}

interface EventRow {
  readonly seq: number
  readonly at: number
  readonly kind: EventKind
  readonly service: string | null
  readonly instance: string | null
  readonly message: string
}

function toEvent(row: EventRow): PandoEvent {
  const { seq, at, kind, service, instance, message } = row
  return { seq, at, kind, service, instance, message }
}

function prepare(database: Database): Statements {
  const columns = 'seq, at, kind, service, instance, message'
  return {
    get: database.prepare('SELECT value FROM record WHERE kind = ? AND key = ?'),
    put: database.prepare(
      'INSERT INTO record (kind, key, value) VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value',
    ),
    delete: database.prepare('DELETE FROM record WHERE kind = ? AND key = ?'),
    all: database.prepare('SELECT key, value FROM record WHERE kind = ? ORDER BY key'),
    append: database.prepare('INSERT INTO event (at, kind, service, instance, message) VALUES (?, ?, ?, ?, ?)'),
    prune: database.prepare('DELETE FROM event WHERE seq <= ?'),
    newest: database.prepare(`SELECT ${columns} FROM event ORDER BY seq DESC LIMIT ?`),
    newestOf: database.prepare(`SELECT ${columns} FROM event WHERE service = ? ORDER BY seq DESC LIMIT ?`),
    after: database.prepare(`SELECT ${columns} FROM event WHERE seq > ? ORDER BY seq LIMIT ?`),
    afterOf: database.prepare(`SELECT ${columns} FROM event WHERE service = ? AND seq > ? ORDER BY seq LIMIT ?`),
  }
}
