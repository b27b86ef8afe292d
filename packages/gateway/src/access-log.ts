import { close, open, write } from 'node:fs'
import type { Counter } from './metrics/registry.js'
import { type AccessRecord, recordSize, writeRecord } from './access-record.js'
import { type TimerWheel, WheelTimer } from './timer-wheel.js'

export { AccessRecord } from './access-record.js'

const flushAboveBytes = 64 * 1024
const flushAfterMs = 100
const bufferBytes = 256 * 1024

export interface AccessLogOptions {
  /** Absolute; created with mode 0600, always appended to. Several workers may share it: each write is whole lines. */
  readonly path: string
  readonly wheel: TimerWheel
  /** Lines that were left out because the disk could not keep up. */
  readonly dropped: Counter
  /** Unix time in milliseconds. */
  readonly now?: () => number
  /** Told once a trouble (not a line), for example when the file cannot be opened. */
  readonly onError?: (error: Error) => void
}

/**
 * JSON lines, buffered: written every 100 ms or 64 KiB. Two buffers take turns, one fills while the other is on its way to the disk;
 * when both are full lines are dropped and counted, never waited for.
 *
 * Invariants: at most one write is under way; a buffer that is being written is not touched; lines leave in the order they came.
 */
export class AccessLog {
  readonly #options: AccessLogOptions
  readonly #now: () => number
  readonly #timer: WheelTimer<AccessLog>
  #filling = Buffer.allocUnsafeSlow(bufferBytes)
  #spare = Buffer.allocUnsafeSlow(bufferBytes)
  #length = 0
  #isWriting = false
  #fd: number | null = null
  #isOpening = false
  #wantsReopen = false
  #wasTold = false
  #isClosed = false
  #idle: (() => void)[] = []
  /** The time of the last line as text: many lines share a millisecond. */
  #timeMs = 0
  #timeText = ''

  constructor(options: AccessLogOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    this.#timer = new WheelTimer<AccessLog>(this, flushLog)
    this.#open()
  }

  append(record: AccessRecord): void {
    if (this.#length + recordSize(record) > bufferBytes || this.#isClosed) {
      this.#options.dropped.inc()
      return
    }
    const now = this.#now()
    if (now !== this.#timeMs) {
      this.#timeMs = now
      this.#timeText = new Date(now).toISOString()
    }
    const wasEmpty = this.#length === 0
    this.#length = writeRecord(record, this.#timeText, this.#filling, this.#length)
    if (this.#length >= flushAboveBytes) this.flush()
    else if (wasEmpty) this.#options.wheel.schedule(this.#timer, flushAfterMs)
  }

  /** Sends what is buffered on its way, unless a write is under way: then that one's end does. */
  flush(): void {
    if (this.#isWriting || this.#isOpening || this.#fd === null || this.#length === 0) return
    const full = this.#filling
    const length = this.#length
    this.#filling = this.#spare
    this.#spare = full
    this.#length = 0
    this.#isWriting = true
    this.#write(this.#fd, full, 0, length)
  }

  /** Opens the path anew, after a log rotation has renamed the file. What was appended before may still go to the old one. */
  reopen(): void {
    this.#wantsReopen = true
    if (!this.#isWriting && !this.#isOpening) this.#open()
  }

  /** Resolves when all that was appended is written (or could not be). */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#options.wheel.cancel(this.#timer)
    this.flush()
    if (this.#isWriting || this.#isOpening) await new Promise<void>((resolve) => this.#idle.push(resolve))
    this.#drop(this.#filling, 0, this.#length)
    if (this.#fd !== null) close(this.#fd, () => {})
    this.#fd = null
  }

  #open(): void {
    this.#isOpening = true
    this.#wantsReopen = false
    open(this.#options.path, 'a', 0o600, (error, fd) => {
      this.#isOpening = false
      if (error === null) {
        if (this.#fd !== null) close(this.#fd, () => {})
        this.#fd = fd
        this.#wasTold = false
      } else {
        this.#tell(error)
      }
      this.#goOn()
    })
  }

  #write(fd: number, buffer: Buffer, start: number, end: number): void {
    write(fd, buffer, start, end - start, null, (error, written) => {
      if (error === null && start + written < end) {
        this.#write(fd, buffer, start + written, end)
        return
      }
      if (error !== null) {
        // A full disk: these lines are lost, and counted.
        this.#drop(buffer, start, end)
        this.#tell(error)
      }
      this.#isWriting = false
      this.#goOn()
    })
  }

  #goOn(): void {
    if (this.#wantsReopen) {
      this.#open()
      return
    }
    if (this.#length >= flushAboveBytes || this.#isClosed) this.flush()
    else if (this.#length > 0) this.#options.wheel.schedule(this.#timer, flushAfterMs)
    if (this.#isWriting) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  #drop(buffer: Buffer, start: number, end: number): void {
    for (let at = start; at < end; at++) if (buffer[at] === 0x0a) this.#options.dropped.inc()
  }

  #tell(error: Error): void {
    if (this.#wasTold) return
    this.#wasTold = true
    this.#options.onError?.(error)
  }
}

function flushLog(log: AccessLog): void {
  log.flush()
}
