import {
  closeSync,
  existsSync,
  ftruncateSync,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import type { Clock } from '../clock.js'
import type { Driver, InstanceReport } from '../drivers/driver.js'
import { TimeIndex, indexFile } from './time-index.js'

const chunkBytes = 262_144
/** What is left to copy at most when everything else stops for the last step, as long as the program is not faster than we are. */
const lastStepBytes = 1_048_576
const maxCopyRounds = 8

/** A log that is no instance's: the gateway's access log. Lines in it say their time, so it has no index. */
export type PlainLog = Pick<InstanceReport, 'logFile' | 'logs'>

/**
 * Keeps every running instance's log within its policy and its time index up to date, by looking once a second.
 *
 * The program itself holds the log open (no pipe through us), so it cannot be made to open another: the log is copied to `.1` and
 * then cut to nothing. It is open for appending, so the next write goes to the new end. What is written between the last read of
 * the copy and the cut, two system calls in a row, is lost; what was there is there twice if we die
 * between renaming the copy and the cut.
 */
export class LogRotation {
  readonly #driver: Pick<Driver, 'list'>
  readonly #plain: readonly PlainLog[]
  readonly #clock: Clock
  readonly #intervalMs: number
  /** Size of each log when it was last looked at; dropped once its instance has been seen ended. */
  readonly #sizes = new Map<string, number>()
  readonly #ended = new Set<string>()
  #cancel: (() => void) | null = null
  #look: Promise<void> | null = null

  constructor(options: {
    readonly driver: Pick<Driver, 'list'>
    /** Written by appending, by however many processes. */
    readonly plain?: readonly PlainLog[]
    readonly clock: Clock
    readonly intervalMs?: number
  }) {
    this.#driver = options.driver
    this.#plain = options.plain ?? []
    this.#clock = options.clock
    this.#intervalMs = options.intervalMs ?? 1000
  }

  /** Looks now and then every second until `close`. */
  start(): void {
    this.#look = this.check()
      .catch(leaveIt)
      .finally(() => {
        if (this.#look !== null) this.#cancel = this.#clock.after(this.#intervalMs, () => this.start())
      })
  }

  async close(): Promise<void> {
    const look = this.#look
    this.#look = null
    await look
    this.#cancel?.()
  }

  /** One look at all logs. */
  async check(): Promise<void> {
    for (const log of this.#plain) await this.#checkPlain(log).catch(leaveIt)
    const reports = await this.#driver.list()
    const ids = new Set(reports.map(({ id }) => id))
    for (const id of this.#ended) if (!ids.has(id)) this.#ended.delete(id)
    for (const report of reports) if (!this.#ended.has(report.id)) await this.#checkOne(report).catch(leaveIt)
  }

  async #checkOne(report: InstanceReport): Promise<void> {
    this.#mark(report.logFile)
    if (report.state.kind === 'exited') {
      this.#ended.add(report.id)
      this.#sizes.delete(report.logFile)
    } else if ((this.#sizes.get(report.logFile) ?? 0) > report.logs.maxBytes) {
      await this.#rotate(report)
    }
  }

  async #checkPlain(log: PlainLog): Promise<void> {
    const size = statSync(log.logFile, { throwIfNoEntry: false })?.size ?? 0
    if (size <= log.logs.maxBytes) return
    this.#sizes.set(log.logFile, Infinity)
    await this.#rotate(log)
  }

  /** Writes down how long the log is now, if it has grown. */
  #mark(logFile: string): void {
    const size = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0
    const before = this.#sizes.get(logFile) ?? TimeIndex.read(logFile).size
    // Someone else has cut it: what the index says is of bytes that are gone.
    if (size < before) rmSync(indexFile(logFile), { force: true })
    if (size !== before && size > 0) TimeIndex.append(logFile, size, this.#clock.now())
    this.#sizes.set(logFile, size)
  }

  async #rotate({ logFile, logs }: PlainLog): Promise<void> {
    const from = openSync(logFile, 'r+')
    try {
      if (logs.maxFiles > 1) await this.#moveAway(from, logFile, logs.maxFiles)
      else {
        ftruncateSync(from, 0)
        rmSync(indexFile(logFile), { force: true })
      }
      this.#sizes.set(logFile, 0)
    } finally {
      closeSync(from)
    }
  }

  async #moveAway(from: number, logFile: string, maxFiles: number): Promise<void> {
    const copy = `${logFile}.copy`
    const copied = await copyMost(logFile, copy)
    const to = openSync(copy, 'a', 0o600)
    try {
      // From here on nothing of this process comes between, so a reader of ours sees the log either before or after; and nothing at
      // all stands between the last read and the cut.
      shift(logFile, maxFiles)
      renameSync(copy, `${logFile}.1`)
      copyRest(from, to, copied)
      ftruncateSync(from, 0)
      const { size } = fstatSync(to)
      if (size > (this.#sizes.get(logFile) ?? 0)) TimeIndex.append(logFile, size, this.#clock.now())
      moveOver(indexFile(logFile), indexFile(`${logFile}.1`))
    } finally {
      closeSync(to)
    }
  }
}

/** Copies until little is left. Returns how many bytes the copy has. */
async function copyMost(logFile: string, copy: string): Promise<number> {
  const from = await open(logFile, 'r')
  const to = await open(copy, 'w', 0o600)
  try {
    const buffer = Buffer.allocUnsafe(chunkBytes)
    let offset = 0
    for (let round = 0; round < maxCopyRounds; round += 1) {
      const { size } = await from.stat()
      if (round > 0 && size - offset <= lastStepBytes) break
      while (offset < size) {
        const { bytesRead } = await from.read(buffer, 0, buffer.length, offset)
        if (bytesRead === 0) break
        await to.write(buffer, 0, bytesRead, offset)
        offset += bytesRead
      }
    }
    return offset
  } finally {
    await from.close()
    await to.close()
  }
}

function copyRest(from: number, to: number, copied: number): void {
  const buffer = Buffer.allocUnsafe(chunkBytes)
  let offset = copied
  // A program that writes faster than this must not hold us here for ever.
  const end = fstatSync(from).size + lastStepBytes
  while (offset < end) {
    const bytes = readSync(from, buffer, 0, buffer.length, offset)
    if (bytes === 0) return
    writeSync(to, buffer, 0, bytes)
    offset += bytes
  }
}

/** `.1` becomes `.2` and so on; what is more than `maxFiles` with the one being written goes. */
function shift(logFile: string, maxFiles: number): void {
  for (let generation = maxFiles - 1; existsSync(`${logFile}.${generation}`); generation += 1) {
    rmSync(`${logFile}.${generation}`)
    rmSync(indexFile(`${logFile}.${generation}`), { force: true })
  }
  for (let generation = maxFiles - 2; generation >= 1; generation -= 1) {
    moveOver(`${logFile}.${generation}`, `${logFile}.${generation + 1}`)
    moveOver(indexFile(`${logFile}.${generation}`), indexFile(`${logFile}.${generation + 1}`))
  }
}

/** A full disk or the like: the next look tries again, and logs must never bring the control plane down, nor one of them hold up others. */
function leaveIt(): void {}

function moveOver(from: string, to: string): void {
  if (existsSync(from)) renameSync(from, to)
  else rmSync(to, { force: true })
}
