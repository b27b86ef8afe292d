import type { Head } from '../http1/head.js'
import type { ResponseShape } from '../http1/response-writer.js'
import { endStreamFlag, maxFrameBytes } from './frame-types.js'

/** A connection's way out, as one stream of it sees it. */
export interface StreamFrames {
  /** How much data the connection can take now: its window, or 0 while its socket takes nothing. */
  readonly room: number
  /** Goes up when what was written has left and cannot be changed any more. */
  readonly writes: number
  /** Writes HEADERS; returns where the frame begins. */
  writeHead(stream: number, parser: Head, shape: ResponseShape, status: number): number
  writeTrailers(stream: number, lines: Uint8Array): void
  /** Writes one DATA frame of `bytes[start, end)`, at most 16,384 bytes and no more than there is room for; returns where it begins. */
  writeData(stream: number, bytes: Uint8Array, start: number, end: number, isEnd: boolean): number
  /** Sets flags of the frame that begins there and has not left yet. */
  addFlags(at: number, flags: number): void
}

const noBytes = Buffer.alloc(0)

/** What one stream sends: at once as far as the windows allow (RFC 9113 section 5.2), the rest when they do. */
export class SendQueue {
  /** Of the stream; SETTINGS may make it negative (RFC 9113 section 6.9.2). */
  window: number
  hasHead = false
  /** The end has been given; nothing may be written behind it. */
  hasEnd = false
  readonly #stream: number
  readonly #frames: StreamFrames
  /** Data that waits: at most a read of the service's connection, as that is not read meanwhile. */
  #waiting: Buffer = noBytes
  #waitingStart = 0
  #trailers: Uint8Array | null = null
  #isEndWaiting = false
  /** The last frame, which can be made the stream's last as long as it has not left. */
  #lastFrame = 0
  #lastWrites = -1

  constructor(stream: number, frames: StreamFrames, window: number) {
    this.#stream = stream
    this.#frames = frames
    this.window = window
  }

  get isWaiting(): boolean {
    return this.#waiting.length > this.#waitingStart || this.#isEndWaiting
  }

  writeHead(parser: Head, shape: ResponseShape, status: number): void {
    if (status >= 200) this.hasHead = true
    this.#lastFrame = this.#frames.writeHead(this.#stream, parser, shape, status)
    this.#lastWrites = this.#frames.writes
  }

  /** The first `length` bytes; what cannot be sent now is copied. */
  write(bytes: Uint8Array, length: number): void {
    const sent = this.isWaiting ? 0 : this.#writeFrames(bytes, 0, length)
    if (sent === length) return
    const before = this.#waiting.subarray(this.#waitingStart)
    this.#waiting = Buffer.concat([before, bytes.subarray(sent, length)])
    this.#waitingStart = 0
  }

  /** `trailers`: lines, or null. */
  end(trailers: Uint8Array | null): void {
    if (this.hasEnd) return
    this.hasEnd = true
    this.#trailers = trailers
    if (this.isWaiting) this.#isEndWaiting = true
    else this.#writeEnd()
  }

  /** Sends one frame's worth of what waits. Returns whether anything was sent. */
  goOn(): boolean {
    const { length } = this.#waiting
    if (this.#waitingStart < length) {
      const most = this.#waitingStart + Math.min(maxFrameBytes, length - this.#waitingStart)
      const sent = this.#writeFrames(this.#waiting, this.#waitingStart, most)
      if (sent === this.#waitingStart) return false
      this.#waitingStart = sent
      if (sent < length) return true
    }
    this.#waiting = noBytes
    this.#waitingStart = 0
    if (this.#isEndWaiting) {
      this.#isEndWaiting = false
      this.#writeEnd()
    }
    return true
  }

  clear(): void {
    this.#waiting = noBytes
    this.#waitingStart = 0
    this.#isEndWaiting = false
    this.#trailers = null
  }

  /** Writes as much of `bytes[at, end)` as the windows allow; returns the offset behind it. */
  #writeFrames(bytes: Uint8Array, at: number, end: number): number {
    while (at < end) {
      const room = Math.min(this.window, this.#frames.room)
      if (room <= 0) break
      const to = Math.min(end, at + Math.min(room, maxFrameBytes))
      this.#lastFrame = this.#frames.writeData(this.#stream, bytes, at, to, false)
      this.#lastWrites = this.#frames.writes
      this.window -= to - at
      at = to
    }
    return at
  }

  #writeEnd(): void {
    if (this.#trailers !== null) this.#frames.writeTrailers(this.#stream, this.#trailers)
    else if (this.#lastWrites === this.#frames.writes) this.#frames.addFlags(this.#lastFrame, endStreamFlag)
    else this.#frames.writeData(this.#stream, noBytes, 0, 0, true)
    this.#trailers = null
  }
}
