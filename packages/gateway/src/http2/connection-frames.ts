import type { Head } from '../http1/head.js'
import type { ResponseShape } from '../http1/response-writer.js'
import { copy } from '../http1/words.js'
import type { FloodGuard } from './flood-guard.js'
import type { FrameOutput } from './frame-output.js'
import { dataFrame, defaultWindow, endStreamFlag, frameHeadBytes } from './frame-types.js'
import { putFrameHead } from './frame-writer.js'
import { HpackEncoder } from './hpack/encoder.js'
import { SectionWriter } from './response-section.js'
import type { StreamFrames } from './send-queue.js'

/** The frames that the streams of one connection send, and the window that they share. */
export class ConnectionFrames implements StreamFrames {
  /** Of the connection. */
  window = defaultWindow
  readonly encoder: HpackEncoder
  readonly #output: FrameOutput
  readonly #sections: SectionWriter
  readonly #guard: FloodGuard

  /** `name`: see `HpackEncoder`. */
  constructor(output: FrameOutput, guard: FloodGuard, name: Uint8Array) {
    this.#output = output
    this.encoder = new HpackEncoder(name)
    this.#sections = new SectionWriter(output, this.encoder)
    this.#guard = guard
  }

  get room(): number {
    return this.#output.isBlocked ? 0 : this.window
  }

  get writes(): number {
    return this.#output.writes
  }

  writeHead(stream: number, parser: Head, shape: ResponseShape, status: number): number {
    return this.#sections.writeHead(stream, parser, shape, status)
  }

  writeTrailers(stream: number, lines: Uint8Array): void {
    this.#sections.writeTrailers(stream, lines)
  }

  writeData(stream: number, bytes: Uint8Array, start: number, end: number, isEnd: boolean): number {
    const output = this.#output
    const length = end - start
    output.reserve(frameHeadBytes + length)
    const at = output.length
    const to = putFrameHead(output.bytes, at, { length, type: dataFrame, flags: isEnd ? endStreamFlag : 0, stream })
    output.length = copy(bytes, start, end, output.bytes, to)
    this.window -= length
    if (length > 0) this.#guard.onDataSent()
    return at
  }

  addFlags(at: number, flags: number): void {
    this.#output.bytes[at + 4] |= flags
  }
}
