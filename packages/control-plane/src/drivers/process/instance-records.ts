import { randomBytes } from 'node:crypto'
import {
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { ExitReason } from '@pando/model'
import type { StartOrder } from '../driver.js'
import type { InstanceCgroups } from './cgroup.js'

/** What is on disk about an instance before anything of it runs. */
export interface InstanceRecord {
  readonly order: StartOrder
  /** Unix time, ms. */
  readonly startedAt: number
  /** The system's run that it belongs to (see `ProcessTable.boot`). */
  readonly boot: string
  /** Names this record's claim file, so that a launcher of an earlier record of the same id can never claim this one. */
  readonly nonce: string
  readonly cgroups: InstanceCgroups
  readonly logFile: string
  readonly notes: readonly string[]
}

/** How the main process ended. */
export interface ExitRecord {
  readonly at: number
  readonly reason: ExitReason
}

/**
 * `<directory>/<id>/` holds an instance's files:
 *
 * - `record.json`, written beside and renamed before the launcher is spawned;
 * - `claim.<nonce>`, created by the launcher or, to call the run off, by a control plane; whoever comes first;
 * - `stop`, there once it was told to stop;
 * - `exited.json`, once its main process has ended; the first one written stays.
 *
 * A directory without a record is from before the spawn: nothing runs. Files are 0600, since records hold environments.
 */
export class InstanceRecords {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  }

  static nonce(): string {
    return randomBytes(8).toString('hex')
  }

  /** Every record that can be read, and the ids of directories that hold none. */
  load(): { records: InstanceRecord[]; broken: string[] } {
    const records: InstanceRecord[] = []
    const broken: string[] = []
    for (const name of readdirSync(this.#directory)) {
      const record = name.startsWith('.')
        ? null
        : this.#read<InstanceRecord>(join(this.#directory, name, 'record.json'))
      if (record === null) broken.push(name)
      else records.push(record)
    }
    return { records, broken }
  }

  create(record: InstanceRecord): void {
    mkdirSync(this.#path(record.order.id), { recursive: true, mode: 0o700 })
    this.#write(record.order.id, 'record.json', record, renameSync)
  }

  claimFile(record: InstanceRecord): string {
    return join(this.#path(record.order.id), `claim.${record.nonce}`)
  }

  /** Null when nobody has created it. */
  readClaim(record: InstanceRecord): string | null {
    try {
      return readFileSync(this.claimFile(record), 'utf8')
    } catch {
      return null
    }
  }

  /** Takes the run's claim away from its launcher. False when the launcher was first. */
  callOff(record: InstanceRecord): boolean {
    try {
      writeFileSync(this.claimFile(record), 'called off', { flag: 'wx', mode: 0o600 })
      return true
    } catch {
      return false
    }
  }

  /** Where it cannot be written (the disk is full), only a later control plane will not know that its end was asked for. */
  markStopping(id: string): void {
    try {
      writeFileSync(join(this.#path(id), 'stop'), '', { mode: 0o600 })
    } catch {
      // To stop it matters more.
    }
  }

  isStopping(id: string): boolean {
    return statSync(join(this.#path(id), 'stop'), { throwIfNoEntry: false }) !== undefined
  }

  readExit(id: string): ExitRecord | null {
    return this.#read<ExitRecord>(join(this.#path(id), 'exited.json'))
  }

  /**
   * Returns what is recorded now: an earlier exit is never overwritten. Where it cannot be written (the disk is full, the folder is
   * gone) it is true all the same, and only a later control plane will not know the reason.
   */
  writeExit(id: string, exit: ExitRecord): ExitRecord {
    try {
      this.#write(id, 'exited.json', exit, linkOnce)
    } catch {
      return exit
    }
    return this.readExit(id) ?? exit
  }

  /** In one step as far as any reader can see: it is renamed out of sight first. */
  remove(id: string): void {
    const hidden = join(this.#directory, `.removed-${id}-${InstanceRecords.nonce()}`)
    try {
      renameSync(this.#path(id), hidden)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
      throw error
    }
    rmSync(hidden, { recursive: true, force: true })
  }

  /** Clears away a directory that holds no record. */
  discard(name: string): void {
    rmSync(join(this.#directory, name), { recursive: true, force: true })
  }

  #path(id: string): string {
    return join(this.#directory, id)
  }

  #write(id: string, name: string, value: unknown, place: (from: string, to: string) => void): void {
    const file = join(this.#path(id), name)
    const beside = `${file}.${InstanceRecords.nonce()}`
    writeFileSync(beside, JSON.stringify(value), { mode: 0o600 })
    place(beside, file)
  }

  #read<T>(file: string): T | null {
    try {
      return JSON.parse(readFileSync(file, 'utf8')) as T
    } catch {
      return null
    }
  }
}

/** As a rename, but what is there already stays. */
function linkOnce(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  unlinkSync(from)
}
