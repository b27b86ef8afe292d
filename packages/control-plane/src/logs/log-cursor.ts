import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { LineSplitter } from './line-splitter.js'
import { TimeIndex } from './time-index.js'

const chunkBytes = 65_536

export interface TimedLine {
  readonly at: number | null
  readonly text: string
}

/** One file of a log: its name, and what names it through renames (a rotated file changes its name, never its content). */
interface LogFile {
  readonly path: string
  readonly key: string
}

/**
 * A place in one instance's log, which moves on line by line over the rotated files to the one being written, and over rotations
 * that happen meanwhile.
 *
 * A rotation moves what was being written into a new `.1`. So while the place is in the file being written, `.1` as it was then is
 * remembered: when `.1` is another one, the rest is to be read in the file that now stands right before the remembered one.
 * Files are opened for one read only: a reader that is abandoned leaves nothing open.
 */
export class LogCursor {
  readonly #logFile: string
  readonly #splitter = new LineSplitter()
  /** The rotated file the place is in; null when in the one being written. */
  #inside: string | null = null
  /** While in the one being written: `.1` as it was. Null: there was none. */
  #newest: string | null = null
  #offset = 0
  #index: TimeIndex
  #isAtLineStart = true

  /** Starts at the oldest byte that is kept. */
  constructor(logFile: string) {
    this.#logFile = logFile
    const oldest = this.#rotated().at(-1)
    this.#inside = oldest?.key ?? null
    this.#index = TimeIndex.read(oldest?.path ?? logFile)
  }

  /** True when a line has begun that has not ended. */
  get hasRest(): boolean {
    return this.#splitter.hasRest
  }

  /** Moves forward to the first line that may have been seen at `since` or later. */
  seekTime(since: number): void {
    for (const file of this.#oldestFirst()) {
      const index = TimeIndex.read(file.path)
      const offset = index.offsetOf(since)
      if (file.key !== '' && index.size > 0 && offset >= sizeOf(file.path)) continue
      this.#place(file, offset)
      return
    }
  }

