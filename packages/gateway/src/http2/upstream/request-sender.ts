import { copy, wordBuffer } from '../../http1/words.js'
import * as frame from '../frame-types.js'
import type { FrameOutput } from '../frame-output.js'
import { putFrameHead } from '../frame-writer.js'
import { HpackEncoder } from '../hpack/encoder.js'
import { encodeRequest, encodeTrailers, sectionSize } from './request-section.js'

/** The stream that something is sent on, as far as sending goes. */
export interface SendingStream {
  readonly id: number
  /** Bytes that the peer still allows on it. */
  sendWindow: number
}

/** One whose request is about to be sent. */
interface RequestingStream extends SendingStream {
  /** Trailers of its answer go on. */
  readonly takesTrailers: boolean
}

/** Writes requests as frames, within what the service allows. */
export class RequestSender {
  /** Bytes that the service still allows on the connection as a whole. */
  window = frame.defaultWindow
  readonly #output: FrameOutput
  readonly #encoder = new HpackEncoder()
  #section: Buffer = wordBuffer(1024)

  constructor(output: FrameOutput) {
    this.#output = output
  }

  limitTable(bytes: number): void {
    this.#encoder.limitTable(bytes)
  }

  sendHead({ id, takesTrailers }: RequestingStream, bytes: Uint8Array, headLength: number, isEnd: boolean): void {
    this.#reserve(headLength)
    this.#sendSection(id, encodeRequest(this.#encoder, bytes, headLength, takesTrailers, this.#section), isEnd)
  }

  /** `lines`: `name: value\r\n` each. They end the stream, and no window holds them up. */
  sendTrailers({ id }: SendingStream, lines: Uint8Array): void {
    this.#reserve(lines.length)
    this.#sendSection(id, encodeTrailers(this.#encoder, lines, this.#section), true)
  }

  /** Makes `#section` large enough for a head of so many bytes. */
  #reserve(headLength: number): void {
    const size = sectionSize(headLength)
    if (this.#section.length < size) this.#section = wordBuffer(size)
  }

  #sendSection(id: number, length: number, isEnd: boolean): void {
    let at = 0
    do {
      const part = Math.min(length - at, frame.maxFrameBytes)
      const isFirst = at === 0
      const flags = (at + part === length ? frame.endHeadersFlag : 0) | (isFirst && isEnd ? frame.endStreamFlag : 0)
      this.#put(id, isFirst ? frame.headersFrame : frame.continuationFrame, flags, this.#section, at, at + part)
      at += part
    } while (at < length)
  }

  /** Sends as much as the windows allow; returns how much that was. */
  sendData(stream: SendingStream, bytes: Uint8Array): number {
    let at = 0
    while (at < bytes.length) {
      const length = Math.min(bytes.length - at, stream.sendWindow, this.window, frame.maxFrameBytes)
      if (length <= 0) break
      this.#put(stream.id, frame.dataFrame, 0, bytes, at, at + length)
      stream.sendWindow -= length
      this.window -= length
      at += length
    }
    return at
  }

  sendEnd(stream: SendingStream): void {
    this.#put(stream.id, frame.dataFrame, frame.endStreamFlag, this.#section, 0, 0)
  }

  #put(stream: number, type: number, flags: number, bytes: Uint8Array, start: number, end: number): void {
    const length = end - start
    const output = this.#output
    output.reserve(frame.frameHeadBytes + length)
    const to = putFrameHead(output.bytes, output.length, { length, type, flags, stream })
    output.length = copy(bytes, start, end, output.bytes, to)
  }
}
