import * as kind from '../http1/field-kinds.js'
import type { Head } from '../http1/head.js'
import { isKept, type ResponseShape } from '../http1/response-writer.js'
import type { FrameOutput } from './frame-output.js'
import * as frame from './frame-types.js'
import { putFrameHead } from './frame-writer.js'
import { fieldOverhead, type HpackEncoder } from './hpack/encoder.js'

const crlfLength = 2
/** Frame head, size updates and status. */
const sectionOverhead = 64

/**
 * Writes field sections of one connection's answers: HEADERS, and CONTINUATION behind it where one frame is not enough. The fields of
 * HTTP/1.1 connections are left out (RFC 9113 section 8.2.2), names are in lower case.
 */
export class SectionWriter {
  readonly #output: FrameOutput
  readonly #encoder: HpackEncoder

  constructor(output: FrameOutput, encoder: HpackEncoder) {
    this.#output = output
    this.#encoder = encoder
  }

  /** A response's head; `status` instead of the parser's own. Returns where its HEADERS frame begins in the output. */
  writeHead(stream: number, parser: Head, shape: ResponseShape, status: number): number {
    const { bytes, headers, kinds, headerCount } = parser
    const { edit } = shape
    const lines = edit === null ? 0 : edit.lines.length
    const start = this.#begin(parser.end - parser.start + lines + (headerCount + lines / 4 + 2) * fieldOverhead)
    const out = this.#output.bytes
    let to = this.#encoder.begin(out, start + frame.frameHeadBytes)
    to = this.#encoder.status(out, to, status)
    const checksConnection = parser.hasOtherOption
    for (let index = 0; index < headerCount; index++) {
      const nameStart = headers[index * 4]
      const nameEnd = headers[index * 4 + 1]
      if (!isKept(kinds[index], shape.keepsLength)) continue
      if (edit !== null && edit.drops(bytes, nameStart, nameEnd)) continue
      if (checksConnection && kinds[index] === kind.plain && parser.isNominated(index)) continue
      to = this.#encoder.field(
        out,
        to,
        bytes,
        nameStart,
        nameEnd,
        bytes,
        headers[index * 4 + 2],
        headers[index * 4 + 3],
      )
    }
    if (shape.date !== null && parser.dateIndex === -1 && edit?.hasDate !== true) to = this.#putLines(shape.date, to)
    if (edit !== null) to = this.#putLines(edit.lines, to)
    this.#end(stream, start, to, 0)
    return start
  }

  /** The fields behind a body, which end the stream. */
  writeTrailers(stream: number, lines: Uint8Array): void {
    const start = this.#begin(lines.length * (1 + fieldOverhead / 4))
    const to = this.#putLines(lines, this.#encoder.begin(this.#output.bytes, start + frame.frameHeadBytes))
    this.#end(stream, start, to, frame.endStreamFlag)
  }

  #begin(most: number): number {
    const frames = Math.ceil(most / frame.maxFrameBytes)
    this.#output.reserve(Math.ceil(most) + sectionOverhead + frames * frame.frameHeadBytes)
    return this.#output.length
  }

  /** `lines`: `Name: value\r\n`, any number of them. */
  #putLines(lines: Uint8Array, to: number): number {
    const out = this.#output.bytes
    for (let at = 0; at < lines.length;) {
      const nameEnd = lines.indexOf(0x3a, at)
      const lineEnd = lines.indexOf(0x0a, nameEnd)
      let valueStart = nameEnd + 1
      while (lines[valueStart] === 0x20) valueStart++
      to = this.#encoder.field(out, to, lines, at, nameEnd, lines, valueStart, lineEnd + 1 - crlfLength)
      at = lineEnd + 1
    }
    return to
  }

  /** Puts the heads of the frames round the section that was written behind the place for the first. */
  #end(stream: number, start: number, to: number, flags: number): void {
    const out = this.#output.bytes
    const most = frame.maxFrameBytes
    const length = to - start - frame.frameHeadBytes
    const more = Math.max(0, Math.ceil(length / most) - 1)
    // From the last frame to the second: each moves to where the heads before it leave it room.
    for (let index = more; index > 0; index--) {
      const from = start + frame.frameHeadBytes + index * most
      const size = Math.min(most, length - index * most)
      const head = from + (index - 1) * frame.frameHeadBytes
      out.copyWithin(head + frame.frameHeadBytes, from, from + size)
      const isLast = index === more ? frame.endHeadersFlag : 0
      putFrameHead(out, head, { length: size, type: frame.continuationFrame, flags: isLast, stream })
    }
    const first = flags | (more === 0 ? frame.endHeadersFlag : 0)
    putFrameHead(out, start, { length: Math.min(length, most), type: frame.headersFrame, flags: first, stream })
    this.#output.length = to + more * frame.frameHeadBytes
  }
}