  /** Moves forward to the last `count` lines, if more are ahead. */
  seekTail(count: number): void {
    const files = this.#oldestFirst()
    const start = files.findIndex(({ key }) => key === (this.#inside ?? ''))
    let left = count
    for (let position = files.length - 1; position >= Math.max(start, 0); position -= 1) {
      const file = files[position]
      if (file === undefined) return
      const least = position === start ? this.#offset : 0
      const found = tailOffset(file.path, left, least, position === files.length - 1)
      if (found.offset !== null) {
        this.#place(file, found.offset)
        return
      }
      left -= found.lines
    }
  }

  /**
   * Lines up to the end of what is there now. `seenAt` is the time of those that the index does not cover yet.
   * Never yields a line that has not ended; see `flush`.
   */
  *lines(seenAt: (modifiedAt: number) => number | null): Generator<TimedLine> {
    for (;;) {
      const chunk = this.#read()
      if (chunk === null) return
      for (const line of this.#splitter.push(chunk.bytes, chunk.offset)) {
        // A place that was found by time may be in the middle of a line, which began before.
        if (!this.#isAtLineStart) {
          this.#isAtLineStart = true
          continue
        }
        yield { at: this.#index.timeOf(line.offset) ?? seenAt(chunk.modifiedAt), text: line.text }
      }
    }
  }

  *flush(at: number | null): Generator<TimedLine> {
    for (const line of this.#splitter.flush()) yield { at: this.#index.timeOf(line.offset) ?? at, text: line.text }
  }

  #read(): { bytes: Buffer; offset: number; modifiedAt: number } | null {
    for (;;) {
      const rotated = this.#rotated()
      if (this.#inside === null) {
        if ((rotated[0]?.key ?? null) === this.#newest) {
          const size = sizeOf(this.#logFile)
          // Cut by someone else.
          if (size < this.#offset) this.#offset = 0
          return this.#chunk(this.#logFile)
        }
        const remembered = rotated.findIndex(({ key }) => key === this.#newest)
        const position = remembered === -1 ? rotated.length - 1 : remembered - 1
        if (remembered === -1 && this.#newest !== null) this.#offset = 0
        this.#inside = rotated[position]?.key ?? null
        this.#newest = this.#inside === null ? null : this.#newest
        continue
      }
      const position = rotated.findIndex(({ key }) => key === this.#inside)
      const file = rotated[position]
      const chunk = file === undefined ? null : this.#chunk(file.path)
      if (chunk !== null) return chunk
      const next = file === undefined ? rotated.at(-1) : rotated[position - 1]
      this.#enter(next ?? null, rotated)
    }
  }

  #chunk(path: string): { bytes: Buffer; offset: number; modifiedAt: number } | null {
    let descriptor: number
    try {
      descriptor = openSync(path, 'r')
    } catch {
      return null
    }
    try {
      const buffer = Buffer.allocUnsafe(chunkBytes)
      const length = readSync(descriptor, buffer, 0, buffer.length, this.#offset)
      if (length === 0) return null
      const offset = this.#offset
      this.#offset += length
      return { bytes: buffer.subarray(0, length), offset, modifiedAt: fstatSync(descriptor).mtimeMs }
    } finally {
      closeSync(descriptor)
    }
  }

  /** Begins the next newer file; null is the one being written. */
  #enter(file: LogFile | null, rotated: readonly LogFile[]): void {
    this.#inside = file?.key ?? null
    this.#newest = file === null ? (rotated[0]?.key ?? null) : null
    this.#offset = 0
    this.#index = TimeIndex.read(file?.path ?? this.#logFile)
  }

  #place(file: LogFile, offset: number): void {
    this.#enter(file.key === '' ? null : file, this.#rotated())
    this.#offset = offset
    this.#isAtLineStart = offset === 0 || byteAt(file.path, offset - 1) === 10
  }

  #oldestFirst(): LogFile[] {
    return [...this.#rotated().toReversed(), { path: this.#logFile, key: '' }]
  }

  /** Rotated files, newest first. */
  #rotated(): LogFile[] {
    const files: LogFile[] = []
    for (let generation = 1; ; generation += 1) {
      const path = `${this.#logFile}.${generation}`
      const stat = statSync(path, { throwIfNoEntry: false })
      if (stat === undefined) return files
      // A file system may give a deleted file's number to the next one.
      files.push({ path, key: `${stat.ino} ${stat.mtimeMs}` })
    }
  }
}

/** Where the last `count` lines of a file begin, or, when it has fewer after `least`, how many it has. */
function tailOffset(
  path: string,
  count: number,
  least: number,
  isNewest: boolean,
): { offset: number | null; lines: number } {
  let descriptor: number
  try {
    descriptor = openSync(path, 'r')
  } catch {
    return { offset: null, lines: 0 }
  }
  try {
    const { size } = fstatSync(descriptor)
    if (count <= 0) return { offset: size, lines: 0 }
    const buffer = Buffer.allocUnsafe(chunkBytes)
    let lines = 0
    for (let end = size; end > least;) {
      const start = Math.max(least, end - buffer.length)
      const length = readSync(descriptor, buffer, 0, end - start, start)
      for (let index = length - 1; index >= 0; index -= 1) {
        if (buffer[index] !== 10) {
          // A last line without its end counts where nothing can come after it.
          if (isNewest && start + index === size - 1) lines += 1
          continue
        }
        if (lines === count) return { offset: start + index + 1, lines }
        lines += 1
      }
      end = start
    }
    return { offset: null, lines }
  } finally {
    closeSync(descriptor)
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

function byteAt(path: string, offset: number): number | undefined {
  try {
    const descriptor = openSync(path, 'r')
    try {
      const buffer = Buffer.alloc(1)
      readSync(descriptor, buffer, 0, 1, offset)
      return buffer[0]
    } finally {
      closeSync(descriptor)
    }
  } catch {
    return undefined
  }
}
