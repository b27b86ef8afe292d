import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { PandoError } from '@pando/model'

export type Database = InstanceType<typeof DatabaseSync>

/**
 * Schema changes, oldest first: the one at index n leads from version n to n + 1 (`PRAGMA user_version`). Only ever append.
 * They run in one transaction: a file is at one version or the next, never between.
 */
const migrations: readonly ((database: Database) => void)[] = [
  (database) =>
    database.exec(`
      CREATE TABLE record (kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
      CREATE TABLE event (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL, kind TEXT NOT NULL, service TEXT, instance TEXT, message TEXT NOT NULL);
      CREATE INDEX event_by_service ON event (service, seq);`),
]

/**
 * Opens (or makes, mode 0600) the state file for this process alone and brings its schema up to date.
 *
 * The lock is SQLite's own, taken once and held until `close` or the process's end, so a dead holder never blocks anybody.
 * Who holds it is written into `FILE.pid`, which is only believed while the lock is held. Write-ahead log with
 * synchronous=NORMAL: a commit has been handed to the kernel when it returns and so survives kill -9; only a power cut or a kernel
 * crash can take the newest commits back (everything since the last checkpoint at worst), and even that never leaves half of one.
 *
 * Throws `conflict` (another process has it), `unsupported` (written by a newer version), `internal` (damaged or not accessible).
 */
export function openSqliteFile(path: string): Database {
  let database: Database | undefined
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    createPrivate(path)
    database = new DatabaseSync(path)
    // Exclusive before WAL: then the index of the log lives in our memory and no other process can even look.
    database.exec('PRAGMA busy_timeout = 250; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;')
    database.exec('PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;')
    database.exec('BEGIN EXCLUSIVE; COMMIT;')
    check(database, path)
    migrate(database, path)
    writeHolder(path)
    return database
  } catch (error) {
    closeQuietly(database)
    throw describeOpenError(error, path)
  }
}

/** Lets go of the file; the next process may open it. */
export function closeSqliteFile(database: Database, path: string): void {
  rmSync(`${path}.pid`, { force: true })
  unlock(database)
  database.close()
}

/**
 * Prepared statements keep a closed connection half alive until they are collected (the binding cannot finalize them), and its
 * lock with it. So the lock is given back first, which an exclusive connection may only do outside of the write-ahead log.
 */
function unlock(database: Database): void {
  database.exec('PRAGMA journal_mode = DELETE; PRAGMA locking_mode = NORMAL; SELECT count(*) FROM sqlite_schema;')
}

/**
 * An existing file is never opened here, not even to look: closing any descriptor of it would drop every POSIX lock that this
 * process holds on it (see https://sqlite.org/howtocorrupt.html, section 2.2).
 */
function createPrivate(path: string): void {
  if (existsSync(path)) chmodSync(path, 0o600)
  else closeSync(openSync(path, 'ax', 0o600))
}

function check(database: Database, path: string): void {
  const row = database.prepare('PRAGMA quick_check(1)').get() as Record<string, unknown>
  const verdict = String(Object.values(row)[0])
  if (verdict !== 'ok') throw damaged(path, verdict)
}

function migrate(database: Database, path: string): void {
  const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number }
  if (version > migrations.length) {
    throw new PandoError(
      'unsupported',
      `${path} was written by a newer Pando (schema ${version}, this one knows ${migrations.length})`,
      { hint: 'Use that version, or give another directory with --state-dir.' },
    )
  }
  if (version === migrations.length) return
  database.exec('BEGIN IMMEDIATE')
  for (const step of migrations.slice(version)) step(database)
  database.exec(`PRAGMA user_version = ${migrations.length}`)
  database.exec('COMMIT')
}

function writeHolder(path: string): void {
  const beside = `${path}.pid.${process.pid}`
  try {
    writeFileSync(beside, `${process.pid}\n`, { mode: 0o600 })
    renameSync(beside, `${path}.pid`)
  } catch {
    // A full disk: who is refused will not read whose the file is, and that is all.
    rmSync(beside, { force: true })
  }
}

function readHolder(path: string): string | null {
  try {
    const text = readFileSync(`${path}.pid`, 'utf8').trim()
    return /^\d{1,10}$/.test(text) ? text : null
  } catch {
    return null
  }
}

/** Primary result codes of SQLite: https://sqlite.org/rescode.html */
const busy = new Set([5, 6])
const damage = new Set([11, 26])

function describeOpenError(error: unknown, path: string): PandoError {
  if (error instanceof PandoError) return error
  const code = resultCode(error)
  if (busy.has(code)) {
    const holder = readHolder(path)
    const whose = holder === null ? 'another process' : `process ${holder}`
    return new PandoError('conflict', `the state in ${path} is in use by ${whose}: one control plane an app`, {
      hint: 'Run `pando ps` to see it, `pando down` to end it, or give another directory with --state-dir.',
      cause: error,
    })
  }
  if (damage.has(code)) return damaged(path, error instanceof Error ? error.message : String(error), error)
  const reason = error instanceof Error ? error.message : String(error)
  return new PandoError('internal', `the state file ${path} cannot be opened: ${reason}`, { cause: error })
}

function damaged(path: string, detail: string, cause?: unknown): PandoError {
  return new PandoError('internal', `the state file ${path} is damaged: ${detail}`, {
    hint: 'Move it and its -wal file away, then run `pando up` again: instances that still run are found by their own records.',
    cause,
  })
}

/** What SQLite said, as a primary result code (https://sqlite.org/rescode.html); 0 when it was not SQLite. */
export function resultCode(error: unknown): number {
  const extended = (error as { errcode?: unknown } | null)?.errcode
  if (typeof extended === 'number') return extended & 0xff
  const message = error instanceof Error ? error.message : ''
  if (/database( table)? is locked/.test(message)) return 5
  if (/malformed/.test(message)) return 11
  if (/not a database/.test(message)) return 26
  return 0
}

function closeQuietly(database: Database | undefined): void {
  for (const step of [() => database && unlock(database), () => database?.close()]) {
    try {
      step()
    } catch {
      // What made the opening fail is the error to show.
    }
  }
}
