import { closeSync, mkdirSync, openSync, readFileSync, renameSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock } from '../../clock.js'
import type { EngineClient } from './engine-client.js'
import { LogWindow, type LogMark } from './log-window.js'
import { OutputFrames, parseEntry, sinceOf, type OutputEntry } from './output-frames.js'

/** How far the log file holds the container's output. */
interface LogPosition extends LogMark {
  /** Of the log file, when this was written down. */
  readonly size: number
}

const saveIntervalMs = 200
const againAfterMs = 500
/** For the last lines of an ended container. */
const lastPassMs = 5000

/**
 * Copies a container's output from the engine into its log file, so that logs look the same whatever an instance runs on.
 *
 * Nothing is lost and nothing doubled, whenever this process dies: the engine keeps the output too, each entry with its time. The
 * position says how many bytes the file has of the last two seconds; they, and what the file holds beyond (written, and not yet noted),
 * are what the engine gives again first, byte for byte, so that many bytes are skipped. It is asked for so much again because it may write
 * down late what is a little older than the latest. Only output that the engine itself has rotated away is lost.
 */
export class LogCopy {
  readonly #options: LogCopyOptions
  readonly #abort = new AbortController()
  #descriptor: number | null = null
  #noted: LogPosition | null = null
  /** Of this pass: bytes still to come that the file has, the file's bytes beyond the note, and what has been read. */
  #skip = 0
  #beyond = 0
  #window = new LogWindow('')
  #isFirst = true
  /** Older entries are the file's already: the engine has rotated away what would tell exactly. */
  #from = ''
  #isEnded = false
  #cancelSave: (() => void) | null = null
  #cancelPause: (() => void) | null = null
  readonly #following: Promise<void>

  constructor(options: LogCopyOptions) {
    this.#options = options
    this.#following = this.#follow()
  }

  /** The container has ended: resolves when all of its output is in the file, or after a few seconds. */
  async finish(): Promise<void> {
    this.#isEnded = true
    this.#cancelPause?.()
    const cancel = this.#options.clock.after(lastPassMs, () => this.#abort.abort())
    await this.#following
    cancel()
    this.close()
  }

  /** Leaves off; another one goes on from here. */
  close(): void {
    this.#abort.abort()
    this.#cancelPause?.()
    this.#save()
    if (this.#descriptor !== null) closeSync(this.#descriptor)
    this.#descriptor = null
  }

  async #follow(): Promise<void> {
    const { signal } = this.#abort
    while (!signal.aborted) {
      // What is asked for after the end is all there is; a stream that was open then may have been cut short.
      const isLast = this.#isEnded
      try {
        await this.#pass(!isLast)
        if (isLast) return
      } catch {
        // The engine is away, or has forgotten the container: the one comes back, and the other ends with `finish` or `close`.
        if (isLast) return
      }
      if (!this.#isEnded) await this.#pause()
    }
  }

  async #pass(isFollowing: boolean): Promise<void> {
    const { engine, container } = this.#options
    this.#resume()
    const query = {
      stdout: '1',
      stderr: '1',
      timestamps: '1',
      follow: isFollowing ? '1' : '0',
      ...(this.#noted === null || this.#noted.since === '' ? {} : { since: sinceOf(this.#noted.since) }),
    }
    const { signal } = this.#abort
    const stream = await engine.stream('GET', `/containers/${container}/logs`, { query, signal })
    const frames = new OutputFrames()
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (signal.aborted) return
      this.#write(frames.push(chunk).map(parseEntry))
    }
    this.#save()
  }

  /** Begins a pass where the file ends, whatever became of the last one. */
  #resume(): void {
    const { logFile } = this.#options
    if (this.#descriptor === null) {
      mkdirSync(dirname(logFile), { recursive: true, mode: 0o700 })
      this.#descriptor = openSync(logFile, 'a', 0o600)
      this.#noted = readPosition(this.#options.positionFile)
    }
    const size = sizeOf(logFile)
    const noted = this.#noted
    const notedSize = noted?.size ?? 0
    // When the file was put aside since, what was noted of it is in the one before.
    this.#beyond = size >= notedSize ? size - notedSize : size + Math.max(0, sizeOf(`${logFile}.1`) - notedSize)
    this.#skip = (noted?.bytes ?? 0) + this.#beyond
    this.#window = new LogWindow(noted?.since ?? '')
    this.#isFirst = true
    this.#from = ''
  }

  #write(entries: readonly OutputEntry[]): void {
    const fresh: Buffer[] = []
    for (const { at, bytes } of entries) {
      if (this.#isFirst) this.#begin(at)
      this.#isFirst = false
      this.#window.add(at, bytes.length)
      if (at < this.#from) continue
      const skipped = Math.min(this.#skip, bytes.length)
      this.#skip -= skipped
      if (skipped < bytes.length) fresh.push(bytes.subarray(skipped))
    }
    if (fresh.length === 0 || this.#descriptor === null) return
    const whole = Buffer.concat(fresh)
    for (let written = 0; written < whole.length;) written += writeSync(this.#descriptor, whole, written)
    this.#cancelSave ??= this.#options.clock.after(saveIntervalMs, () => this.#save())
  }

  /** What the engine gives first shall be what was noted; otherwise it has rotated that away. */
  #begin(at: string): void {
    const noted = this.#noted
    if (noted === null || noted.first === at) return
    this.#from = noted.latest
    // Either it has the latest still, or nothing of what was noted.
    this.#skip = at <= noted.latest ? noted.latestBytes + this.#beyond : 0
  }

  /** While something is still to be skipped the last note stays the true one. */
  #save(): void {
    this.#cancelSave?.()
    this.#cancelSave = null
    const mark = this.#window.mark()
    if (this.#descriptor === null || this.#skip > 0 || mark === null) return
    const { logFile, positionFile } = this.#options
    const noted = { ...mark, size: sizeOf(logFile) }
    try {
      writeFileSync(`${positionFile}.new`, JSON.stringify(noted), { mode: 0o600 })
      renameSync(`${positionFile}.new`, positionFile)
      this.#noted = noted
    } catch {
      // Its directory goes with the instance.
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(againAfterMs, resolve)
      this.#cancelPause = () => {
        cancel()
        resolve()
      }
    })
  }
}

export interface LogCopyOptions {
  readonly engine: Pick<EngineClient, 'stream'>
  /** The container as the engine calls it. */
  readonly container: string
  readonly logFile: string
  readonly positionFile: string
  readonly clock: Clock
}

function readPosition(file: string): LogPosition | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as LogPosition
  } catch {
    return null
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
